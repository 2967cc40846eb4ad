"""What the loop writes about a job, and how it keeps the trouble of one from the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from jobsync.local.api.agave import records
from jobsync.local.engine.background_tasks import BackgroundTasks, InLoop
from jobsync.local.engine.loop_state import Memory
from jobsync.local.engine.runner import Runner, Unreachable
from jobsync.local.engine.settings import EngineSettings
from jobsync.local.storage.systems import run_seconds
from jobsync.local.store.database import Store
from jobsync.local.store.rows import IllegalTransition, JobRow, UnknownJob
from jobsync.local.store.statuses import TERMINAL

log = logging.getLogger(__name__)

_TRIES = 5


class Logbook:
    """The database, the memory and the settings of one loop. ``changed``: a job has moved.

    ``files`` copies and moves what jobs read and write, ``calls`` asks batch systems.
    """

    def __init__(self, store: Store, settings: EngineSettings) -> None:
        self.store = store
        self.settings = settings
        self.memory = Memory()
        self.files: BackgroundTasks = InLoop()
        self.calls: BackgroundTasks = InLoop()
        self.changed = False

    def transition(self, row: JobRow, status: str, text: str, **columns: Any) -> JobRow:
        """Give a job the *status*, with *text* in its history and *columns* set; return its new
        row."""
        self.changed = True
        return self.store.transition(row.id, status, text, **columns)

    def fail(self, row: JobRow, text: str, reason: str) -> None:
        """End a job as failed, for a *reason* of the engine, and stop tracking it."""
        records.take_claim(records.work_of(row.work_dir))
        self.forget(row)
        now = self.settings.clock()
        self.transition(row, "FAILED", text, message=text, ended=now, reason=reason)

    def killed(self, row: JobRow, text: str, reason: str) -> None:
        """A job that had begun was ended by its engine: look after what it made, where the api
        does that, else it has failed."""
        keeps = self.settings.workloads[row.api].keeps_failures
        if not keeps or row.status not in ("QUEUED", "RUNNING"):
            self.fail(row, text, reason)
            return
        records.take_claim(records.work_of(row.work_dir))
        self.forget(row)
        now = self.settings.clock()
        self.transition(row, "CLEANING_UP", text, message=text, ended=now, reason=reason)

    def fresh(self, row: JobRow) -> JobRow:
        """The row of a job as it is now; *row* itself when the job is gone."""
        return self.store.job(row.id) or row

    def forget(self, row: JobRow) -> None:
        """Drop everything that is kept in memory about a job."""
        self.memory.forget(row.id)
        self.files.drop(row.id)
        self.calls.drop(row.id)

    def adopt(self, row: JobRow, native: str | None, runner: Runner) -> JobRow:
        """Write down the native id of a job that was started but not (or otherwise) recorded."""
        if native is None and row.native_id is None:
            claim = records.read_claim(records.work_of(row.work_dir))
            native = claim.native if claim is not None else None
        if row.status == "SUBMITTING":
            native = native or row.native_id
            text = f"{label(native, runner)} placed in queue {row.queue} of {row.system}."
            return self.transition(
                row, "QUEUED", text, native_id=native, submitted=self.settings.clock()
            )
        if native is not None and native != row.native_id:
            return self.store.update(row.id, native_id=native)
        return row

    def mark_running(self, row: JobRow, runner: Runner) -> JobRow:
        """QUEUED becomes RUNNING once the job has said that it began."""
        if row.status != "QUEUED":
            return row
        started = records.read_started(records.work_of(row.work_dir))
        if started is None:
            return row
        where = f" on {started.node}" if started.node else ""
        at = max(started.at, row.submitted or 0.0)  # the record has whole seconds only
        limit = self._enforced(row, at)
        text = f"{label(row.native_id, runner)} started running{where}."
        return self.transition(row, "RUNNING", text, started=at, deadline=limit, message=text)

    def _enforced(self, row: JobRow, started: float) -> float | None:
        """The deadline that the loop holds itself; a batch system keeps its own clock."""
        system = self.settings.systems.get(row.system)
        if system is None or system.engine != "fork":
            return None
        return started + run_seconds(row.max_run_time)

    # --- trouble ------------------------------------------------------------------------

    def guarded(self, row: JobRow, action: Callable[[JobRow], None]) -> None:
        """Do something with one job; what goes wrong with it must not stop the others."""
        try:
            action(row)
        except (IllegalTransition, UnknownJob):
            log.debug("job %s changed under the engine", row.id, exc_info=True)
        except Unreachable as silent:
            log.debug("job %s: the engine cannot be asked: %s", row.id, silent)
        except Exception as error:
            # Whatever it is (a full disk, a locked database, a mistake of ours), the others go on,
            # and this one is tried again before it is given up.
            log.warning("job %s: %s: %s", row.id, type(error).__name__, error)
            log.debug("in full", exc_info=True)
            self.memory.trouble[row.id] += 1
            if self.memory.trouble[row.id] >= _TRIES:
                self._give_up(row.id, error)

    def _give_up(self, job_id: str, error: Exception) -> None:
        row = self.store.job(job_id)
        if row is not None and row.status not in TERMINAL:
            kind = type(error).__name__
            text = f"Job processing failed with exception type {kind}: {error}"
            self.fail(row, text, "internal")


def label(native_id: str | None, runner: Runner) -> str:
    """A native id at the beginning of a sentence."""
    words = runner.label(native_id) if native_id else "job"
    return words[:1].upper() + words[1:]
