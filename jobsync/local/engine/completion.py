"""What becomes of a job that has ended by itself: its status, its message, its archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jobsync.local.api.agave import records
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.engine.background_tasks import IN_LOOP, BackgroundTasks
from jobsync.local.storage.archive import ArchiveError, archive, is_short
from jobsync.local.storage.archive_path import slug
from jobsync.local.storage.copying import Check
from jobsync.local.storage.files import Storage
from jobsync.local.storage.systems import System
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow
from jobsync.visible import visible

_TAIL = 2000
_SHOWN = 200


def finish(
    store: Store,
    storage: Storage,
    tasks: BackgroundTasks,
    row: JobRow,
    system: System | None,
    clock: Callable[[], float],
) -> JobRow:
    """Bring a job in CLEANING_UP, ARCHIVING or ARCHIVING_* towards its end. Can be repeated.

    A non-zero exit is FAILED, unless the system's exit policy is ``service``; so is a wrapper that
    called back a failure. Outputs of a failed job stay in its work folder (agave-v2 §6.3). A job
    that comes back as ARCHIVING still has its files on the way.
    """
    work = records.work_of(row.work_dir)
    if row.status == "CLEANING_UP":
        trouble = _trouble(row, work, system)
        if trouble:
            return store.transition(row.id, "FAILED", trouble, message=trouble)
        if not row.archive:
            text = "Job completed. Skipping archiving at user request."
            return store.transition(row.id, "FINISHED", text, message=text)
        row = store.transition(row.id, "ARCHIVING", "Beginning to archive output.")
    if row.status == "ARCHIVING":
        row = _archive(store, storage, tasks, row, work)
    if row.status == "ARCHIVING_FAILED":
        row = store.transition(row.id, "FAILED", row.message, ended=row.ended or clock())
    elif row.status == "ARCHIVING_FINISHED":
        text = "Job completed successfully."
        row = store.transition(row.id, "FINISHED", text, message=text)
    return row


def _archive(
    store: Store, storage: Storage, tasks: BackgroundTasks, row: JobRow, work: Path
) -> JobRow:
    def move(check: Check) -> None:
        if work.exists():
            archive(work, storage.archive_target(row.archive_path or ""), check)

    target = storage.archive_folder(row.archive_path or "")
    if not tasks.begun(row.id) and is_short(work, target):
        tasks = IN_LOOP
    try:
        if not tasks.do(row.id, move):
            return row
    except (ArchiveError, Refusal) as error:
        return store.transition(row.id, "ARCHIVING_FAILED", str(error), message=str(error))
    text = "Job archiving completed successfully."
    return store.transition(row.id, "ARCHIVING_FINISHED", text, archived=True)


def _trouble(row: JobRow, work: Path, system: System | None) -> str:
    if records.called_failure(work):
        return "Job failed: its wrapper called back a failure."
    lenient = system is not None and system.exit_policy in ("service", "agave")
    if not row.exit_code or lenient:
        return ""
    name = slug(row.name)
    said = _last_words(work / f"{name}-{row.id}.err") or _last_words(work / f"{name}.err")
    return f"Job exited with status {row.exit_code}." + (f" {said}" if said else "")


def _last_words(path: Path) -> str:
    """The last line that the job wrote to its standard error, printable and short."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [visible(line.strip()) for line in text.splitlines()]
    return next((line[:_SHOWN] for line in reversed(lines) if line), "")
