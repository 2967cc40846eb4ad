"""Who may see or change a job, and what is said when there is none (tapis-v3 §2.2, §9)."""

from __future__ import annotations

from jobsync.local.api.tapis.answer import Problem, absent
from jobsync.local.api.tapis.call import ADMIN, Call
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow

HISTORY, OUTPUT = "JOB_HISTORY", "JOB_OUTPUT"


def may(store: Store, row: JobRow, user: str, resource: str) -> bool:
    """Whether a user may see a resource of a job: the owner, the admin, those it is open to."""
    if user == row.owner or user in ADMIN:
        return True
    return any(share.resource == resource for share in store.shares(row.id, user))


def select_error(uuid: str, status: int) -> Problem:
    """How some routes say that a job is not there: as if the database had failed."""
    return Problem(
        status, f"JOBS_JOB_SELECT_UUID_ERROR Job {uuid} cannot be read from the database."
    )


def mismatch(row: JobRow, user: str) -> Problem:
    """The refusal of a user who is neither the owner nor somebody it is open to: 401, not 403."""
    return Problem(401, f"JOBS_MISMATCHED_OWNER User {user} does not own job {row.id}.")


def seen(call: Call, resource: str = HISTORY) -> JobRow:
    """The job of a route that knows no hidden ones. Raises :class:`Problem`."""
    row = call.job()
    if row is None or not row.visible:
        raise absent(call.names["uuid"])
    if not may(call.store, row, call.user, resource):
        raise mismatch(row, call.user)
    return row


def owned(call: Call, *, hidden: bool = False, missing: Problem | None = None) -> JobRow:
    """The job that the caller owns or administers, a *hidden* one if the route takes that."""
    row = call.job()
    if row is None or not (row.visible or hidden):
        raise missing or absent(call.names["uuid"])
    if call.user != row.owner and call.user not in ADMIN:
        raise mismatch(row, call.user)
    return row
