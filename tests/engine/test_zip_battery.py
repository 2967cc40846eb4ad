"""The failure battery on ZIP apps: a job runs once and its end is seen, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsync.local.api.agave import records
from jobsync.local.api.tapis.ends import condition_of, outcome_of, status_of
from jobsync.local.store.rows import JobRow
from tests.engine.engine_lab import processes_with
from tests.engine.zip_lab import ZipLab


@pytest.fixture
def make_lab(tmp_path: Path, kind: str) -> Iterator[Callable[..., ZipLab]]:
    labs: list[ZipLab] = []

    def make(**settings: object) -> ZipLab:
        labs.append(ZipLab(tmp_path / f"lab{len(labs)}", kind, **settings))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab: Callable[..., ZipLab]) -> ZipLab:
    return make_lab()


def ends(row: JobRow, code: int) -> bool:
    """Whether the end is that of a program which returned *code*."""
    wanted = (
        ("FAILED", "JOB_REMOTE_OUTCOME_ERROR", "FAILED") if code
        else ("FINISHED", "NORMAL_COMPLETION", "FINISHED")
    )  # fmt: skip
    return (status_of(row), condition_of(row), outcome_of(row)) == wanted


@pytest.mark.parametrize("code", [0, 7])
def test_an_end_is_seen_and_archived(lab: ZipLab, code: int) -> None:
    job = lab.submit(code=code)
    lab.start()
    row = lab.until(job)
    assert ends(row, code), row
    assert row.exit_code == code
    assert lab.output(job, "result.txt") == "result\n"
    assert lab.output(job, "tapisjob.out") == "out\n"
    assert row.submitted is not None and row.started is not None and row.ended is not None
    assert row.submitted <= row.started <= row.ended


@pytest.mark.parametrize("code", [0, 7])
def test_service_killed_in_mid_job_and_restarted(lab: ZipLab, code: int) -> None:
    job = lab.submit(seconds=1.5, code=code)
    lab.start()
    lab.until(job, "RUNNING")
    lab.kill()
    lab.start()
    assert ends(lab.until(job), code)
    assert lab.runs() == 1


@pytest.mark.parametrize("code", [0, 7])
def test_job_ends_while_the_service_is_down(lab: ZipLab, code: int) -> None:
    job = lab.submit(seconds=0.7, code=code)
    lab.start()
    lab.until_lines("start", 1)
    lab.kill()
    lab.until_lines("end", 1)
    time.sleep(0.3)
    lab.start()
    assert ends(lab.until(job), code)
    assert lab.runs() == 1


def test_cancel_after_restart_leaves_no_process(lab: ZipLab) -> None:
    mark = f"40{os.getpid()}.5"
    stubborn = f"trap '' TERM; setsid sleep {mark} & " if lab.kind == "fork" else ""
    job = lab.submit(before=f"{stubborn}sleep {mark} & bash -c 'sleep {mark}' & wait")
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
    assert (status_of(row), condition_of(row)) == ("CANCELLED", "CANCELLED_BY_USER")
    assert_no_process(lab, mark)


def assert_no_process(lab: ZipLab, mark: str) -> None:
    deadline = time.monotonic() + (0 if lab.kind == "fork" else 10)
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_with(mark)


def test_runner_killed_from_outside(lab: ZipLab) -> None:
    mark = f"41{os.getpid()}.5"
    job = lab.submit(seconds=mark)
    lab.start()
    row = lab.until(job, "RUNNING")
    claim = records.read_claim(Path(row.work_dir or ""))
    assert claim is not None and claim.pid is not None
    os.kill(claim.pid, signal.SIGKILL)
    row = lab.until(job, seconds=5 if lab.kind == "fork" else 30)
    assert (row.status, outcome_of(row)) == ("FAILED", "FAILED")
    assert "gone from the engine without an exit record" in row.message
    for pid in processes_with(mark) if lab.kind == "slurm" else []:
        os.kill(pid, signal.SIGKILL)  # without cgroups Slurm does not see an orphan
    assert_no_process(lab, mark)


@pytest.mark.parametrize("when", ["before-submit", "after-submit"])
def test_crash_around_submit_runs_exactly_once(lab: ZipLab, when: str) -> None:
    job = lab.submit(seconds=0.5, code=7)
    assert lab.start(when).wait(20) == 9
    assert status_of(lab.job(job)) == "SUBMITTING_JOB"
    lab.start()
    assert ends(lab.until(job), 7)
    time.sleep(0.5)
    assert lab.runs() == 1


def test_crash_after_submit_and_the_job_ends_meanwhile(lab: ZipLab) -> None:
    job = lab.submit(code=7)
    assert lab.start("after-submit").wait(20) == 9
    lab.until_lines("end", 1)
    time.sleep(0.3)
    lab.start()
    assert ends(lab.until(job), 7)
    assert lab.runs() == 1


def test_killed_while_it_archives(lab: ZipLab) -> None:
    """What is copied twice is the same; what the job made goes only when all of it is copied."""
    job = lab.submit(before='mkdir "$_tapisExecSystemOutputDir/d"; for n in $(seq 400); do '
                     'echo $n > "$_tapisExecSystemOutputDir/d/$n"; done')  # fmt: skip
    lab.start()
    deadline = time.monotonic() + 30
    while lab.job(job).status not in ("ARCHIVING", "FINISHED") and time.monotonic() < deadline:
        time.sleep(0.001)
    lab.kill()
    lab.start()
    assert ends(lab.until(job), 0)
    assert [lab.output(job, f"d/{n}") for n in (1, 400)] == ["1\n", "400\n"]


def test_many_jobs_at_the_cap(make_lab: Callable[..., ZipLab]) -> None:
    lab = make_lab(max_jobs=2)
    jobs = [lab.submit(seconds=0.1) for _ in range(6)]
    lab.start()
    assert all(ends(lab.until(job), 0) for job in jobs)
    running = most = 0
    for line in sorted(lab.log.read_text().splitlines(), key=lambda one: one.split()[1]):
        running += 1 if line.startswith("start") else -1
        most = max(most, running)
    assert most <= 2


@pytest.mark.slurm
def test_slurm_says_why(make_lab: Callable[..., ZipLab], kind: str) -> None:
    """A bad queue is Slurm's to refuse; a job that it cancels fails with its condition."""
    if kind != "slurm":
        pytest.skip("of Slurm only")
    lab = make_lab()
    lost = lab.submit(execSystemLogicalQueue="nowhere")
    job = lab.submit(seconds=60)
    lab.start()
    row = lab.until(lost)
    assert condition_of(row) == "JOB_LAUNCH_FAILURE"
    row = lab.until(job, "RUNNING")
    os.system(f"scancel {row.native_id}")
    row = lab.until(job, seconds=60)
    assert (row.status, condition_of(row)) == ("FAILED", "SCHEDULER_CANCELLED")


@pytest.mark.slurm
def test_options_of_the_scheduler(make_lab: Callable[..., ZipLab], kind: str) -> None:
    """They reach sbatch as shell words, but for those by which the service follows the job."""
    if kind != "slurm":
        pytest.skip("of Slurm only")
    lab = make_lab()
    given = ["--comment 'two words'", "--job-name mine", "--tapis-profile none", "--nice=7"]
    options = [{"arg": one} for one in given]
    values = {"seconds": "2", "code": "0", "before": ":", "log": str(lab.log)}
    variables = [{"key": key, "value": value} for key, value in values.items()]
    job = lab.submit(parameterSet={"schedulerOptions": options, "envVariables": variables})
    lab.start()
    row = lab.until(job, "RUNNING")
    shown = subprocess.run(
        ["scontrol", "show", "job", "-o", row.native_id or ""],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "Comment=two words" in shown
    assert f"JobName={job}" in shown
    assert "Nice=7" in shown
    assert ends(lab.until(job), 0)
