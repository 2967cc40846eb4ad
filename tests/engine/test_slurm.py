"""What only a Slurm cluster can show. The battery itself is in test_battery.py."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsync.local.store.statuses import TERMINAL
from jobsync.structs import replace
from tests.engine.engine_lab import Lab, cluster_size, need_cluster, told_by_slurm

pytestmark = pytest.mark.slurm
MakeLab = Callable[..., Lab]


@pytest.fixture
def kind() -> str:
    need_cluster()
    return "slurm"


class Controller:
    """The lab's slurmctld, by its pid file beside slurm.conf."""

    def __init__(self) -> None:
        self.conf = Path(os.environ["SLURM_CONF"])
        self.pid_file = self.conf.parent / "pid" / "slurmctld.pid"
        if not self.pid_file.exists():
            pytest.skip("not a cluster of tests/slurm/up.sh: its controller is not ours to stop")

    def stop(self) -> None:
        pid = int(self.pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)

    def start(self) -> None:
        subprocess.run(["slurmctld", "-f", str(self.conf)], check=True)
        deadline = time.monotonic() + 20
        while subprocess.run(["squeue", "-h"], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def controller(kind: str) -> Iterator[Controller]:
    found = Controller()
    yield found
    if subprocess.run(["squeue", "-h"], capture_output=True, check=False).returncode:
        found.start()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_jobs_an_outage_and_a_time_limit(make_lab: MakeLab, controller: Controller) -> None:
    """What takes long, at once: the controller is away for 30 s among many jobs, one of which
    runs into its time limit. 200 jobs where there are several nodes, 60 on one."""
    lab = make_lab(max_jobs=100)
    limited = lab.submit(seconds=300, maxRunTime="00:01:00")
    failing, long = lab.submit(seconds=6, code=7), lab.submit(seconds=36)
    jobs = [lab.submit(name=f"m.{n}") for n in range(200 if cluster_size()[0] > 1 else 60)]
    lab.start()
    for job in (limited, failing, long):
        lab.until(job, "RUNNING")
    lab.until_lines("end", 5)
    controller.stop()
    back = time.monotonic() + 30
    assert lab.until(failing).exit_code == 7  # its record counts, whoever is away
    late = lab.submit()
    while time.monotonic() < back:
        assert {lab.job(limited).status, lab.job(long).status} == {"RUNNING"}
        assert lab.job(late).status not in TERMINAL
        assert "FAILED" not in {lab.job(job).status for job in jobs}
        time.sleep(0.5)
    controller.start()
    for job in (*jobs, long, late):
        assert lab.until(job, seconds=150).status == "FINISHED"
    row = lab.until(limited, seconds=150)
    assert row.status == "FAILED"
    assert "Slurm says TIMEOUT" in row.message
    starts = [line.split()[3] for line in lab.log.read_text().splitlines() if "start" in line]
    assert sorted(starts) == sorted([limited, failing, long, late, *jobs])


def test_bad_partition_is_failed_with_the_words_of_sbatch(lab: Lab) -> None:
    job = lab.submit(batchQueue="nowhere")
    lab.start()
    row = lab.until(job)
    assert row.status == "FAILED"
    assert row.message.startswith("Failed to submit job: sbatch: error: ")
    assert "invalid partition specified: nowhere" in row.message
    assert any(event.description == row.message for event in lab.store.events(job))


def test_what_the_cluster_cannot_hold_is_failed_with_its_words(make_lab: MakeLab) -> None:
    lab = make_lab()
    job = lab.submit(memoryPerNode="900GB")
    lab.start()
    assert "Requested node configuration is not available" in lab.until(job).message


def test_cancelled_by_somebody_else(lab: Lab) -> None:
    job = lab.submit(seconds=60)
    lab.start()
    row = lab.until(job, "RUNNING")
    told_by_slurm("scancel", str(row.native_id))
    row = lab.until(job, seconds=90)  # Slurm may wait KillWait, 30 s, before it kills
    assert row.status == "FAILED"
    assert "Slurm says CANCELLED" in row.message


def test_a_job_of_somebody_else_under_our_number_is_not_cancelled(lab: Lab) -> None:
    """A cluster that lost its state counts from 1 again."""
    other = told_by_slurm("sbatch", "--parsable", "--wrap", "sleep 20", "-o", "/dev/null").strip()
    row = lab.job(lab.submit())
    engine = lab.engine()
    engine._settings.runners["local"].end(replace(row, native_id=other), 1)
    time.sleep(0.5)
    assert told_by_slurm("squeue", "-h", "-j", other, "-o", "%T").strip() in ("RUNNING", "PENDING")
    told_by_slurm("scancel", other)


def test_stop_of_a_job_that_waits_in_the_cluster(make_lab: MakeLab) -> None:
    lab = make_lab(max_jobs=50)
    nodes, processors = cluster_size()
    first = lab.submit(seconds=30, nodeCount=nodes, processorsPerNode=processors)
    waiting = lab.submit(nodeCount=nodes)
    lab.start()
    lab.until(first, "RUNNING")
    row = lab.until(waiting, "QUEUED")
    lab.store.request_cancel(waiting)
    assert lab.until(waiting).status == "FAILED"
    assert str(row.native_id) not in told_by_slurm("squeue", "-h", "-o", "%i").split()


def test_wall_time_nodes_and_name_are_passed_on(lab: Lab) -> None:
    nodes, _ = cluster_size()
    job = lab.submit(seconds=30, maxRunTime="00:02:01", nodeCount=nodes)
    lab.start()
    row = lab.until(job, "RUNNING")
    shown = told_by_slurm("squeue", "-h", "-j", str(row.native_id), "-o", "%j %l %D %P")
    assert shown.split() == [job, "3:00", str(nodes), "debug"]


def test_jobs_land_on_all_nodes(make_lab: MakeLab) -> None:
    nodes, processors = cluster_size()
    if nodes < 2:
        pytest.skip("one node")
    lab = make_lab(max_jobs=50)
    jobs = [lab.submit(seconds=1, processorsPerNode=processors) for _ in range(2 * nodes)]
    lab.start()
    for job in jobs:
        assert lab.until(job, seconds=60).status == "FINISHED"
    used = {line.split()[2] for line in lab.log.read_text().splitlines() if "start" in line}
    assert used == {f"n{number}" for number in range(1, nodes + 1)}
