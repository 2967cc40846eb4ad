"""Observing what the engines have: begun, ended, gone, over its time; and finishing it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from jobsync.local.api.agave import records
from jobsync.local.engine.logbook import Logbook, label
from jobsync.local.engine.runner import Runner, Unreachable
from jobsync.local.engine.stopping import Stopper
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow

log = logging.getLogger(__name__)

PLACED = ("SUBMITTING", "QUEUED", "RUNNING")
ENDING = ("CLEANING_UP", "ARCHIVING", "ARCHIVING_FINISHED", "ARCHIVING_FAILED")
GONE = "gone from the engine without an exit record"

_FATE_SECONDS = 2.0


class Watcher:
    """Sees what happened to the jobs that were started. An exit record wins over all else."""

    def __init__(self, book: Logbook, stopper: Stopper) -> None:
        self._book = book
        self._stopper = stopper

    def look(self) -> None:
        """One look at all jobs that were started and have not ended."""
        by_system = self._by_system(PLACED)
        self._book.memory.placed = sum(len(rows) for rows in by_system.values())
        for name, rows in by_system.items():
            self._look_at(self._book.settings.systems.get(name), rows)
        for row in self._book.store.jobs_in(ENDING):
            if not self._book.files.under_way(row.id):
                self._book.guarded(row, self._finish)

    def _by_system(self, statuses: Collection[str]) -> dict[str, list[JobRow]]:
        rows: dict[str, list[JobRow]] = {}
        for row in self._book.store.jobs_in(statuses):
            rows.setdefault(row.system, []).append(row)
        return rows

    def _look_at(self, system: System | None, rows: Sequence[JobRow]) -> None:
        runners = self._book.settings.runners
        if system is None or system.name not in runners:
            return  # no longer configured: nothing can be said about its jobs
        runner = runners[system.name]
        open_rows = [row for row in rows if not self._take_record(row, runner)]
        if not open_rows:
            return
        silent_before = self._book.memory.silent
        try:
            living = runner.find_jobs(open_rows)
        except Unreachable as silent:
            if silent_before.get(system.name) != str(silent):
                log.warning("system %s cannot be asked: %s", system.name, silent)
            silent_before[system.name] = str(silent)
            return
        silent_before.pop(system.name, None)
        for row in open_rows:
            self._book.guarded(row, lambda row: self._look_at_one(row, living.get(row.id), system))

    def _take_record(self, row: JobRow, runner: Runner) -> bool:
        """Finish a job that left its exit record: that wins over all that an engine says."""
        done = records.read_exit(records.work_of(row.work_dir))
        if done is None:
            return False
        book = self._book

        def ended(row: JobRow) -> None:
            runner.end_leftovers(row)
            row = book.mark_running(book.adopt(row, None, runner), runner)
            book.forget(row)
            row = book.transition(
                row,
                "CLEANING_UP",
                "Job completed execution.",
                exit_code=done.code,
                ended=max(done.at, row.started or 0.0),
            )
            self._finish(row)

        book.guarded(row, ended)
        return True

    def _look_at_one(self, row: JobRow, native: str | None, system: System) -> None:
        book = self._book
        runner = book.settings.runners[system.name]
        if row.id in book.memory.ending or row.cancel_requested:
            self._stopper.carry_out(row, runner)
            return
        if native is None:
            if row.native_id is not None:
                self._missing(row, runner, system)
            return
        book.memory.gone_since.pop(row.id, None)
        book.memory.fate_asked.pop(row.id, None)
        row = book.mark_running(book.adopt(row, native, runner), runner)
        if row.deadline is not None and book.settings.clock() > row.deadline:
            reason = f"Job exceeded its maximum run time of {row.max_run_time}."
            self._stopper.end(row, reason)
            self._stopper.carry_out(row, runner)

    def _missing(self, row: JobRow, runner: Runner, system: System) -> None:
        """The engine no longer has the job and there is no record of its end: wait, then FAILED."""
        book = self._book
        now = book.settings.clock()
        since = book.memory.gone_since.setdefault(row.id, now)
        if now - book.memory.fate_asked.get(row.id, 0.0) < _FATE_SECONDS:
            return
        book.memory.fate_asked[row.id] = now
        fate = runner.fate(row)
        if now - since < (system.grace if fate.patience is None else fate.patience):
            return
        if records.read_exit(records.work_of(row.work_dir)) is not None:
            return  # it arrived after all; the next turn takes it
        row = book.mark_running(row, runner)
        runner.end_leftovers(row)
        runner.end(row, 1)  # children that outlived their runner
        words = f"{label(row.native_id, runner)} is {GONE}"
        text = f"{words}: {fate.words}." if fate.words else f"{words}."
        book.killed(row, text, fate.reason or "gone")

    def _finish(self, row: JobRow) -> None:
        book = self._book
        system = book.settings.systems.get(row.system)
        before = row.status
        after = book.settings.workloads[row.api].finish(book.files, row, system)
        if after.status != before:
            book.changed = True
        if after.status not in ENDING:
            book.forget(row)
