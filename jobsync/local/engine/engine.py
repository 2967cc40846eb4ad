"""The loop: recover, observe, carry out wishes, submit. One thread, one database.

Everything that matters lies in the database and in the jobs' folders, so that the loop can die at
any instant and the next one goes on. What it keeps in memory is only when it last looked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from jobsync.local import records
from jobsync.local.engine.finish import finish
from jobsync.local.engine.memory import Ending, Memory, Waiting
from jobsync.local.engine.runner import Declined, Runner, Silent, Unsure
from jobsync.local.engine.settings import EngineSettings
from jobsync.local.staging import StagingError, prepare, work_folder
from jobsync.local.store import TERMINAL, IllegalTransition, JobRow, Store, UnknownJob
from jobsync.local.systems import System, run_seconds

log = logging.getLogger(__name__)

WAITING = ("PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGED")
PLACED = ("SUBMITTING", "QUEUED", "RUNNING")
ENDING = ("CLEANING_UP", "ARCHIVING", "ARCHIVING_FINISHED", "ARCHIVING_FAILED")

STOPPED_EARLY = "Job cancelled by user."
STOPPED_RUNNING = "Successfully killed remote job process."
GONE = "gone from the engine without an exit record"

_POLITE_SECONDS = 1.0
_BUSY, _QUIET, _IDLE = 0.02, 0.25, 0.5
_SCAN_SECONDS = 0.4
_FATE_SECONDS = 2.0
_LONGEST_RETRY = 60.0
_TRIES = 5


class Engine:
    """Moves jobs along. :meth:`run` belongs to one thread; :meth:`wake`, :meth:`cancel` to all."""

    def __init__(self, store: Store, settings: EngineSettings) -> None:
        self._store = store
        self._settings = settings
        self._memory = Memory()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # turns do not overlap, whoever asks for one
        self._news = True
        self._scanned = self._next_scan = 0.0
        self._changed = False

    # --- for other threads --------------------------------------------------------------

    def wake(self) -> None:
        """Something new is in the database: look now."""
        with self._lock:
            self._news = True
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Record the wish to stop a job and wake the loop. Raises :class:`UnknownJob`."""
        self._store.request_cancel(job_id)
        self.wake()

    # --- the loop -----------------------------------------------------------------------

    def run(self, stop: threading.Event, turn: Callable[[], None] | None = None) -> None:
        """Call *turn* (:meth:`step`, or :meth:`observe` for a service that starts nothing) until
        *stop* is set; often while jobs run, seldom while nothing does."""
        turn = turn or self.step
        pause = _BUSY
        while not stop.is_set():
            self._wake.clear()
            self._changed = False
            try:
                turn()
            except Exception as error:
                # The loop must outlive a full disk or a locked database; the next turn retries.
                log.warning("the engine could not finish a turn: %s", error)
                log.debug("in full", exc_info=True)
            longest = _QUIET if self._memory.placed else _IDLE
            busy = self._changed or self._news
            pause = _BUSY if busy else min(pause * 1.5, longest)
            self._wake.wait(pause)

    def step(self) -> None:
        """One turn: recover, observe, carry out wishes, start what fits."""
        with self._turn:
            self._observe()
            self._recover_unplaced()
            self._start_waiting()

    def observe(self) -> None:
        """One turn that starts nothing: adopt and observe jobs, carry out wishes, archive."""
        with self._turn:
            self._observe()

    def _observe(self) -> None:
        by_system = self._by_system(PLACED)
        self._memory.placed = sum(len(rows) for rows in by_system.values())
        for name, rows in by_system.items():
            self._observe_system(self._settings.systems.get(name), rows)
        for row in self._store.jobs_in(ENDING):
            self._guarded(row, self._finish_placed)
        self._scan_waiting()

    # --- observing ----------------------------------------------------------------------

    def _observe_system(self, system: System | None, rows: Sequence[JobRow]) -> None:
        if system is None or system.name not in self._settings.runners:
            return  # no longer configured: nothing can be said about its jobs
        runner = self._settings.runners[system.name]
        open_rows = [row for row in rows if not self._take_record(row, runner)]
        if not open_rows:
            return
        try:
            living = runner.survey(open_rows)
        except Silent as silent:
            if self._memory.silent.get(system.name) != str(silent):
                log.warning("system %s cannot be asked: %s", system.name, silent)
            self._memory.silent[system.name] = str(silent)
            return
        self._memory.silent.pop(system.name, None)
        for row in open_rows:
            self._guarded(row, lambda row: self._observe_one(row, living.get(row.id), system))

    def _take_record(self, row: JobRow, runner: Runner) -> bool:
        """Finish a job that left its exit record: that wins over all that an engine says."""
        if not row.work_dir or (done := records.read_exit(Path(row.work_dir))) is None:
            return False

        def ended(row: JobRow) -> None:
            runner.sweep(row)
            row = self._mark_running(self._adopt(row, None, runner), runner)
            self._forget(row)
            self._transition(
                row,
                "CLEANING_UP",
                "Job completed execution.",
                exit_code=done.code,
                ended=max(done.at, row.started or 0.0),
            )
            self._finish_placed(self._fresh(row))

        self._guarded(row, ended)
        return True

    def _observe_one(self, row: JobRow, native: str | None, system: System) -> None:
        runner = self._settings.runners[system.name]
        if row.id in self._memory.ending or row.cancel_requested:
            self._press(row, runner)
            return
        if native is None:
            if row.native_id is not None:
                self._missing(row, runner, system)
            return
        self._memory.gone_since.pop(row.id, None)
        self._memory.fate_asked.pop(row.id, None)
        row = self._adopt(row, native, runner)
        row = self._mark_running(row, runner)
        if row.deadline is not None and self._settings.clock() > row.deadline:
            self._end(row, f"Job exceeded its maximum run time of {row.max_run_time}.")
            self._press(row, runner)

    def _adopt(self, row: JobRow, native: str | None, runner: Runner) -> JobRow:
        """Write down the native id of a job that was started but not (or otherwise) recorded."""
        if native is None and row.native_id is None:
            claim = records.read_claim(records.work_of(row.work_dir))
            native = claim.native if claim is not None else None
        if row.status == "SUBMITTING":
            native = native or row.native_id
            return self._transition(
                row, "QUEUED", _queued(row, native, runner), native_id=native,
                submitted=self._settings.clock(),
            )  # fmt: skip
        if native is not None and native != row.native_id:
            return self._store.update(row.id, native_id=native)
        return row

    def _mark_running(self, row: JobRow, runner: Runner) -> JobRow:
        if row.status != "QUEUED":
            return row
        started = records.read_started(records.work_of(row.work_dir))
        if started is None:
            return row
        where = f" on {started.node}" if started.node else ""
        at = max(started.at, row.submitted or 0.0)  # the record has whole seconds only
        limit = self._enforced(row, at)
        text = f"{_label(row.native_id, runner)} started running{where}."
        return self._transition(row, "RUNNING", text, started=at, deadline=limit, message=text)

    def _enforced(self, row: JobRow, started: float) -> float | None:
        """The deadline that the loop holds itself; a batch system keeps its own clock."""
        system = self._settings.systems.get(row.system)
        if system is None or system.engine != "fork":
            return None
        return started + run_seconds(row.max_run_time)

    def _missing(self, row: JobRow, runner: Runner, system: System) -> None:
        """The engine no longer has the job and there is no record of its end: wait, then FAILED."""
        now = self._settings.clock()
        since = self._memory.gone_since.setdefault(row.id, now)
        if now - self._memory.fate_asked.get(row.id, 0.0) < _FATE_SECONDS:
            return
        self._memory.fate_asked[row.id] = now
        fate = runner.fate(row)
        if now - since < (system.grace if fate.patience is None else fate.patience):
            return
        if records.read_exit(records.work_of(row.work_dir)) is not None:
            return  # it arrived after all; the next turn takes it
        row = self._mark_running(row, runner)
        runner.sweep(row)
        runner.end(row, 1)  # children that outlived their runner
        words = f"{_label(row.native_id, runner)} is {GONE}"
        self._fail(row, f"{words}: {fate.words}." if fate.words else f"{words}.")

    # --- stopping -----------------------------------------------------------------------

    def _scan_waiting(self) -> None:
        """Read all jobs that wait, and stop the ones that shall not run. After news, and now and
        then in case another process wrote to the database.

        A long queue takes a while to read, so that it is not read at every submit: at most a
        sixth of the time goes into it.
        """
        began = time.monotonic()
        with self._lock:
            heard = self._news or began - self._scanned > _SCAN_SECONDS
            if not heard or began < self._next_scan:
                return
            self._news = False
        waiting: list[Waiting] = []
        for row in self._store.jobs_in(WAITING):
            if row.cancel_requested:
                self._guarded(row, self._stop_waiting)
            else:
                waiting.append(Waiting.of(row))
        self._memory.waiting = waiting
        now = time.monotonic()
        self._scanned, self._next_scan = now, now + 5 * (now - began)

    def _stop_waiting(self, row: JobRow) -> None:
        status = "STOPPED"
        if row.status == "PROCESSING_INPUTS" and self._settings.dialect == "agave":
            status = "FAILED"
        text = STOPPED_EARLY if status == "STOPPED" else STOPPED_RUNNING
        self._transition(row, status, text, message=text, ended=self._settings.clock())

    def _end(self, row: JobRow, reason: str, *, by_user: bool = False) -> None:
        self._memory.ending.setdefault(
            row.id, Ending(reason, by_user, time.monotonic() - _POLITE_SECONDS)
        )

    def _press(self, row: JobRow, runner: Runner) -> None:
        """End a job: asked politely, a second later by force, and reported once nothing is left."""
        self._end(row, STOPPED_RUNNING, by_user=True)
        ending = self._memory.ending[row.id]
        work = records.work_of(row.work_dir)
        records.take_claim(work)  # whatever of it is still on its way must not start
        if ending.told and not runner.remains(row):
            unplaced = row.status == "SUBMITTING" and records.is_nobodys(work)
            self._report_end(row, ending, unplaced)
        elif time.monotonic() - ending.since >= _POLITE_SECONDS:
            runner.end(row, ending.told)
            ending.told += 1
            ending.since = time.monotonic()
            self._changed = True

    def _report_end(self, row: JobRow, ending: Ending, unplaced: bool) -> None:
        if ending.by_user and (self._settings.dialect == "aloe" or unplaced):
            text = STOPPED_EARLY
            self._transition(row, "STOPPED", text, message=text, ended=self._settings.clock())
        else:
            self._fail(row, ending.reason)
        self._forget(row)

    # --- finishing ----------------------------------------------------------------------

    def _finish_placed(self, row: JobRow) -> None:
        system = self._settings.systems.get(row.system)
        finish(self._store, self._settings.storage, row, system, self._settings.clock)
        self._forget(row)
        self._changed = True

    # --- starting -----------------------------------------------------------------------

    def _recover_unplaced(self) -> None:
        """Jobs of which it is not known whether the engine got them, and that it does not have."""
        for row in self._store.jobs_in(("SUBMITTING",)):
            if row.native_id is None and not row.cancel_requested:
                self._guarded(row, self._submit_again)

    def _submit_again(self, row: JobRow) -> None:
        system = self._settings.systems.get(row.system)
        if system is None or time.monotonic() < self._memory.retry_at.get(row.id, 0.0):
            return
        runner = self._settings.runners[system.name]
        try:
            native = runner.survey([row]).get(row.id)
        except Silent:
            return
        if native is None and records.read_claim(records.work_of(row.work_dir)) is not None:
            self._adopt(row, None, runner)  # it has run, or runs where it cannot be seen
        elif native is not None:
            self._adopt(row, native, runner)
        else:
            self._submit(row, system)

    def _start_waiting(self) -> None:
        free = self._capacity()
        if not any(free.values()):
            return
        rest: list[Waiting] = []
        for index, waiting in enumerate(self._memory.waiting):
            if not self._start(waiting, free):
                rest.append(waiting)
            elif not any(free.values()):  # a long queue is not gone through for nothing
                rest += self._memory.waiting[index + 1 :]
                break
        self._memory.waiting = rest

    def _start(self, waiting: Waiting, free: Counter[str]) -> bool:
        """Start one job if there is room; False leaves it waiting."""
        system = self._settings.systems.by_name.get(waiting.system)
        if system is None or any(free[key] < 1 for key in waiting.keys):
            return False
        row = self._store.job(waiting.job_id)
        if row is None or row.status not in WAITING or row.cancel_requested:
            return True
        for key in waiting.keys:
            free[key] -= 1
        self._guarded(row, lambda row: self._launch(row, system))
        return True

    def _capacity(self) -> Counter[str]:
        """How many more jobs each system and queue may have in its engine now."""
        placed = self._store.jobs_in(PLACED)
        per_system = Counter(row.system for row in placed)
        per_queue = Counter(f"{row.system}/{row.queue}" for row in placed)
        free: Counter[str] = Counter()
        for system in self._settings.systems.by_name.values():
            room = _left(system.max_jobs, per_system[system.name])
            free[system.name] = room
            for queue in system.queues:
                key = f"{system.name}/{queue.name}"
                free[key] = min(room, _left(queue.max_jobs, per_queue[key]))
        return free

    def _launch(self, row: JobRow, system: System) -> None:
        app = self._settings.apps.get(row.app_id)
        if app is None:
            self._fail(row, f"No app found matching {row.app_id}.")
            return
        work = str(work_folder(row, system))
        if row.status == "PENDING":
            text = "Attempt 1 to stage job inputs"
            row = self._transition(row, "PROCESSING_INPUTS", text, work_dir=work)
        if row.status == "PROCESSING_INPUTS" and row.request.get("inputs"):
            row = self._transition(row, "STAGING_INPUTS", "Copy in progress")
        if row.work_dir != work:
            row = self._store.update(row.id, work_dir=work)
        try:
            prepare(row, app, system, self._settings.storage)
        except StagingError as error:
            self._fail(row, str(error))
            return
        if row.status != "STAGED":
            row = self._transition(row, "STAGED", "Job inputs staged to execution system.")
        row = self._transition(row, "SUBMITTING", "Preparing job for submission.")
        self._submit(row, system)

    def _submit(self, row: JobRow, system: System) -> None:
        runner = self._settings.runners[system.name]
        try:
            native = runner.submit(row, system)
        except Declined as declined:
            self._fail(row, f"Failed to submit job: {declined}")
        except Unsure as unsure:
            pause = min(_LONGEST_RETRY, 2.0 ** min(row.retries, 10))
            self._memory.retry_at[row.id] = time.monotonic() + pause
            text = f"Attempt {row.retries + 1} to submit job failed, will retry: {unsure}"
            self._transition(row, "SUBMITTING", text, retries=row.retries + 1)
        else:
            self._adopt(row, native, runner)

    # --- small things -------------------------------------------------------------------

    def _by_system(self, statuses: Collection[str]) -> dict[str, list[JobRow]]:
        rows: dict[str, list[JobRow]] = {}
        for row in self._store.jobs_in(statuses):
            rows.setdefault(row.system, []).append(row)
        return rows

    def _transition(self, row: JobRow, status: str, text: str, **columns: Any) -> JobRow:
        self._changed = True
        return self._store.transition(row.id, status, text, **columns)

    def _fail(self, row: JobRow, text: str) -> None:
        if row.work_dir:
            records.take_claim(Path(row.work_dir))
        self._forget(row)
        self._transition(row, "FAILED", text, message=text, ended=self._settings.clock())

    def _fresh(self, row: JobRow) -> JobRow:
        return self._store.job(row.id) or row

    def _forget(self, row: JobRow) -> None:
        self._memory.gone_since.pop(row.id, None)
        self._memory.fate_asked.pop(row.id, None)
        self._memory.trouble.pop(row.id, None)
        self._memory.ending.pop(row.id, None)
        self._memory.retry_at.pop(row.id, None)

    def _guarded(self, row: JobRow, action: Callable[[JobRow], None]) -> None:
        """Do something with one job; what goes wrong with it must not stop the others."""
        try:
            action(row)
        except (IllegalTransition, UnknownJob):
            log.debug("job %s changed under the engine", row.id, exc_info=True)
        except Silent as silent:
            log.debug("job %s: the engine cannot be asked: %s", row.id, silent)
        except Exception as error:
            # Whatever it is (a full disk, a locked database, a mistake of ours), the others go on,
            # and this one is tried again before it is given up.
            log.warning("job %s: %s: %s", row.id, type(error).__name__, error)
            log.debug("in full", exc_info=True)
            self._memory.trouble[row.id] += 1
            if self._memory.trouble[row.id] >= _TRIES:
                self._give_up(row.id, error)

    def _give_up(self, job_id: str, error: Exception) -> None:
        row = self._store.job(job_id)
        if row is not None and row.status not in TERMINAL:
            kind = type(error).__name__
            self._fail(row, f"Job processing failed with exception type {kind}: {error}")


def _left(limit: int | None, used: int) -> int:
    return 1_000_000 if limit is None else max(0, limit - used)


def _label(native_id: str | None, runner: Runner) -> str:
    label = runner.label(native_id) if native_id else "job"
    return label[:1].upper() + label[1:]


def _queued(row: JobRow, native: str | None, runner: Runner) -> str:
    return f"{_label(native, runner)} placed in queue {row.queue} of {row.system}."
