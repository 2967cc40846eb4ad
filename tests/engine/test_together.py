"""Several commands at once on one state folder, as real processes: nobody waits for nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsync.cli.state import owner
from jobsync.local.state import prepare
from jobsync.local.store.database import Store
from jobsync.local.store.statuses import STATUSES

pytestmark = pytest.mark.fork
Start = Callable[..., subprocess.Popen[str]]
JOBSYNC = str(Path(sys.executable).with_name("jobsync"))
KEY = "the key of the tests"
SET = """\
apiVersion: jobsync/v1
project: {project}
target: local
jobs:
  count:
    appId: nap-1.0
    matrix: {{number: [1, 2, 3]}}
    parameters: {{seconds: "{seconds}"}}
    outputs:
      - {{path: done.txt, to: "results/{project}-${{matrix.number}}.txt"}}
"""
APP = {
    "name": "nap",
    "version": "1.0",
    "templatePath": "wrapper.sh",
    "parameters": [{"id": "seconds", "value": {"type": "string", "default": "0"}}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two projects in one folder, and so on one state folder."""
    app = tmp_path / "apps" / "nap"
    app.mkdir(parents=True)
    (app / "app.json").write_text(json.dumps(APP))
    (app / "wrapper.sh").write_text("sleep ${seconds}; echo done > done.txt\n")
    for project in ("one", "two"):
        (tmp_path / f"{project}.yaml").write_text(SET.format(project=project, seconds="0.4"))
    state = tmp_path / ".jobsync"
    prepare(state, owner({"JOBSYNC_STATE_KEY": KEY}))
    (state / "systems.yaml").write_text("systems: {local: {maxJobs: 2}}\n")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    begun: list[subprocess.Popen[str]] = []
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TAPIS_", "JOBSYNC_", "CI"))}
    kept |= {"HOME": str(folder), "JOBSYNC_STATE_DIR": str(folder / "journal")}
    kept["JOBSYNC_STATE_KEY"] = KEY

    def one(*words: str) -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen(
                [JOBSYNC, *words],
                cwd=folder,
                env=kept,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return begun[-1]

    yield one
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def apply(start: Start, project: str) -> subprocess.Popen[str]:
    return start("apply", f"{project}.yaml", "--wait", "--auto-approve")


def ended(process: subprocess.Popen[str], seconds: float = 40) -> str:
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, out + err
    return out + err


def served(start: Start) -> subprocess.Popen[str]:
    process = start("serve", "--user", "alice")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://")
    return process


def check(folder: Path, start: Start, *projects: str) -> None:
    """Each job ran once and was fetched, and there is nothing left to do."""
    names = {path.name for path in (folder / "results").iterdir()}
    assert names == {f"{project}-{n}.txt" for project in projects for n in (1, 2, 3)}
    store = Store(folder / ".jobsync" / "jobs.db")
    rows = store.jobs_in(STATUSES)
    assert [row.status for row in rows] == ["FINISHED"] * 3 * len(projects)
    for row in rows:
        words = [event.status for event in store.events(row.id)]
        assert len(words) == len(set(words)), words
    store.close()
    for project in projects:
        # The two share a file of what was fetched, which names one project's alone.
        ended(start("plan", f"{project}.yaml", "--only", "jobs", "--detailed-exitcode"))


def until_running(folder: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (folder / ".jobsync" / "jobs.db").exists():
            store = Store(folder / ".jobsync" / "jobs.db")
            found = store.jobs_in(("RUNNING",))
            store.close()
            if found:
                return
        time.sleep(0.05)
    raise AssertionError("no job runs")


def test_two_applies_at_once(folder: Path, start: Start) -> None:
    both = [apply(start, "one"), apply(start, "two")]
    for process in both:
        ended(process)
    check(folder, start, "one", "two")


def test_the_apply_that_moves_the_jobs_is_killed(folder: Path, start: Start) -> None:
    first = apply(start, "one")
    until_running(folder)
    second = apply(start, "two")
    time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    ended(second)
    ended(apply(start, "one"))  # takes up what the killed one left
    check(folder, start, "one", "two")


def test_an_apply_beside_a_service(folder: Path, start: Start) -> None:
    service = served(start)
    ended(apply(start, "one"))
    assert service.poll() is None
    service.terminate()
    ended(service)
    check(folder, start, "one")


def test_a_service_beside_an_apply_that_waits(folder: Path, start: Start) -> None:
    first = apply(start, "one")
    until_running(folder)
    service = served(start)
    ended(first)
    ended(apply(start, "two"))  # the service has taken over by now
    service.terminate()
    ended(service)
    check(folder, start, "one", "two")


def test_a_service_ends_while_an_apply_waits(folder: Path, start: Start) -> None:
    service = served(start)
    waiting = apply(start, "one")
    until_running(folder)
    service.terminate()
    ended(service)
    ended(waiting)
    check(folder, start, "one")
