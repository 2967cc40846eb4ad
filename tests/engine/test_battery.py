"""The failure battery: the same on processes and on Slurm, with 1 node and with 3."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.local.api.agave import records
from jobsync.local.engine.stopping import STOPPED_EARLY, STOPPED_RUNNING
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow
from jobsync.local.store.statuses import TERMINAL
from tests.engine.engine_lab import Lab, processes_with

MakeLab = Callable[..., Lab]


def test_exit_0_is_finished_and_archived(lab: Lab) -> None:
    job = lab.submit()
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code, row.archived) == ("FINISHED", 0, True)
    folder = lab.storage.data_folder(row)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{lab.log_stem(job)}.err",
        f"{lab.log_stem(job)}.out",
        "result.txt",
    ]
    assert (folder / f"{lab.log_stem(job)}.out").read_text() == "out\n"
    assert not Path(row.work_dir or "").exists()
    assert lab.history(job) == [
        "PENDING",
        "PROCESSING_INPUTS",
        "STAGED",
        "SUBMITTING",
        "QUEUED",
        "RUNNING",
        "CLEANING_UP",
        "ARCHIVING",
        "ARCHIVING_FINISHED",
        "FINISHED",
    ]
    assert row.submitted is not None and row.started is not None and row.ended is not None
    assert row.submitted <= row.started <= row.ended


def test_exit_7_is_failed_with_the_code_and_the_last_words(lab: Lab) -> None:
    job = lab.submit(code=7)
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code, row.archived) == ("FAILED", 7, False)
    assert row.message == "Job exited with status 7. err"
    assert (Path(row.work_dir or "") / "result.txt").exists()


def test_history_names_the_native_id_and_the_node(lab: Lab) -> None:
    job = lab.submit()
    lab.start()
    row = lab.until(job)
    native = (row.native_id or "").split(".")[0]
    texts = [event.description or "" for event in lab.store.events(job)]
    placed = f"{'Process' if lab.kind == 'fork' else 'Slurm job'} {native} placed in queue debug"
    assert any(text.startswith(placed) for text in texts)
    node = r"\S+" if lab.kind == "fork" else r"n\d+"
    assert any(re.search(rf"{native} started running on {node}\.", text) for text in texts)


@pytest.mark.parametrize("code", [0, 7])
def test_service_killed_in_mid_job_and_restarted(lab: Lab, code: int) -> None:
    job = lab.submit(seconds=1.5, code=code)
    lab.start()
    lab.until(job, "RUNNING")
    lab.kill()
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code) == ("FAILED" if code else "FINISHED", code)
    assert lab.runs() == 1


@pytest.mark.parametrize("code", [0, 7])
def test_job_ends_while_the_service_is_down(lab: Lab, code: int) -> None:
    job = lab.submit(seconds=0.7, code=code)
    lab.start()
    lab.until_lines("start", 1)
    lab.kill()
    lab.until_exit(job)
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code) == ("FAILED" if code else "FINISHED", code)
    assert lab.runs() == 1


def test_cancel_after_restart_leaves_no_process(lab: Lab) -> None:
    mark = f"30{os.getpid()}.5"
    # Lines, not `;`: the service would take that for two values (agave-v2 §3.4).
    family = f"sleep {mark} &\nbash -c 'sleep {mark}' &\nwait"
    # Without cgroups Slurm loses sight of what outlives its parent; processes have no such excuse.
    stubborn = f"trap '' TERM\nsetsid sleep {mark} &\n" if lab.kind == "fork" else ""
    job = lab.submit(before=stubborn + family)
    lab.start()
    lab.until(job, "RUNNING")
    lab.kill()
    deadline = time.monotonic() + 5
    while len(processes_with(mark)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(mark)
    lab.store.request_cancel(job)
    lab.start()
    row = lab.until(job)
    assert (row.status, row.message) == ("FAILED", STOPPED_RUNNING)
    assert_no_process(lab, mark)


def assert_no_process(lab: Lab, mark: str) -> None:
    """Processes are gone when the job is reported; Slurm cleans up a little after its word."""
    deadline = time.monotonic() + (0 if lab.kind == "fork" else 10)
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_with(mark)


def test_runner_killed_from_outside_is_failed(lab: Lab) -> None:
    mark = f"31{os.getpid()}.5"
    job = lab.submit(seconds=mark)
    lab.start()
    row = lab.until(job, "RUNNING")
    claim = records.read_claim(Path(row.work_dir or ""))
    assert claim is not None and claim.pid is not None
    os.kill(claim.pid, signal.SIGKILL)
    row = lab.until(job)
    assert row.status == "FAILED"
    assert "gone from the engine without an exit record" in row.message
    if lab.kind == "slurm":
        assert "Slurm says" in row.message
        for pid in processes_with(mark):  # without cgroups Slurm does not see an orphan either
            os.kill(pid, signal.SIGKILL)
    assert_no_process(lab, mark)


def test_crash_after_submit_before_commit_runs_exactly_once(lab: Lab) -> None:
    job = lab.submit(seconds=0.5, code=7)
    assert lab.start("after-submit").wait(20) == 9
    assert lab.job(job).status == "SUBMITTING"
    assert lab.job(job).native_id is None
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code) == ("FAILED", 7)
    time.sleep(0.5)  # in which a second run would begin
    assert lab.runs() == 1
    assert row.native_id


def test_crash_after_submit_and_the_job_ends_meanwhile(lab: Lab) -> None:
    job = lab.submit(code=7)
    assert lab.start("after-submit").wait(20) == 9
    lab.until_exit(job)
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code) == ("FAILED", 7)
    assert lab.runs() == 1


def test_started_twice_runs_once(lab: Lab) -> None:
    engine = lab.engine()
    runner = engine._settings.runners["local"]
    real = runner.submit

    def twice(row: JobRow, system: System) -> str:
        real(row, system)
        return real(row, system)

    runner.submit = twice  # type: ignore[method-assign]
    job = lab.submit(seconds=0.5, code=7)
    deadline = time.monotonic() + 30
    while lab.job(job).status not in TERMINAL and time.monotonic() < deadline:
        engine.step()
        time.sleep(0.02)
    row = lab.job(job)
    assert (row.status, row.exit_code) == ("FAILED", 7)
    time.sleep(0.5)  # in which a second run would begin
    assert lab.runs() == 1


def test_crash_before_submit_runs(lab: Lab) -> None:
    job = lab.submit()
    assert lab.start("before-submit").wait(20) == 9
    assert lab.job(job).status == "SUBMITTING"
    lab.start()
    assert lab.until(job).status == "FINISHED"
    assert lab.runs() == 1


@pytest.mark.parametrize("crash", ["before-submit", "after-submit"])
def test_cancelled_between_crash_and_restart_ends_stopped(lab: Lab, crash: str) -> None:
    job = lab.submit(seconds=20)
    assert lab.start(crash).wait(20) == 9
    if crash == "after-submit":
        lab.until_lines("start", 1)
    lab.store.request_cancel(job)
    lab.start()
    row = lab.until(job)
    if crash == "before-submit":
        assert (row.status, row.message, lab.runs()) == ("STOPPED", STOPPED_EARLY, 0)
    else:
        assert (row.status, row.message) == ("FAILED", STOPPED_RUNNING)


def overlap(lab: Lab) -> int:
    """The most probes that ran at once."""
    moments = []
    for line in lab.log.read_text().splitlines():
        word, moment = line.split()[:2]
        moments.append((float(moment), 1 if word == "start" else -1))
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most


@pytest.mark.parametrize("limit", [{"max_jobs": 2}, {"max_jobs": 50, "queue_jobs": 2}])
def test_20_jobs_at_cap_2(make_lab: MakeLab, limit: dict[str, object]) -> None:
    lab = make_lab(**limit)
    jobs = [lab.submit(seconds=0.05) for _ in range(20)]
    lab.start()
    assert {lab.until(job, seconds=60).status for job in jobs} == {"FINISHED"}
    assert lab.runs() == 20
    assert overlap(lab) <= 2


def test_stop_of_a_waiting_job(make_lab: MakeLab) -> None:
    lab = make_lab(max_jobs=1)
    first, second = lab.submit(seconds=2), lab.submit()
    lab.start()
    lab.until(first, "RUNNING")
    lab.store.request_cancel(second)
    row = lab.until(second)
    assert (row.status, row.message) == ("STOPPED", STOPPED_EARLY)
    assert lab.job(first).status == "RUNNING"


def test_stop_of_a_running_job_on_aloe_is_stopped(make_lab: MakeLab) -> None:
    lab = make_lab(dialect="aloe")
    job = lab.submit(seconds=20)
    lab.start()
    lab.until(job, "RUNNING")
    lab.store.request_cancel(job)
    assert lab.until(job).status == "STOPPED"


def test_exit_policy_agave_finishes_whatever_the_code(make_lab: MakeLab) -> None:
    lab = make_lab(exit_policy="agave")
    job = lab.submit(code=7)
    lab.start()
    row = lab.until(job)
    assert (row.status, row.exit_code) == ("FINISHED", 7)


def test_environment_lines_reach_the_job(make_lab: MakeLab) -> None:
    lab = make_lab(environment=["export GREETING='good day'"])
    job = lab.submit(before='echo "$GREETING"')
    lab.start()
    row = lab.until(job)
    assert row.status == "FINISHED"
    folder = lab.storage.data_folder(row)
    assert folder is not None
    assert (folder / f"{lab.log_stem(job)}.out").read_text() == "good day\nout\n"


def test_credentials_of_the_service_do_not_reach_the_job(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPIS_TOKEN", "not-for-jobs")
    job = lab.submit(before="env")
    lab.start()
    row = lab.until(job)
    folder = lab.storage.data_folder(row)
    assert folder is not None
    assert "not-for-jobs" not in (folder / f"{lab.log_stem(job)}.out").read_text()
