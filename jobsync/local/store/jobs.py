"""The jobs themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from jobsync.local.store.connections import Connections
from jobsync.local.store.encoding import COLUMNS, INSERT, SELECT, encode, job
from jobsync.local.store.history import event
from jobsync.local.store.rows import IllegalTransition, JobRow, Queued, UnknownJob
from jobsync.local.store.search import SEARCHABLE, Listing, sql
from jobsync.local.store.statuses import STATUSES, TRANSITIONS
from jobsync.structs import replace

_SHARED = "SELECT job_id FROM pems WHERE username = ? AND permission <> 'NONE'"


class Jobs(Connections):
    """The part of the store that keeps jobs."""

    def insert_job(self, row: JobRow, description: str) -> JobRow:
        """Store a new job and its first history event; returns the row as stored."""
        [stored] = self.insert_jobs([row], description)
        return stored

    def insert_jobs(self, rows: Sequence[JobRow], description: str) -> list[JobRow]:
        """Store several new jobs in one step."""
        with self._write() as db:
            return insert(db, rows, description, self._clock())

    def place_work_folders(self, works: Mapping[str, str]) -> None:
        """Make the work folder of each job the one below that of its system (*works*, by name).

        The state folder may have been moved, or written by somebody else: where a job runs, and
        what is emptied after it, is never what the database says.
        """
        plain = "owner NOT GLOB '*[^A-Za-z0-9_-]*' AND id NOT GLOB '*[^A-Za-z0-9-]*'"
        kept = "archived = 0 AND work_dir IS NOT NULL"
        with self._write() as db:
            for system, work in works.items():
                computed = "? || '/' || owner || '/job-' || id"
                db.execute(
                    f"UPDATE jobs SET work_dir = {computed} WHERE {kept} AND {plain}"  # noqa: S608
                    f" AND system = ? AND work_dir <> {computed}",
                    (work, system, work),
                )
            marks = ", ".join("?" * len(works))
            db.execute(
                f"UPDATE jobs SET work_dir = NULL WHERE {kept}"  # noqa: S608
                f" AND NOT ({plain} AND system IN ({marks}))",
                tuple(works),
            )

    def job(self, job_id: str) -> JobRow | None:
        """One job, visible or hidden."""
        row = self._one(f"{SELECT} WHERE id = ?", (job_id,))
        return None if row is None else job(row)

    def jobs_in(self, statuses: Collection[str]) -> list[JobRow]:
        """All jobs, visible or hidden, in one of *statuses*; oldest first."""
        if not statuses:
            return []
        marks = ", ".join("?" * len(statuses))
        rows = self._all(
            f"{SELECT} WHERE status IN ({marks}) ORDER BY created, id", tuple(statuses)
        )
        return [job(row) for row in rows]

    def queued(self, statuses: Collection[str]) -> list[Queued]:
        """What decides whether the jobs in one of *statuses* may start; oldest first."""
        marks = ", ".join("?" * len(statuses))
        rows = self._all(
            "SELECT id, system, queue, cancel_requested FROM jobs"  # noqa: S608
            f" WHERE status IN ({marks}) ORDER BY created, id",
            tuple(statuses),
        )
        return [Queued(job_id, system, queue, bool(stop)) for job_id, system, queue, stop in rows]

    def find(self, listing: Listing) -> list[JobRow]:
        """A page of the jobs that a user may list (agave-v2 §2.3): own ones and ones with a row
        for exactly that name. ``world`` puts nothing in a list. Only visible ones, unless a
        condition on ``visible`` says otherwise."""
        where = ["api = ?"]
        values: list[Any] = [listing.api]
        if not any(c.column == "visible" for c in listing.conditions):
            where.append("visible = 1")
        for condition in listing.conditions:
            clause, more = sql(condition)
            where.append(clause)
            values.extend(more)
        key = SEARCHABLE[listing.order_by]
        direction = "DESC" if listing.descending else "ASC"
        own = " AND ".join(["owner = ?", *where])
        inner = f"SELECT rowid AS row, {key} AS key FROM jobs WHERE {own}"  # noqa: S608
        asked: list[Any] = [listing.user, *values]
        if self._one("SELECT 1 FROM pems WHERE username = ?", (listing.user,)):
            shared = " AND ".join([f"id IN ({_SHARED})", *where])
            inner += f" UNION SELECT rowid, {key} FROM jobs WHERE {shared}"  # noqa: S608
            asked += [listing.user, *values]
        # First the page, from an index where there is one, then its rows: sorting whole rows of
        # a long list took twenty times as long.
        rows = self._all(
            f"{SELECT} JOIN ({inner} ORDER BY key {direction} LIMIT ? OFFSET ?) AS page"
            f" ON jobs.rowid = page.row ORDER BY page.key {direction}",
            (*asked, listing.limit, listing.offset),
        )
        return [job(row) for row in rows]

    def archived_at(self, paths: Collection[str]) -> list[JobRow]:
        """The visible jobs, of whichever api, that archive into exactly one of *paths*."""
        marks = ", ".join("?" * len(paths))
        rows = self._all(
            f"{SELECT} WHERE archive_path IN ({marks}) AND visible = 1 ORDER BY id", tuple(paths)
        )
        return [job(row) for row in rows]

    def transition(
        self,
        job_id: str,
        status: str,
        description: str | None,
        *,
        by: str | None = None,
        **columns: Any,
    ) -> JobRow:
        """Move a job to *status*, set *columns* and log the event, in one transaction.

        Raises :class:`IllegalTransition` for a step that agave-v2 §4.2 does not have (staying is
        always allowed) and :class:`UnknownJob`. ``by`` defaults to the owner.
        """
        with self._write() as db:
            row = _locked(db, job_id)
            if status not in TRANSITIONS.get(row.status, STATUSES) | {row.status}:
                raise IllegalTransition(f"{job_id}: {row.status} -> {status}")
            now = self._clock()
            changes = {"status": status, "last_updated": now, **columns}
            _set(db, job_id, changes)
            event(db, job_id, status, now, by or row.owner, description)
            return replace(row, **changes)

    def update(self, job_id: str, **columns: Any) -> JobRow:
        """Set *columns* without an event. ``last_updated`` moves, as a status poll moves it."""
        with self._write() as db:
            row = _locked(db, job_id)
            changes = {"last_updated": self._clock(), **columns}
            _set(db, job_id, changes)
            return replace(row, **changes)

    def request_cancel(self, job_id: str) -> None:
        """Record that a job is to be stopped; the engine carries it out."""
        with self._write() as db:
            _locked(db, job_id)
            _set(db, job_id, {"cancel_requested": True})


def _locked(db: sqlite3.Connection, job_id: str) -> JobRow:
    row = db.execute(f"{SELECT} WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise UnknownJob(job_id)
    return job(row)


def _set(db: sqlite3.Connection, job_id: str, columns: Mapping[str, Any]) -> None:
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise TypeError(f"no such columns: {', '.join(sorted(unknown))}")
    assignments = ", ".join(f"{name} = ?" for name in columns)
    values = [encode(name, value) for name, value in columns.items()]
    db.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*values, job_id))  # noqa: S608


def insert(
    db: sqlite3.Connection, rows: Sequence[JobRow], description: str, now: float
) -> list[JobRow]:
    """Store new jobs and the first lines of their histories; returns the rows as stored."""
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM jobs").fetchone()
    stored = [
        replace(
            row,
            created=row.created or now,
            last_updated=row.last_updated or now,
            number=number,
        )
        for number, row in enumerate(rows, int(last) + 1)
    ]
    for row in stored:
        db.execute(INSERT, [encode(name, getattr(row, name)) for name in COLUMNS])
        event(db, row.id, row.status, row.created, row.owner, description)
    return stored
