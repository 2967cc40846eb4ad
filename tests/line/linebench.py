"""The command as a newcomer runs it: real processes, in a copy of the examples."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobsync.testing import LocalService


@dataclass
class Done:
    """What a finished command left: ``code``, ``out`` and ``err``."""

    code: int
    out: str
    err: str


class Bench:
    """One folder with a set, and commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
        }
        self.environ["HOME"] = str(folder)
        self.environ["JOBSYNC_STATE_KEY"] = "the key of the tests"
        self.patience = 100.0
        self.started: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str, **environ: str) -> Done:
        """Run ``jobsync ARGUMENTS`` to its end; no traceback may ever be printed."""
        process = self.start(*arguments, **environ)
        out, err = process.communicate(timeout=self.patience)
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``jobsync ARGUMENTS`` and do not wait for it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "jobsync", *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def jobs(self) -> list[dict[str, str]]:
        """The visible jobs of the local service, as ``jobs list`` prints them."""
        done = self.run("jobs", "list", "--format", "json")
        assert done.code == 0, done.err
        rows: list[dict[str, str]] = json.loads(done.out)
        return rows

    def wait_for(self, what: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.1)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()


class Lab(Bench):
    """A bench whose commands act as alice on a running service, with sets written by the test."""

    numbers = itertools.count(1)

    def __init__(self, folder: Path, service: LocalService) -> None:
        super().__init__(folder)
        self.service = service
        self.project = f"lab{next(self.numbers)}"
        self.environ |= {
            "TAPIS_BASE_URL": service.url,
            "TAPIS_TOKEN": service.tokens["alice"],
            "JOBSYNC_STATE_DIR": str(folder / "state"),
        }

    def write(self, jobs: str, head: str = "") -> None:
        """The set of this lab: *jobs* below ``jobs:``, *head* above."""
        body = textwrap.indent(textwrap.dedent(jobs), "  ")
        text = f"apiVersion: jobsync/v1\nproject: {self.project}\n{head}jobs:\n{body}"
        (self.folder / "set.yaml").write_text(text)

    def apply(self, *arguments: str) -> Done:
        done = self.run("apply", "--auto-approve", "--wait", *arguments)
        assert done.code == 0, done.err
        return done

    def mine(self) -> list[dict[str, str]]:
        """The visible runs of this lab's project."""
        rows = self.service.call("alice", "GET", "/jobs/v2?limit=250").result
        return [row for row in rows if row["name"].startswith(f"{self.project}.")]


ECHO: dict[str, object] = {
    "name": "echo",
    "version": "1.0",
    "templatePath": "w.sh",
    "inputs": [{"id": "f", "value": {"required": False}}],
    "parameters": [
        {"id": "n", "value": {"type": "number"}},
        {"id": "s", "value": {"type": "string"}},
    ],
}
"""An app that takes anything and writes ``out.txt``."""


def add_app(bench: Bench, document: Mapping[str, object] | str, folder: str = "") -> None:
    """An app with the definition *document* in the workspace of *bench*."""
    named = folder or str(document["name"] if isinstance(document, dict) else "")
    path = bench.folder / "apps" / named
    path.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (path / "app.json").write_text(text)
    (path / "w.sh").write_text("echo ok > out.txt\n")


def write_set(bench: Bench, jobs: str) -> None:
    """The set ``m.yaml`` of the project ``p``; its first job is on line 4."""
    text = f"apiVersion: jobsync/v1\nproject: p\njobs:\n  {jobs}\n"
    (bench.folder / "m.yaml").write_text(text)


@contextmanager
def serving(bench: Bench, *arguments: str) -> Iterator[tuple[str, dict[str, str]]]:
    """``jobsync serve`` in the folder of the bench: its URL and the users' tokens."""
    process = bench.start("serve", *arguments)
    try:
        assert process.stdout
        url = process.stdout.readline().strip()
        tokens = json.loads((bench.folder / ".jobsync/users.json").read_text())
        yield url, tokens
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert not any(token in err for token in tokens.values())


def on_a_terminal(bench: Bench, said: str, *arguments: str) -> Done:
    """Run ``jobsync ARGUMENTS`` to its end for somebody who types *said*."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "jobsync", *arguments],
        cwd=bench.folder,
        env=bench.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        os.write(ours, f"{said}\n".encode())
        patience = threading.Timer(60, process.kill)
        patience.start()
        heard = b""
        while True:
            try:
                heard += os.read(ours, 65536)
            except OSError:
                break
        patience.cancel()
        os.close(ours)
        assert process.stdout
        out = process.stdout.read()
    return Done(process.returncode, out, heard.decode())
