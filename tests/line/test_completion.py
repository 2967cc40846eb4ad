"""What bash, zsh and fish complete: driven as a person does, on a terminal of their own."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from jobsync.cli.main import cli
from jobsync.manifest.outline import outline
from tests.line.linebench import Bench

SET = """apiVersion: jobsync/v1
project: p
targets:
  tacc: {baseUrl: https://api.example.org}
  frontera: {baseUrl: https://api.example.org}
variables:
  queue: {default: debug}
jobs:
  sort: {appId: x-1.0}
  tree:
    appId: x-1.0
    matrix: {model: [lg, "W AG"], seed: [1, 2], exclude: [{model: lg, seed: 2}]}
"""
TREES = ["tree", "tree.lg.1", "tree.w-ag-9f4d2a.1", "tree.w-ag-9f4d2a.2"]
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
READY = {
    "bash": "PS1='rea''dy> '; source <(jobsync completion bash)",
    "zsh": "PROMPT='rea''dy> '; autoload -U compinit; compinit -D -u; "
    "source <(jobsync completion zsh)",
    "fish": "function fish_prompt; echo -n 'rea''dy> '; end; jobsync completion fish | source",
}
_CONTROL = re.compile(
    r"\x1b(?:\[[0-9;?<>=]*[a-zA-Z]|[()][A-Z0-9]|[=>]|\][^\x07\x1b]*(?:\x07|\x1b\\))"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set.yaml").write_text(SET)
    return tmp_path


def completed(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What is offered for the last of *words*, by the functions that the shells call."""
    monkeypatch.chdir(folder)
    *before, last = words
    return [
        one.value for one in ShellComplete(cli, {}, "jobsync", "_X").get_completions(before, last)
    ]


def test_addresses_are_those_that_the_set_has(folder: Path) -> None:
    from jobsync import load

    found = outline([str(folder)])
    assert set(found.addresses) == {*load([folder]).jobs, "tree"}
    assert found.targets == ("tacc", "frontera") and found.variables == ("queue",)


def test_each_kind_of_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("why", ""), ("logs", ""), ("plan", "--select", ""), ("apply", "--retry", "")):
        found = completed(folder, monkeypatch, *words)
        assert found[:2] == ["sort", "tree"] and "tree.lg.1" in found, words
        assert "tree.lg.2" not in found
    assert completed(folder, monkeypatch, "why", "so") == ["sort"]
    assert completed(folder, monkeypatch, "plan", "--target", "") == [
        *("tacc", "frontera", "local", "env"),
    ]
    assert completed(folder, monkeypatch, "plan", "--var", "") == ["queue="]
    assert "mass-submit" in completed(folder, monkeypatch, "apply", "--allow", "mass")
    assert completed(folder, monkeypatch, "pl") == ["plan"]


def test_every_option_of_a_name_completes() -> None:
    context = click.Context(cli)
    expected = {"target", "select", "exclude", "retry", "allow", "variables", "address", "globs"}

    def parameters(command: click.Command) -> Iterator[click.Parameter]:
        yield from command.params
        for below in getattr(command, "commands", {}).values():
            yield from parameters(below)

    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        for parameter in parameters(command):
            if parameter.name in expected:
                completer = getattr(parameter, "_custom_shell_complete", None)
                assert completer, f"{name}: {parameter.name} completes nothing"


def test_another_set_and_one_that_is_broken(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.yaml").write_text("apiVersion: jobsync/v1\nproject: q\njobs: {b: {}}\n")
    assert completed(folder, monkeypatch, "why", "-m", "other", "") == ["b"]
    (folder / "set.yaml").write_text(SET + "  sort: {\n")
    assert completed(folder, monkeypatch, "why", "") == ["b"]
    (folder / "set.yaml").write_bytes(b"\xff\xfe")
    assert completed(folder, monkeypatch, "plan", "--target", "") == ["local", "env"]


def test_completing_makes_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sort" in completed(folder, monkeypatch, "plan", "--log-file", "log", "--select", "")
    assert not (folder / "log").exists()


def test_a_large_set_is_completed_by_its_keys(tmp_path: Path) -> None:
    jobs = "".join(f"  job-{n}:\n    appId: x-1.0\n    inputs: {{a: b}}\n" for n in range(10_000))
    (tmp_path / "a.yaml").write_text(f"apiVersion: jobsync/v1\nproject: p\njobs:\n{jobs}env: [A]\n")
    began = time.process_time()
    found = outline([str(tmp_path)]).addresses
    assert time.process_time() - began < 0.5, "as YAML it takes seconds"
    assert len(found) == 10_000 and found[0] == "job-0"


def test_it_takes_under_a_tenth_of_a_second(folder: Path) -> None:
    """In seconds of the processor, so that a busy machine does not count."""
    environ = {**os.environ, "_JOBSYNC_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    script = (
        "import sys, resource, atexit; sys.argv[0] = 'jobsync'; "
        "from jobsync.cli.main import cli\n"
        "try: cli.main([], prog_name='jobsync')\n"
        "finally:\n"
        " used = resource.getrusage(resource.RUSAGE_SELF)\n"
        " print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    spent = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={**environ, "COMP_WORDS": "jobsync why "},
            capture_output=True,
            text=True,
        )
        assert "plain,sort" in done.stdout, done
        spent.append(float(done.stderr.split()[-1]))
    assert min(spent) < 0.1, statistics.median(spent)


class Terminal:
    """A shell on a terminal: what is typed, and what then stands on the screen."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.screen = ""

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def until(self, *texts: str, seconds: float = 30.0) -> str:
        """The screen, once it holds all of *texts*."""
        end = time.monotonic() + seconds
        while not all(text in self.screen for text in texts):
            left = end - time.monotonic()
            assert left > 0, f"{texts} not on the screen: {self.screen[-2000:]!r}"
            if select.select([self._descriptor], [], [], left)[0]:
                data = os.read(self._descriptor, 65536)
                if b"\x1b[c" in data or b"\x1b[0c" in data:  # fish asks what the terminal is
                    os.write(self._descriptor, b"\x1b[?62;c")
                self.screen += _CONTROL.sub("", data.decode(errors="replace"))
        return self.screen


@contextmanager
def terminal(shell: str, folder: Path) -> Iterator[Terminal]:
    child, descriptor = pty.fork()
    if child == 0:
        tools = Path(sys.executable).parent
        environ = {
            **Bench(folder).environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "TERM": "xterm",
            "COLUMNS": "120",
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "LC_ALL": "C.UTF-8",
        }
        os.chdir(folder)
        os.execvpe(SHELLS[shell][0], SHELLS[shell], environ)
    try:
        yield Terminal(descriptor)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(descriptor)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_person_presses_tab(shell: str, folder: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    if not (Path(sys.executable).parent / "jobsync").exists():
        pytest.skip("the command jobsync is not installed beside this Python")
    with terminal(shell, folder) as on:
        on.type(READY[shell] + "\n")
        on.until("ready> ")
        for typed, whole in (
            ("jobsync why so", "jobsync why sort"),
            ("jobsync plan --target ta", "jobsync plan --target tacc"),
            ("jobsync apply --allow mass-su", "jobsync apply --allow mass-submit"),
            ("jobsync plan --var qu", "jobsync plan --var queue="),
        ):
            on.screen = ""
            on.type(f"{typed}\t")
            on.until(whole)
            on.type("\x15")  # the line is taken back
        on.screen = ""
        on.type("jobsync why tree.\t\t")
        on.until("tree.lg.1")
