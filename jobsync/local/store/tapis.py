"""What jobs of Tapis have beside other jobs: requests as sent, shares, subscriptions, searches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from jobsync.local.store.connections import Connections
from jobsync.local.store.encoding import SELECT, job
from jobsync.local.store.filters import Filter, render
from jobsync.local.store.history import event, insert_rows, log
from jobsync.local.store.jobs import insert
from jobsync.local.store.rows import TAPIS, JobRow, Share, Subscription
from jobsync.structs import Struct

_SHORT = SELECT.replace(
    " request,", " json_object('appVersion', json_extract(request, '$.appVersion')),"
).replace(" directories,", " '{}',")
_MINE = "owner = ?"
_SHARED = "id IN (SELECT job_id FROM shares WHERE grantee = ?)"


class Page(Struct, frozen=True):
    """A question for a page of visible jobs. ``scope`` is ``mine``, ``shared`` or ``everybody``,
    ``order`` pairs of an SQL expression of ours and whether it descends; a limit below 0 is none.
    Of a ``short`` one only ``appVersion`` of the requests is read, and no directories."""

    user: str
    scope: str
    where: Filter
    order: tuple[tuple[str, bool], ...] = ()
    limit: int = -1
    offset: int = 0
    shuffled: bool = False
    short: bool = False


class TapisTables(Connections):
    """The part of the store that only Tapis uses."""

    # --- requests -------------------------------------------------------------------------

    def accept(
        self, row: JobRow, description: str, body: dict[str, Any] | None,
        subscriptions: Sequence[Subscription],
    ) -> JobRow:  # fmt: skip
        """Store a new job in one step, with the request as sent and its subscriptions."""
        with self._write() as db:
            [stored] = insert(db, [row], description, self._clock())
            if body is not None:
                db.execute("INSERT INTO submissions VALUES (?, ?)", (row.id, json.dumps(body)))
            _subscribe(db, subscriptions)
        return stored

    def request_of(self, job_id: str) -> dict[str, Any] | None:
        """The request of a job, as it was sent."""
        row = self._one("SELECT body FROM submissions WHERE job_id = ?", (job_id,))
        if row is None:
            return None
        body: dict[str, Any] = json.loads(row[0])
        return body

    # --- searches -------------------------------------------------------------------------

    def page(self, page: Page) -> list[JobRow]:
        """The jobs of one page."""
        where, values = _where(page)
        order = ", ".join(f"{key} {'DESC' if down else 'ASC'}" for key, down in page.order)
        if page.shuffled and not order:
            order = "random()"
        # Without an order none is promised; the table's own is given.
        # First the page, then its rows: sorting whole rows of a long list took ten times as long.
        found = self._all(
            f"SELECT rowid FROM jobs WHERE {where} ORDER BY {order or 'rowid'} LIMIT ? OFFSET ?",  # noqa: S608
            (*values, page.limit, page.offset),
        )
        numbers = ", ".join(str(int(row[0])) for row in found)
        select = _SHORT if page.short else SELECT
        rows = self._all(f"{select.replace('SELECT', 'SELECT rowid,')} WHERE rowid IN ({numbers})")
        by_number = {row[0]: job(row[1:]) for row in rows}
        return [by_number[number] for (number,) in found if number in by_number]

    def count(self, page: Page) -> int:
        """How many jobs there are on all pages."""
        where, values = _where(page)
        row = self._one(f"SELECT count(*) FROM jobs WHERE {where}", tuple(values))  # noqa: S608
        return int(row[0]) if row else 0

    # --- shares ---------------------------------------------------------------------------

    def share(self, job_id: str, grantee: str, resources: Sequence[str], grantor: str) -> None:
        """Share resources of a job; existing shares are left as they are."""
        now = self._clock()
        rows = [(job_id, grantee, resource, grantor, now) for resource in resources]
        texts = [f"{resource} shared with {grantee}" for resource in resources]
        with self._write() as db:
            insert_rows(db, "INSERT OR IGNORE INTO shares", rows)
            log(db, [(job_id, "JOB_SHARE_EVENT", now, grantor, text) for text in texts])

    def shares(self, job_id: str, grantee: str | None = None) -> list[Share]:
        """The shared resources of a job, oldest first; of one user only, if *grantee* is given."""
        rows = self._all(
            "SELECT * FROM shares WHERE job_id = ? AND (? IS NULL OR grantee = ?) ORDER BY rowid",
            (job_id, grantee, grantee),
        )
        return [Share(*row) for row in rows]

    def unshare(self, job_id: str, grantee: str, by: str) -> int:
        """Remove all shares that *by* gave to a user; returns the number of resources."""
        with self._write() as db:
            found = db.execute(
                "DELETE FROM shares WHERE job_id = ? AND grantee = ? AND grantor = ?",
                (job_id, grantee, by),
            ).rowcount
            if found:
                text = f"unshared with {grantee}"
                event(db, job_id, "JOB_SHARE_EVENT", self._clock(), by, text)
        return int(found)

    # --- subscriptions --------------------------------------------------------------------

    def subscribe(self, new: Sequence[Subscription]) -> None:
        """Store subscriptions."""
        with self._write() as db:
            _subscribe(db, new)

    def subscriptions(self, job_id: str) -> list[Subscription]:
        """The subscriptions of a job, oldest first."""
        rows = self._all("SELECT * FROM subscriptions WHERE job_id = ? ORDER BY rowid", (job_id,))
        return [Subscription(row[0], row[1], json.loads(row[2]), row[3]) for row in rows]

    def subscription(self, uuid: str) -> Subscription | None:
        """One subscription."""
        row = self._one("SELECT * FROM subscriptions WHERE id = ?", (uuid,))
        return None if row is None else Subscription(row[0], row[1], json.loads(row[2]), row[3])

    def unsubscribe(self, uuid: str) -> int:
        """Remove one subscription, or all of a job; returns the number removed."""
        with self._write() as db:
            return int(
                db.execute(
                    "DELETE FROM subscriptions WHERE id = ? OR job_id = ?", (uuid, uuid)
                ).rowcount
            )


def _subscribe(db: sqlite3.Connection, new: Sequence[Subscription]) -> None:
    for one in new:
        db.execute(
            "INSERT INTO subscriptions VALUES (?, ?, ?, ?)",
            (one.id, one.job_id, json.dumps(one.document), one.created),
        )


def _where(page: Page) -> tuple[str, list[Any]]:
    sql, values = render(page.where)
    if page.scope == "everybody":
        return f"api = ? AND visible = 1 AND {sql}", [TAPIS, *values]
    scope = _MINE if page.scope == "mine" else _SHARED
    return f"api = ? AND visible = 1 AND {scope} AND {sql}", [TAPIS, page.user, *values]
