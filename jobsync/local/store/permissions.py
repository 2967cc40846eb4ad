"""Who else may do something with a job."""

from __future__ import annotations

import sqlite3

from jobsync.local.store.connections import Connections
from jobsync.local.store.history import event
from jobsync.local.store.rows import Conflict


class Permissions(Connections):
    """The part of the store that keeps the explicit permissions of jobs."""

    def grants(self, job_id: str) -> dict[str, str]:
        """The explicit permissions of a job by user name, sorted by name."""
        rows = self._all(
            "SELECT username, permission FROM pems WHERE job_id = ? ORDER BY username", (job_id,)
        )
        return {str(user): str(permission) for user, permission in rows}

    def set_grant(self, job_id: str, user: str, permission: str | None, by: str) -> None:
        """Set (or with None remove) one user's row and log it.

        Raises :class:`Conflict` for a name of more than 32 characters or one that differs from a
        row's only by case. The event of an update names the old permission (agave-v2 §5.3).
        """
        try:
            with self._write() as db:
                self._set_grant(db, job_id, user, permission, by)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error

    def drop_grants(self, job_id: str, by: str) -> None:
        """Remove every explicit row of a job, and log it in one event (agave-v2 §4.6)."""
        with self._write() as db:
            dropped = db.execute("DELETE FROM pems WHERE job_id = ?", (job_id,)).rowcount
            if dropped:
                now = self._clock()
                event(db, job_id, "PERMISSION_REVOKE", now, by, "All permissions revoked")

    def _set_grant(
        self, db: sqlite3.Connection, job_id: str, user: str, permission: str | None, by: str
    ) -> None:
        key = (job_id, user)
        old = db.execute(
            "SELECT permission FROM pems WHERE job_id = ? AND username = ?", key
        ).fetchone()
        now = self._clock()
        if permission is None:
            db.execute("DELETE FROM pems WHERE job_id = ? AND username = ?", key)
            if old:
                text = f"All permissions revoked for {user}"
                event(db, job_id, "PERMISSION_REVOKE", now, by, text)
            return
        if old:
            db.execute(
                "UPDATE pems SET permission = ? WHERE job_id = ? AND username = ?",
                (permission, *key),
            )
        else:
            db.execute("INSERT INTO pems VALUES (?, ?, ?)", (*key, permission))
        told = old[0] if old else permission
        text = f"{told} permission granted to {user}"
        event(db, job_id, "PERMISSION_GRANT", now, by, text)
