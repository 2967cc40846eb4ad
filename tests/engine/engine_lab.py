"""A laboratory for the engine: real state folders, a real loop in a process of its own that can be
killed, and an app that does what a test asks of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobsync.local.api.agave import records, submission
from jobsync.local.api.agave.workload import AgaveJobs
from jobsync.local.apps import registry as apps
from jobsync.local.engine import Engine, EngineSettings, runners
from jobsync.local.engine.workload import Workload
from jobsync.local.storage import systems
from jobsync.local.storage.files import Storage
from jobsync.local.storage.systems import Queue, System, Systems
from jobsync.local.store.database import Store
from jobsync.local.store.rows import AGAVE, JobRow
from jobsync.local.store.statuses import TERMINAL

NO_CLUSTER = "no Slurm cluster: run tests/slurm/up.sh and set SLURM_CONF (needs root on Debian)"


def need_cluster() -> None:
    """Skip without a cluster, and say why; where one must be (CI), fail."""
    if os.environ.get("SLURM_CONF") and shutil.which("sbatch"):
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(NO_CLUSTER)
    pytest.skip(NO_CLUSTER)


def told_by_slurm(*command: str) -> str:
    """What a command of Slurm prints; its controller may be away for some seconds on a busy
    machine."""
    deadline = time.monotonic() + 90
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.5)


def cluster_size() -> tuple[int, int]:
    """How many nodes the cluster of the tests has, and how many processors each."""
    words = told_by_slurm("sinfo", "-h", "-p", "debug", "-o", "%D %c").split()
    return int(words[0]), int(words[1])


PROBE = """\
echo "start $(date +%s.%N) ${SLURMD_NODENAME:--} ${AGAVE_JOB_ID}" >> ${log}
${before}
sleep ${seconds}
${after}
echo out
echo err >&2
echo result > result.txt
echo "end $(date +%s.%N)" >> ${log}
exit ${code}
"""


def parameter(name: str, default: object, kind: str = "string") -> dict[str, object]:
    return {"id": name, "value": {"type": kind, "default": default}}


APP = {
    "name": "probe",
    "version": "1.0",
    "templatePath": "wrapper.sh",
    "inputs": [{"id": "files", "value": {"required": False}}],
    "parameters": [
        parameter("log", "/dev/null"),
        parameter("seconds", "0"),
        parameter("code", "0"),
        parameter("before", ":"),
        parameter("after", ":"),
    ],
}


class Lab:
    """One state folder and one workspace; ``kind`` is the engine under test."""

    script = __file__
    """What a loop of this kind of laboratory is run by."""

    def __init__(self, root: Path, kind: str = "fork", **settings: object) -> None:
        self.root, self.kind, self.settings = root, kind, settings
        self.workspace, self.state = root / "workspace", root / "state"
        self.log = root / "runs.log"
        self.loops: list[subprocess.Popen[bytes]] = []
        self.write_app(self.workspace / "apps" / "probe")
        (self.state / "archive").mkdir(parents=True, exist_ok=True)
        self.store = Store(self.state / "jobs.sqlite")
        self.store.add_user("alice", "hash-a")
        self.store.add_user("bob", "hash-b")
        self.apps = apps.load([self.workspace / "apps"])
        self.storage = Storage(self.workspace, self.state / "archive", self.store)
        self.systems = self._systems()

    def write_app(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.json").write_text(json.dumps(APP))
        (folder / "wrapper.sh").write_text(PROBE)

    def log_stem(self, job: str) -> str:
        """What the names of a probe's log files begin with (agave-v2 §6.3)."""
        return "probe" if self.kind == "fork" else f"probe-{job}"

    def _systems(self) -> Systems:
        given = dict(self.settings)
        given.pop("dialect", None)
        queue = Queue("debug", default=True, max_jobs=given.pop("queue_jobs", None))  # type: ignore[arg-type]
        values: dict[str, object] = {
            "engine": self.kind,
            "work_folder": self.state / "work",
            "queues": (queue, Queue("nowhere")),
            "max_jobs": 4,
            "grace": 1.0 if self.kind == "fork" else 4.0,
        }
        system = System("local", **(values | given))  # type: ignore[arg-type]
        return Systems({"local": system}, "local")

    def engine(self) -> Engine:
        return Engine(
            self.store,
            EngineSettings(self.systems, self.workloads(), runners(self.systems, os.environ)),
        )

    def workloads(self) -> dict[str, Workload]:
        dialect = str(self.settings.get("dialect", "agave"))
        return {AGAVE: AgaveJobs(self.store, self.apps, self.storage, dialect=dialect)}

    def submit(self, owner: str = "alice", **fields: object) -> str:
        """Submit a probe; keyword arguments that the app declares are its parameters."""
        names = {entry["id"] for entry in APP["parameters"]}  # type: ignore[index]
        parameters = {key: str(fields.pop(key)) for key in list(fields) if key in names}
        body: dict[str, object] = {
            "name": "probe",
            "appId": "probe-1.0",
            "parameters": {"log": str(self.log), **parameters},
            "maxRunTime": "00:10:00",
            **fields,
        }
        row = submission.resolve(
            body,
            owner=owner,
            apps=self.apps,
            systems=self.systems,
            storage=self.storage,
            clock=time.time,
            dialect="agave",
        )
        self.store.insert_job(row, "Job accepted and queued for submission.")
        return row.id

    def job(self, job_id: str) -> JobRow:
        row = self.store.job(job_id)
        assert row is not None
        return row

    def history(self, job_id: str) -> list[str]:
        return [event.status for event in self.store.events(job_id)]

    def runs(self) -> int:
        return self.lines("start")

    def lines(self, word: str) -> int:
        if not self.log.exists():
            return 0
        return sum(line.startswith(word) for line in self.log.read_text().splitlines())

    # --- the loop, in a process of its own ----------------------------------------------

    def start(self, crash: str = "") -> subprocess.Popen[bytes]:
        """Start a loop; *crash* is ``before-submit`` or ``after-submit``."""
        settings = json.dumps(self.settings)
        loop = subprocess.Popen(
            [sys.executable, self.script, str(self.root), self.kind, crash, settings],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        self.loops.append(loop)
        return loop

    def kill(self) -> None:
        """``kill -9`` of the last loop."""
        self.loops[-1].send_signal(signal.SIGKILL)
        self.loops[-1].wait()

    def close(self) -> None:
        for loop in self.loops:
            if loop.poll() is None:
                loop.kill()
            loop.wait()
        engine = self.engine()
        for row in self.store.jobs_in(("SUBMITTING", "QUEUED", "RUNNING")):
            self.store.request_cancel(row.id)
        deadline = time.monotonic() + 10
        while self.store.jobs_in(("SUBMITTING", "QUEUED", "RUNNING")):
            engine.observe()
            assert time.monotonic() < deadline, "jobs are left behind"
            time.sleep(0.05)
        self.store.close()

    # --- waiting ------------------------------------------------------------------------

    def until(self, job_id: str, *statuses: str, seconds: float = 90) -> JobRow:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            row = self.job(job_id)
            if row.status in (statuses or TERMINAL):
                return row
            assert row.status not in TERMINAL, f"{row.status}: {row.message}"
            time.sleep(0.02)
        raise AssertionError(f"still {self.job(job_id).status}: {self.history(job_id)}")

    def until_lines(self, word: str, count: int, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while self.lines(word) < count:
            assert time.monotonic() < deadline, f"no {count} lines {word!r}"
            time.sleep(0.02)

    def until_exit(self, job_id: str, seconds: float = 30) -> None:
        """Until the job has written how it ended, whoever reads that."""
        deadline = time.monotonic() + seconds
        while records.read_exit(Path(self.job(job_id).work_dir or "")) is None:
            assert time.monotonic() < deadline, "no record of an end"
            time.sleep(0.02)


def processes_with(word: str) -> list[int]:
    """The live processes with *word* on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(int(entry.name))
    return found


def _crashing(runner: object, when: str) -> object:
    real = runner.submit  # type: ignore[attr-defined]

    def submit(row: JobRow, system: System) -> str:
        if when == "after-submit":
            real(row, system)
        os._exit(9)

    runner.submit = submit  # type: ignore[attr-defined]
    return runner


def main(arguments: list[str], made: type[Lab] = Lab) -> None:
    import threading

    root, kind, crash, settings = arguments

    given: Mapping[str, object] = json.loads(settings)
    lab = made(Path(root), kind, **given)
    engine = lab.engine()
    if crash:
        for runner in engine._settings.runners.values():
            _crashing(runner, crash)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def turn() -> None:
        engine.step()
        engine.wake()  # the tests write to the database beside us
        time.sleep(0.02)

    engine.run(stop, turn)


if __name__ == "__main__":
    assert systems
    main(sys.argv[1:])
