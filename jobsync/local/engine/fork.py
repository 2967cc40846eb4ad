"""Jobs as processes of this machine, each in a session of its own: it outlives the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from jobsync.local.api.agave import records
from jobsync.local.engine import processes
from jobsync.local.engine.runner import Declined, Fate, Unsure
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CLAIMING = 1.0
"""Seconds that a claim may stay empty: it is made first and written then."""

_PASSED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def job_environment(given: Mapping[str, str]) -> dict[str, str]:
    """What of the service's environment a job sees: where programs are and little else, so that
    no credential does. The folder of our own Python comes first, for apps installed beside it."""
    path = f"{os.path.dirname(sys.executable)}:{given.get('PATH') or _PATH}"  # noqa: PTH120
    return {"PATH": path, **{name: given[name] for name in _PASSED if name in given}}


class Fork:
    """Implements :class:`~jobsync.local.engine.runner.Runner` with ``subprocess``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._tell: Callable[[], None] = _nobody

    def on_end(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def submit(self, row: JobRow, system: System) -> str:
        work = records.work_of(row.work_dir)
        script = records.run_script(work)
        try:
            child = subprocess.Popen(  # noqa: S603 -- our own script; user text is inside files
                ["bash", str(script)],  # noqa: S607
                cwd=work,
                env={**self._environment, processes.MARKER: row.id},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (BlockingIOError, MemoryError) as error:
            raise Unsure(f"cannot start a process now: {error}") from error
        except OSError as error:
            raise Declined(f"cannot start a process: {error}") from error
        self._children[child.pid] = child
        with suppress(RuntimeError):  # no thread to be had: the loop sees the end when it looks
            threading.Thread(target=self._await, args=(child,), daemon=True).start()
        return processes.identity(child.pid) or f"{child.pid}.ended"

    def find_jobs(self, rows: Sequence[JobRow]) -> dict[str, str]:
        self._collect()
        living: dict[str, str] = {}
        for row in rows:
            native = row.native_id
            if native is None or not processes.is_alive(native):
                native = self._claimant(row)
            if native is not None:
                living[row.id] = native
        return living

    def end(self, row: JobRow, sharply: int) -> None:
        number = signal.SIGTERM if sharply == 0 else signal.SIGKILL
        group = self._group(row)
        if group is not None:
            processes.signal_group(group, number)
        if sharply:  # what left the group with a session of its own
            for pid in processes.marked(row.id):
                processes.kill(pid)

    def still_runs(self, row: JobRow) -> bool:
        self._collect()
        return row.id in self.find_jobs([row]) or bool(processes.marked(row.id))

    def end_leftovers(self, row: JobRow) -> None:
        pid = processes.pid_of(row.native_id or "")
        if pid is None:
            return
        for _ in range(20):  # the runner itself ends a moment after its record
            self._collect()
            if not processes.group_exists(pid):
                return
            if not processes.is_alive(row.native_id or ""):
                break
            time.sleep(0.005)
        for left in processes.marked(row.id):
            processes.kill(left)

    def fate(self, row: JobRow) -> Fate:
        """A process writes its record before it ends, and on this very machine."""
        claim = records.read_claim(records.work_of(row.work_dir))
        just_claimed = claim is not None and claim.pid is None
        return Fate(patience=_CLAIMING if just_claimed else 0.0)

    def label(self, native_id: str) -> str:
        return f"process {processes.pid_of(native_id)}"

    def _claimant(self, row: JobRow) -> str | None:
        """The live process that took the job's claim: ours, started twice, or of another life."""
        work = records.work_of(row.work_dir)
        claim = records.read_claim(work) if row.work_dir else None
        if claim is None or claim.pid is None or claim.scheduler_id:
            return None
        if not processes.runs(claim.pid, str(records.run_script(work))):
            return None
        return processes.identity(claim.pid)

    def _group(self, row: JobRow) -> int | None:
        """The process group of the job, if it is certainly still its own."""
        living = self.find_jobs([row]).get(row.id)
        if living is not None:
            return processes.pid_of(living)
        pid = processes.pid_of(row.native_id or "")
        if pid is not None and any(_in_group(left, pid) for left in processes.marked(row.id)):
            return pid  # the runner is gone, its children are not
        return None

    def _await(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._tell()

    def _collect(self) -> None:
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]


def _nobody() -> None:
    pass


def _in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False
