"""The history of jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from jobsync.local.store.connections import Connections
from jobsync.local.store.rows import EventRow
from jobsync.local.store.search import EVENTS, Condition, sql

_EVENTS = "SELECT id, job_id, status, created, by, description FROM events"


class History(Connections):
    """The part of the store with the history of jobs."""

    def add_event(self, job_id: str, status: str, description: str | None, by: str) -> None:
        """Log something that is not a status change (``DELETED``, ``RESTORED`` ...)."""
        with self._write() as db:
            event(db, job_id, status, self._clock(), by, description)

    def events(
        self,
        job_id: str,
        conditions: Iterable[Condition] = (),
        *,
        order_by: str = "id",
        descending: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[EventRow]:
        """The history of a job as far as *conditions* hold, oldest first unless told otherwise."""
        clauses, values = ["job_id = ?"], [job_id]
        for condition in conditions:
            clause, more = sql(condition, EVENTS)
            clauses.append(clause)
            values += more
        direction = "DESC" if descending else "ASC"
        rows = self._all(
            f"{_EVENTS} WHERE {' AND '.join(clauses)}"
            f" ORDER BY {EVENTS[order_by]} {direction}, id {direction} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [EventRow(*row) for row in rows]


def event(
    db: sqlite3.Connection, job_id: str, status: str, when: float, by: str, text: str | None
) -> None:
    """Add a line to the history of a job; *when* is in seconds since the epoch."""
    log(db, [(job_id, status, when, by, text)])


def log(db: sqlite3.Connection, lines: Sequence[tuple[str, str, float, str, str | None]]) -> None:
    """Add lines to histories: job, status, when, by whom, text. All go in with one statement."""
    insert_rows(db, "INSERT INTO events (job_id, status, created, by, description)", lines)


def insert_rows(db: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert *rows*, all of one length, with one statement; none where there are none."""
    if not rows:
        return
    marks = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
    db.execute(f"{into} VALUES {marks}", [value for row in rows for value in row])
