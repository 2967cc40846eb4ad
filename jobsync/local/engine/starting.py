"""Starting jobs: room in system and queue, staging, submitting, and submits of unknown fate."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from jobsync.local.api.agave import records
from jobsync.local.engine.background_tasks import IN_LOOP
from jobsync.local.engine.logbook import Logbook
from jobsync.local.engine.loop_state import Waiting
from jobsync.local.engine.runner import Declined, Unreachable, Unsure
from jobsync.local.engine.watching import PLACED
from jobsync.local.storage.copying import Check
from jobsync.local.storage.staging import StagingError, work_folder
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow

WAITING = ("PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGED")

_LONGEST_RETRY = 60.0


class Starter:
    """Brings waiting jobs into their engines, as many as there is room for."""

    def __init__(self, book: Logbook) -> None:
        self._book = book
        self._natives: dict[str, str] = {}
        """The native ids that submits under way came to."""

    def recover(self, held: frozenset[str] = frozenset()) -> None:
        """Jobs of which it is not known whether the engine got them, and that it does not have;
        none of *held*."""
        calls = self._book.calls
        for row in self._book.store.jobs_in(("SUBMITTING",)):
            if row.id in held or row.native_id or row.cancel_requested:
                continue
            if calls.under_way(row.id):
                continue
            again = self._submit if calls.begun(row.id) else self._submit_again
            self._book.guarded(row, again)

    def start(self) -> None:
        """Go on with the jobs that are being staged, and start what fits."""
        self._go_on_staging()
        free = self._capacity()
        if not self._room(free):
            return
        waiting = self._book.memory.waiting
        rest: list[Waiting] = []
        for index, one in enumerate(waiting):
            if not self._start(one, free):
                rest.append(one)
            elif not self._room(free):  # a long queue is not gone through for nothing
                rest += waiting[index + 1 :]
                break
        self._book.memory.waiting = rest

    def _start(self, waiting: Waiting, free: Counter[str]) -> bool:
        """Start one job if there is room; False leaves it waiting."""
        system = self._book.settings.systems.by_name.get(waiting.system)
        if system is None or any(free[key] < 1 for key in waiting.keys):
            return False
        row = self._book.store.job(waiting.job_id)
        if row is None or not _may_start(row) or row.id in self._book.memory.staging:
            return True
        if self._book.settings.workloads[row.api].is_held(row):
            return False
        for key in waiting.keys:
            free[key] -= 1
        self._book.guarded(row, lambda row: self._launch(row, system))
        return True

    def _room(self, free: Counter[str]) -> bool:
        return any(free[name] > 0 for name in self._book.settings.systems.by_name)

    def _capacity(self) -> Counter[str]:
        """How many more jobs each system and queue may have in its engine now."""
        used = Counter(key for one in self._book.memory.staging.values() for key in one.keys)
        for row in self._book.store.queued(PLACED):
            used.update(Waiting.of(row).keys)
        free: Counter[str] = Counter()
        for system in self._book.settings.systems.by_name.values():
            room = _left(system.max_jobs, used[system.name])
            free[system.name] = room
            for queue in system.queues:
                key = f"{system.name}/{queue.name}"
                free[key] = min(room, _left(queue.max_jobs, used[key]))
        return free

    # --- staging ------------------------------------------------------------------------

    def _go_on_staging(self) -> None:
        book = self._book
        for job_id, waiting in list(book.memory.staging.items()):
            if book.files.under_way(job_id):
                continue
            row = book.store.job(job_id)
            system = book.settings.systems.by_name.get(waiting.system)
            if row is None or system is None or not _may_start(row):
                book.memory.staging.pop(job_id)
                book.files.drop(job_id)
            else:
                book.guarded(row, partial(self._launch, system=system))

    def _launch(self, row: JobRow, system: System) -> None:
        """Stage and submit; returns early while the files are on their way."""
        book = self._book
        workload = book.settings.workloads[row.api]
        if trouble := workload.unable(row):
            book.fail(row, trouble, "definition")
            return
        work = str(work_folder(row, system))
        if row.status == "PENDING":
            text = "Attempt 1 to stage job inputs"
            row = book.transition(row, "PROCESSING_INPUTS", text, work_dir=work)
        if row.status == "PROCESSING_INPUTS" and workload.has_inputs(row):
            row = book.transition(row, "STAGING_INPUTS", "Copy in progress")
        if row.work_dir != work:
            row = book.store.update(row.id, work_dir=work)
        book.memory.staging[row.id] = Waiting.of(row)
        staged = partial(workload.prepare, row, system)
        files = IN_LOOP if not book.files.begun(row.id) and workload.is_short(row) else book.files
        try:
            if not files.do(row.id, staged):
                return
        except StagingError as error:
            book.fail(row, str(error), error.reason)
            return
        row = book.fresh(row)  # it may have been stopped meanwhile
        if not _may_start(row):
            return
        if row.status != "STAGED":
            row = book.transition(row, "STAGED", "Job inputs staged to execution system.")
        row = book.transition(row, "SUBMITTING", "Preparing job for submission.")
        book.memory.staging.pop(row.id, None)
        self._submit(row)

    # --- submitting ---------------------------------------------------------------------

    def _submit(self, row: JobRow) -> None:
        """Hand a job to its engine, or see what came of that."""
        book = self._book
        system = book.settings.systems.by_name[row.system]
        runner = book.settings.runners[system.name]

        def hand_over(_: Check) -> None:
            self._natives[row.id] = runner.submit(row, system)

        calls = IN_LOOP if system.engine == "fork" else book.calls
        try:
            if not calls.do(row.id, hand_over):
                return
        except Declined as declined:
            book.fail(row, f"Failed to submit job: {declined}", "launch")
        except Unsure as unsure:
            pause = min(_LONGEST_RETRY, 2.0 ** min(row.retries, 10))
            book.memory.retry_at[row.id] = time.monotonic() + pause
            text = f"Attempt {row.retries + 1} to submit job failed, will retry: {unsure}"
            book.transition(row, "SUBMITTING", text, retries=row.retries + 1)
        else:
            book.adopt(row, self._natives.pop(row.id), runner)

    def _submit_again(self, row: JobRow) -> None:
        book = self._book
        system = book.settings.systems.get(row.system)
        if system is None or time.monotonic() < book.memory.retry_at.get(row.id, 0.0):
            return
        runner = book.settings.runners[system.name]
        try:
            native = runner.find_jobs([row]).get(row.id)
        except Unreachable:
            return
        if native is None and records.read_claim(records.work_of(row.work_dir)) is not None:
            book.adopt(row, None, runner)  # it has run, or runs where it cannot be seen
        elif native is not None:
            book.adopt(row, native, runner)
        else:
            self._submit(row)


def _may_start(row: JobRow) -> bool:
    return row.status in WAITING and not row.cancel_requested


def _left(limit: int | None, used: int) -> int:
    return 1_000_000 if limit is None else max(0, limit - used)
