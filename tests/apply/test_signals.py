"""What Ctrl-C and SIGTERM do to a real ``jobsync apply``, also in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsync.apply import Binding, open_submits
from jobsync.local.store.statuses import STATUSES
from jobsync.testing import LocalService, local_service

MANIFEST = """\
apiVersion: jobsync/v1
project: {project}
target: there
targets:
  there: {{api: agave/v2, baseUrl: "{url}"}}
jobs:
  one: {{appId: wc-demo-1.00, parameters: {{seconds: 30}}}}
  two: {{appId: wc-demo-1.00, needs: [one]}}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    with local_service(folder=tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def service(shared: LocalService) -> Iterator[LocalService]:
    yield shared
    shared.disarm()
    shared.stop_jobs()


class Apply:
    """An apply that runs; what it says on stderr can be waited for."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + 30
        while words not in self.said():
            assert time.monotonic() < end, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def wait_for_post(self, service: LocalService) -> None:
        """Until the service has the submit, which it is slow to answer."""
        end = time.monotonic() + 30
        while not service.hits("slow"):
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def ended(self, within: float) -> int:
        return self.process.wait(within)


@contextmanager
def applying(
    service: LocalService, folder: Path, project: str, *, ignored: bool
) -> Iterator[Apply]:
    (folder / "jobs.yaml").write_text(MANIFEST.format(project=project, url=service.url))
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(folder),
        "JOBSYNC_STATE_DIR": str(folder / "state"),
        "TAPIS_BASE_URL": service.url,
        "TAPIS_TOKEN": service.tokens["alice"],
    }
    words = ["apply", "--auto-approve", "--wait"]
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if ignored else ""
    code = f"{start}from jobsync.cli.main import main\nmain()"
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words], cwd=folder, env=environ, stderr=stderr
        )
    try:
        yield Apply(folder, process)
    finally:
        process.kill()
        process.wait()


def jobs(service: LocalService, project: str) -> dict[str, str]:
    rows = service.service.store.jobs_in(STATUSES)
    return {r.name.split(".")[1]: r.status for r in rows if r.name.startswith(f"{project}.")}


@pytest.mark.parametrize(
    ("number", "code", "ignored"),
    [(signal.SIGINT, 130, False), (signal.SIGTERM, 143, False), (signal.SIGINT, 130, True)],
    ids=["ctrl-c", "sigterm", "ctrl-c in the background"],
)
def test_the_first_stops_and_says_what_was_left(
    service: LocalService, tmp_path: Path, number: int, code: int, ignored: bool
) -> None:
    project = f"first{code}{'b' if ignored else ''}"
    with applying(service, tmp_path, project, ignored=ignored) as apply:
        apply.wait_for("one: RUNNING")
        apply.process.send_signal(number)
        assert apply.ended(10) == code
        said = apply.said()
    assert "Traceback" not in said
    assert "stopped before it began" in said
    assert jobs(service, project) == {"one": "RUNNING"}, "jobs are never cancelled by it"
    binding = Binding(service.url, "alice", project)
    assert open_submits(tmp_path / "state", binding) == ()


def test_what_is_in_flight_settles(service: LocalService, tmp_path: Path) -> None:
    service.arm("slow,seconds=2,on=submit")
    with applying(service, tmp_path, "flight", ignored=False) as apply:
        apply.wait_for_post(service)
        apply.process.send_signal(signal.SIGINT)
        assert apply.ended(15) == 130
    assert set(jobs(service, "flight")) == {"one"}
    assert open_submits(tmp_path / "state", Binding(service.url, "alice", "flight")) == ()


def test_the_second_leaves_at_once_with_the_journal_intact(
    service: LocalService, tmp_path: Path
) -> None:
    service.arm("slow,seconds=20,on=submit")
    with applying(service, tmp_path, "second", ignored=False) as apply:
        apply.wait_for_post(service)
        apply.process.send_signal(signal.SIGINT)
        apply.wait_for("Stopping")
        apply.process.send_signal(signal.SIGINT)
        assert apply.ended(15) == 130
    [entry] = open_submits(tmp_path / "state", Binding(service.url, "alice", "second"))
    assert (entry.address, str(entry.state)) == ("one", "sending")
