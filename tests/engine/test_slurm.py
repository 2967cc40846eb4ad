"""What only a Slurm cluster can show. The battery itself is in test_battery.py."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_lab import Lab, need_cluster

pytestmark = pytest.mark.slurm
MakeLab = Callable[..., Lab]


@pytest.fixture
def kind() -> str:
    need_cluster()
    return "slurm"


def command(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def node_count() -> int:
    return int(command("sinfo", "-h", "-p", "debug", "-o", "%D").split()[0])


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


def outage(lab: Lab, controller: Controller, seconds: float) -> None:
    """Two jobs run while the controller is away; one ends meanwhile, one after."""
    short, long = lab.submit(seconds=1, code=7), lab.submit(seconds=seconds + 2)
    lab.start()
    lab.until(short, "RUNNING")
    lab.until(long, "RUNNING")
    controller.stop()
    late = lab.submit()
    assert lab.until(short, seconds=seconds + 5).exit_code == 7
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert lab.job(long).status == "RUNNING"
        assert lab.job(late).status not in ("FAILED", "FINISHED")
        time.sleep(0.1)
    controller.start()
    assert lab.until(long).status == "FINISHED"
    assert lab.until(late, seconds=60).status == "FINISHED"
    assert lab.runs() == 3


def test_controller_away_for_6_seconds(make_lab: MakeLab, controller: Controller) -> None:
    outage(make_lab(), controller, 6)


@pytest.mark.slow
def test_controller_away_for_30_seconds(make_lab: MakeLab, controller: Controller) -> None:
    outage(make_lab(), controller, 30)


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
    command("scancel", str(row.native_id))
    row = lab.until(job)
    assert row.status == "FAILED"
    assert "Slurm says CANCELLED" in row.message


def test_stop_of_a_job_that_waits_in_the_cluster(make_lab: MakeLab) -> None:
    lab = make_lab(max_jobs=50)
    first = [lab.submit(seconds=30, nodeCount=node_count(), processorsPerNode=2)]
    waiting = lab.submit(nodeCount=node_count())
    lab.start()
    lab.until(first[0], "RUNNING")
    row = lab.until(waiting, "QUEUED")
    lab.store.request_cancel(waiting)
    assert lab.until(waiting).status == "FAILED"
    assert str(row.native_id) not in command("squeue", "-h", "-o", "%i").split()


def test_wall_time_nodes_and_name_are_passed_on(lab: Lab) -> None:
    job = lab.submit(seconds=30, maxRunTime="00:02:01", nodeCount=node_count())
    lab.start()
    row = lab.until(job, "RUNNING")
    shown = command("squeue", "-h", "-j", str(row.native_id), "-o", "%j %l %D %P")
    assert shown.split() == [job, "3:00", str(node_count()), "debug"]


def test_jobs_land_on_all_nodes(make_lab: MakeLab) -> None:
    nodes = node_count()
    if nodes < 2:
        pytest.skip("one node")
    lab = make_lab(max_jobs=50)
    jobs = [lab.submit(seconds=1, processorsPerNode=2) for _ in range(2 * nodes)]
    lab.start()
    for job in jobs:
        assert lab.until(job, seconds=60).status == "FINISHED"
    used = {line.split()[2] for line in lab.log.read_text().splitlines() if "start" in line}
    assert used == {f"n{number}" for number in range(1, nodes + 1)}


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_time_limit_is_failed(lab: Lab) -> None:
    job = lab.submit(seconds=300, maxRunTime="00:01:00")
    lab.start()
    row = lab.until(job, seconds=150)
    assert row.status == "FAILED"
    assert "Slurm says TIMEOUT" in row.message


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_200_jobs_each_run_once(make_lab: MakeLab) -> None:
    lab = make_lab(max_jobs=100)
    jobs = [lab.submit(name=f"m.{number}") for number in range(200)]
    lab.start()
    assert {lab.until(job, seconds=250).status for job in jobs} == {"FINISHED"}
    starts = [line.split()[3] for line in lab.log.read_text().splitlines() if "start" in line]
    assert sorted(starts) == sorted(jobs)
