"""A look into a database that somebody else may have made: it is read, but not believed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from jobsync.errors import LocalServiceError
from jobsync.local.store.statuses import TERMINAL
from jobsync.structs import Struct

_STEPS = 10_000_000
"""How much work a question may be, in steps of the database's own machine: about a second."""

_LARGEST = 1 << 30
_FILES = ("jobs.db", "jobs.db-wal")


class Contents(Struct, frozen=True):
    """How many jobs a state folder has, and the ids of those that have not ended."""

    jobs: int = 0
    open: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.jobs} {'job' if self.jobs == 1 else 'jobs'}, {len(self.open)} not finished"


def look(folder: Path) -> Contents:
    """What the database in *folder* holds; read in a copy, as reading can change it.

    Raises :class:`LocalServiceError` for one that cannot be read, and for one with rules of its
    own (triggers, views), which jobsync never makes.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="jobsync-") as copy:
            for name in _FILES:
                path = folder / name
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
                    shutil.copyfile(path, Path(copy) / name)
            if not (folder / _FILES[0]).exists():
                return Contents()
            return _read(Path(copy) / _FILES[0])
    except (OSError, sqlite3.Error, ValueError) as error:  # also of text that is no UTF-8
        raise LocalServiceError(
            f"{folder / _FILES[0]} cannot be read: {error}",
            hint=f"move {folder} away, or restore it from a copy",
        ) from error


def _read(path: Path) -> Contents:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.set_progress_handler(lambda: 1, _STEPS)
        kinds = {kind for (kind,) in database.execute("SELECT type FROM sqlite_schema")}
        if kinds - {"table", "index"}:
            raise sqlite3.DatabaseError("it has triggers or views, which jobsync does not make")
        (jobs,) = database.execute("SELECT count(*) FROM jobs").fetchone()
        marks = ", ".join("?" * len(TERMINAL))
        rows = database.execute(
            f"SELECT id FROM jobs WHERE status NOT IN ({marks})",  # noqa: S608 -- marks are ours
            tuple(TERMINAL),
        )
        return Contents(int(jobs), tuple(str(number) for (number,) in rows))
