"""The history of jobs."""

from __future__ import annotations

import sqlite3

from jobsync.local.store.connections import Connections
from jobsync.local.store.rows import EventRow

_EVENTS = "SELECT id, job_id, status, created, by, description FROM events"


class History(Connections):
    """The part of the store that remembers what happened to jobs."""

    def add_event(self, job_id: str, status: str, description: str | None, by: str) -> None:
        """Log something that is not a status change (``DELETED``, ``RESTORED`` ...)."""
        with self._write() as db:
            event(db, job_id, status, self._clock(), by, description)

    def events(
        self, job_id: str, *, descending: bool = False, limit: int = -1, offset: int = 0
    ) -> list[EventRow]:
        """The history of a job, oldest first unless *descending*."""
        direction = "DESC" if descending else "ASC"
        rows = self._all(
            f"{_EVENTS} WHERE job_id = ? ORDER BY id {direction} LIMIT ? OFFSET ?",
            (job_id, limit, offset),
        )
        return [EventRow(*row) for row in rows]


def event(
    db: sqlite3.Connection, job_id: str, status: str, when: float, by: str, text: str | None
) -> None:
    db.execute(
        "INSERT INTO events (job_id, status, created, by, description) VALUES (?, ?, ?, ?, ?)",
        (job_id, status, when, by, text),
    )
