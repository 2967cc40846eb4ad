"""Staging and archiving take as long as they take; the other jobs do not wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsync.local.engine import background_tasks, completion
from jobsync.local.engine import engine as turning
from jobsync.local.storage import archive as archiving
from jobsync.local.storage import copying, staging
from jobsync.local.storage.copying import Check
from jobsync.local.store.statuses import TERMINAL
from tests.engine.engine_lab import Lab

pytestmark = pytest.mark.fork


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, max_jobs=8)
    (lab.workspace / "huge.bin").write_bytes(b"h" * 1000)
    yield lab
    lab.close()


class Gate(threading.Event):
    """``reached`` is set once something waits for this event."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Copies of ``huge.bin`` and archiving of jobs with the name ``slow`` last until it is set."""
    opened = Gate()

    def held(check: Check) -> None:
        opened.reached.set()
        while not opened.wait(0.01):
            check()

    def slow_copy(source: Path, target: Path, check: Check = copying.go_on) -> None:
        if source.name == "huge.bin":
            held(check)
        copying.copy_file(source, target, check)

    def slow_archive(work: Path, target: Path, check: Check = copying.go_on) -> None:
        if (work / "slow.out").exists():
            held(check)
        archiving.archive(work, target, check)

    monkeypatch.setattr(staging, "copy_file", slow_copy)
    monkeypatch.setattr(staging, "_SHORT", 100)
    monkeypatch.setattr(completion, "is_short", lambda *_: False)
    monkeypatch.setattr(completion, "archive", slow_archive)
    return opened


@contextmanager
def running(lab: Lab) -> Iterator[None]:
    engine, stop = lab.engine(), threading.Event()
    loop = threading.Thread(target=engine.run, args=(stop,))
    loop.start()
    try:
        yield
    finally:
        stop.set()
        engine.wake()
        loop.join(10)
        assert not loop.is_alive(), "the loop does not end"


def huge(lab: Lab) -> str:
    return lab.submit(
        inputs={"files": "agave://local/huge.bin"}, before="wc -c < huge.bin > size.txt"
    )


def size(lab: Lab, job: str) -> str:
    folder = lab.storage.data_folder(lab.job(job))
    assert folder is not None
    return (folder / "size.txt").read_text().strip()


def test_others_run_while_a_huge_input_is_copied(lab: Lab, gate: threading.Event) -> None:
    large = huge(lab)
    small = [lab.submit() for _ in range(12)]
    with running(lab):
        for job in small:
            assert lab.until(job).status == "FINISHED"
        assert lab.job(large).status == "STAGING_INPUTS"
        gate.set()
        assert lab.until(large).status == "FINISHED"
    assert size(lab, large) == "1000"
    assert lab.runs() == 13


def test_others_run_while_outputs_are_archived(lab: Lab, gate: threading.Event) -> None:
    slow = lab.submit(name="slow")
    with running(lab):
        lab.until(slow, "ARCHIVING")
        for job in [lab.submit() for _ in range(3)]:
            assert lab.until(job).status == "FINISHED"
        assert lab.job(slow).status == "ARCHIVING"
        gate.set()
        assert lab.until(slow).status == "FINISHED"
    folder = lab.storage.data_folder(lab.job(slow))
    assert folder is not None and (folder / "result.txt").exists()


def test_more_huge_inputs_than_threads(lab: Lab, gate: threading.Event) -> None:
    jobs = [huge(lab) for _ in range(background_tasks.THREADS + 3)]
    with running(lab):
        for job in jobs:
            lab.until(job, "STAGING_INPUTS")
        gate.set()
        for job in jobs:
            assert lab.until(job).status == "FINISHED"
    assert lab.runs() == len(jobs)


def test_stop_while_an_input_is_copied(lab: Lab, gate: threading.Event) -> None:
    job = huge(lab)
    with running(lab):
        lab.until(job, "STAGING_INPUTS")
        lab.store.request_cancel(job)
        assert lab.until(job).status == "STOPPED"
        gate.set()
    assert (lab.job(job).status, lab.runs()) == ("STOPPED", 0)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_service_ends_while_an_input_is_copied(lab: Lab, gate: threading.Event) -> None:
    job = huge(lab)
    with running(lab):
        lab.until(job, "STAGING_INPUTS")
    assert not [t for t in threading.enumerate() if t.name.startswith("jobsync-task")]
    assert lab.job(job).status == "STAGING_INPUTS"
    gate.set()
    with running(lab):
        assert lab.until(job).status == "FINISHED"
    assert (size(lab, job), lab.runs()) == ("1000", 1)


def test_the_service_ends_while_outputs_are_archived(lab: Lab, gate: threading.Event) -> None:
    job = lab.submit(name="slow")
    with running(lab):
        lab.until(job, "ARCHIVING")
    assert lab.job(job).status == "ARCHIVING"
    gate.set()
    with running(lab):
        row = lab.until(job)
    assert (row.status, row.archived, lab.runs()) == ("FINISHED", True, 1)


def test_killed_while_an_input_is_copied(lab: Lab) -> None:
    with (lab.workspace / "huge.bin").open("wb") as file:
        file.truncate(150_000_000)
    job = huge(lab)
    lab.start()
    lab.until(job, "STAGING_INPUTS")
    lab.kill()
    assert lab.job(job).status in ("STAGING_INPUTS", "STAGED")
    lab.start()
    assert lab.until(job).status == "FINISHED"
    assert (size(lab, job), lab.runs()) == ("150000000", 1)


def test_an_input_that_cannot_be_read_is_failed(lab: Lab, gate: Gate) -> None:
    """The end of a copy that took long is taken as that of a short one is."""
    job = huge(lab)
    with running(lab):
        lab.until(job, "STAGING_INPUTS")
        assert gate.reached.wait(30)
        work = Path(lab.job(job).work_dir or "")
        (work / "huge.bin").mkdir()
        gate.set()
        row = lab.until(job)
    assert row.status == "FAILED"
    assert row.message.startswith("Cannot stage")
    assert row.status in TERMINAL and lab.runs() == 0


def test_the_end_of_a_process_is_heard_of_between_two_looks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("_BUSY", "_QUIET", "_IDLE"):
        monkeypatch.setattr(turning, pause, 60.0)
    job = lab.submit(seconds=1)
    with running(lab):
        assert lab.until(job, seconds=20).status == "FINISHED"
