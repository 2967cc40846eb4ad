"""Sets of a pull request that nobody has read: ``validate`` and ``plan`` say what is wrong in them,
in time, and neither run, write, tell nor send what they were not allowed to."""

# ruff: noqa: E501

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.campaigns.lying_service import run
from tests.fakes.scripted_server import ScriptedServer, envelope
from tests.trust.test_service import acted_on

HEAD = "apiVersion: jobsync/v1\nproject: p\n"
JOB = "jobs: {one: {appId: a-1.0}}\n"
LAUGHS = "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}' if n else 'x'] * 10)}]\n" for n in range(9)
)
MOVES = r"\e[2J\e[1;1H"
SECRET = "the-secret-of-the-runner"

SETS = {
    "a billion aliases": HEAD + f"variables:\n  v:\n    {LAUGHS.replace(chr(10), chr(10) + '    ')}",
    "aliases in a job": HEAD + "x: &x {a: 1}\njobs: {one: {appId: a-1.0, parameters: *x, inputs: *x}}\n",
    "an alias to itself": HEAD + "jobs: &a {one: *a}\n",
    "a merge of itself": HEAD + "jobs: {one: &a {<<: *a, appId: a-1.0}}\n",
    "nested without end": HEAD + "jobs: " + "{a: " * 20_000,
    "lists without end": HEAD + "jobs: " + "[" * 50_000,
    "a tag that runs code": HEAD + "jobs: !!python/object/apply:os.system ['touch pwned']\n",
    "a tag of a file": HEAD + "jobs: !include /etc/passwd\n",
    "many documents": (HEAD + JOB + "---\n") * 500,
    "a long text": HEAD + f"jobs: {{one: {{appId: a-1.0, parameters: {{k: {'x' * 5_000_000}}}}}}}\n",
    "a long key": HEAD + f"jobs: {{? {'k' * 1_000_000} : {{appId: a-1.0}}}}\n",
    "a long number": HEAD + f"jobs: {{one: {{appId: a-1.0, nodeCount: {'9' * 5000}}}}}\n",
    "a matrix without end": HEAD
    + "jobs: {one: {appId: a-1.0, matrix: {"
    + ", ".join(f"k{n}: [{', '.join(map(str, range(50)))}]" for n in range(8))
    + "}}}\n",
    "needs in a ring": HEAD + "jobs: {a: {appId: x-1, needs: [b]}, b: {appId: x-1, needs: [a]}}\n",
    "variables in a ring": HEAD + 'variables: {a: "${var.b}", b: "${var.a}${var.a}"}\n' + JOB,
    "variables that grow": HEAD
    + "variables: {"
    + ", ".join(f'v{n}: "{f"${{var.v{n - 1}}}" * 10 if n else "x" * 100}"' for n in range(12))
    + '}\njobs: {one: {appId: a-1.0, parameters: {k: "${var.v11}"}}}\n',
    "names that move the cursor": HEAD + f'jobs: {{"{MOVES}": {{appId: "{MOVES}", "{MOVES}": 1}}}}\n',
    "names of commands": HEAD
    + 'jobs: {"::error::x": {appId: "##vso[task.setvariable variable=a]b", "##[group]": 1}}\n',
    "a text that turns the reading direction": HEAD
    + 'jobs: {one: {appId: a-1.0, parameters: {k: "\\u202egnp\\u200b"}}}\n',
    "markdown and HTML": HEAD
    + 'jobs: {one: {appId: a-1.0, parameters: {k: "<img src=x onerror=alert(1)> [x](http://evil) @all"}}}\n',
    "half a character": HEAD + 'jobs: {one: {appId: a-1.0, parameters: {k: "\\ud800"}}}\n',
    "a secret of the runner": HEAD
    + 'env: [RUNNER_SECRET]\njobs: {one: {appId: a-1.0, parameters: {k: "${env.RUNNER_SECRET}"}}}\n',
    "a secret as a name": HEAD
    + 'env: [RUNNER_SECRET]\njobs: {one: {appId: "${env.RUNNER_SECRET}-1", archivePath: "${env.RUNNER_SECRET}"}}\n',
    "jobsync's own token": HEAD + 'env: [TAPIS_TOKEN]\njobs: {one: {appId: "${env.TAPIS_TOKEN}-1"}}\n',
    "a target of its own": HEAD + "target: t\ntargets: {t: {baseUrl: 'URL'}}\n" + JOB,
    "a target with a user in it": HEAD + "target: t\ntargets: {t: {baseUrl: 'http://u:p@127.0.0.1:9'}}\n" + JOB,
    "a target that is a file": HEAD + "target: t\ntargets: {t: {baseUrl: 'file:///etc/passwd'}}\n" + JOB,
    "a journal that runs": HEAD + "journal: {git: 'ext::sh -c touch% pwned', ref: refs/heads/j}\n" + JOB,
    "a journal that is an option": HEAD + "journal: {git: '--upload-pack=touch pwned', ref: x}\n" + JOB,
    "a journal over ssh": HEAD + "journal: {git: 'ssh://-oProxyCommand=touch pwned/x', ref: x}\n" + JOB,
    "a journal with a ref that is an option": HEAD + "journal: {git: '.', ref: '--exec=touch pwned'}\n" + JOB,
    "an input from elsewhere": HEAD
    + "jobs: {one: {appId: a-1.0, inputs: {f: 'agave://local/../../etc/passwd'}}}\n",
    "an input of the state": HEAD
    + "jobs: {one: {appId: a-1.0, inputs: {f: 'agave://local/.jobsync/users.json'}}}\n",
    "not UTF-8": "\udcff\udcfe" + HEAD,
    "a NUL": HEAD + "jobs: {one: {appId: 'a\0b'}}\n",
}  # fmt: skip
LOCKS = {
    "nested": "[" * 100_000,
    "long": "# jobsync.lock 1\n" + "file\tone\tr/a\ta\t1-007\t3\t" + "a" * 64 + "\n" + "x" * 5_000_000,
    "up": "# jobsync.lock 1\nfile\tone\t../../x\ta\t1-007\t3\t" + "a" * 64 + "\n",
    "a manifest": "# jobsync.lock 1\nfile\tone\tset.yaml\ta\t1-007\t3\t" + "a" * 64 + "\n",
    "moves the cursor": "# jobsync.lock 1\nfile\tone\t\x1b[2J::error::x\ta\t1-007\t3\t" + "a" * 64 + "\n",
    "a later version": "# jobsync.lock 99\n::error::x\n",
}  # fmt: skip


def look(folder: Path, limit: float = 5.0) -> str:
    """Have the commands of a pull request look at the set; everything that they printed."""
    with ScriptedServer(envelope([])) as service, ScriptedServer(envelope([])) as thief:
        path = folder / "set.yaml"
        path.write_bytes(path.read_bytes().replace(b"URL", thief.url.encode()))
        environ = {
            **{name: "" for name in os.environ if name.startswith(("TAPIS_", "AGAVE_"))},
            "TAPIS_BASE_URL": service.url,
            "TAPIS_TOKEN": "token-of-the-runner",
            "RUNNER_SECRET": SECRET,
            "CI": "true",
            "HOME": str(folder.parent),
            "JOBSYNC_STATE_DIR": str(folder.parent / "state"),
            "JOBSYNC_TRACEBACK": "1",
        }
        before = {item.name for item in folder.iterdir()}
        printed = ""
        for command in (
            ("validate", "."),
            ("plan", "--target", "env", "."),
            ("plan", "--format", "markdown", "."),
        ):
            said, took = run(command, folder, environ)
            assert took < limit, f"{command}: {took:.1f} s"
            assert len(said) < 2_000_000, command
            printed += said
        assert {item.name for item in folder.iterdir()} - before <= {".jobsync"}
        assert not list(folder.parent.rglob("pwned"))
        assert thief.seen == [], "nothing is sent to a service that the set names"
    assert SECRET not in printed and "token-of-the-runner" not in printed
    assert acted_on(printed) == []
    return printed


@pytest.mark.parametrize("what", SETS)
def test_a_set_is_read_and_nothing_more(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "set.yaml").write_bytes(SETS[what].encode("utf-8", "surrogateescape"))
    assert look(folder)


@pytest.mark.parametrize("what", LOCKS)
def test_a_lock_is_read_and_nothing_more(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "set.yaml").write_text(HEAD + JOB)
    (folder / "jobsync.lock").write_text(LOCKS[what])
    assert "Error" in look(folder)


@pytest.mark.parametrize("name", ["set.yaml", "jobsync.lock", ".jobsync", "apps", "more.yaml"])
@pytest.mark.parametrize("kind", ["pipe", "zero", "loop", "up"])
def test_what_is_no_file_is_not_waited_for(name: str, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    if name != "set.yaml":
        (folder / "set.yaml").write_text(HEAD + JOB)
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"zero": "/dev/zero", "loop": name, "up": ".."}[kind])
    if name == "set.yaml":
        (folder / "other.yaml").write_text(HEAD + JOB)
        (folder / "set.yaml").rename(folder / "first.yaml")
        (folder / "set.yaml").write_text("apiVersion: jobsync/v1\n")
    assert look(folder)


def test_a_thousand_small_faults_are_one_page(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    jobs = {f"j{n}": {"appId": 1, "x": "\x1b[2J" * 50} for n in range(1000)}
    (folder / "set.yaml").write_text(HEAD + f"jobs: {json.dumps(jobs)}\n")
    assert "\x1b" not in look(folder, 15.0)
