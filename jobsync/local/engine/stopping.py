"""Ending jobs: what waits is stopped at once, what runs is asked, then forced, then reported."""

from __future__ import annotations

import time

from jobsync.local.api.agave import records
from jobsync.local.engine.logbook import Logbook
from jobsync.local.engine.loop_state import Ending
from jobsync.local.engine.runner import Runner
from jobsync.local.store.rows import JobRow

STOPPED_EARLY = "Job cancelled by user."
STOPPED_RUNNING = "Successfully killed remote job process."

_POLITE_SECONDS = 1.0


class Stopper:
    """Carries out stops, and the ends that the loop itself decides on."""

    def __init__(self, book: Logbook) -> None:
        self._book = book

    def stop_waiting(self, row: JobRow) -> None:
        """Stop a job that no engine has."""
        book = self._book
        status = book.settings.workloads[row.api].stops_as(row, began=False)
        text = STOPPED_EARLY if status == "STOPPED" else STOPPED_RUNNING
        book.transition(
            row, status, text, message=text, ended=book.settings.clock(), reason="cancelled"
        )
        book.forget(row)

    def end(self, row: JobRow, reason: str, *, by_user: bool = False) -> None:
        """Note that its user or its time ends the job; :meth:`carry_out` does it."""
        ending = Ending(reason, by_user, time.monotonic() - _POLITE_SECONDS)
        self._book.memory.ending.setdefault(row.id, ending)

    def carry_out(self, row: JobRow, runner: Runner) -> None:
        """End a job: asked politely, a second later by force, and reported once nothing is left."""
        self.end(row, STOPPED_RUNNING, by_user=True)
        ending = self._book.memory.ending[row.id]
        work = records.work_of(row.work_dir)
        records.take_claim(work)  # whatever of it is still on its way must not start
        if ending.told and not runner.still_runs(row):
            unplaced = row.status == "SUBMITTING" and records.is_nobodys(work)
            self._report(row, ending, unplaced)
        elif time.monotonic() - ending.since >= _POLITE_SECONDS:
            runner.end(row, ending.told)
            ending.told += 1
            ending.since = time.monotonic()
            self._book.changed = True

    def _report(self, row: JobRow, ending: Ending, unplaced: bool) -> None:
        book = self._book
        stops_as = book.settings.workloads[row.api].stops_as(row, began=not unplaced)
        if ending.by_user and stops_as == "STOPPED":
            text = STOPPED_EARLY
            book.transition(
                row, "STOPPED", text, message=text, ended=book.settings.clock(), reason="cancelled"
            )
        elif ending.by_user:
            book.fail(row, ending.reason, "cancelled")
        else:
            book.killed(row, ending.reason, "timeout")
        book.forget(row)
