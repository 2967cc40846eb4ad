"""Who may do what with a job, and the six operations on that (agave-v2 §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsync.local.api.agave import bodies
from jobsync.local.api.agave.answer import Answer
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import window
from jobsync.local.api.agave.wire import BOTH, READERS, WRITERS, can_read, can_write
from jobsync.local.context import Call
from jobsync.local.store.rows import Conflict, JobRow

WORLD = "world"
VALUES = READERS | WRITERS | BOTH | {"EXECUTE"}
REVOKING = frozenset({"NONE", "", "NULL"})

_BAD_VALUE = (
    "Invalid permission value. Valid values are: ALL, READ, WRITE, READ_WRITE, EXECUTE,"
    " READ_EXECUTE, WRITE_EXECUTE,NONE"
)
_NO_READ = "User does not have permission to view this resource"
_NO_WRITE = "User does not have permission to modify this resource."


def permission_of(row: JobRow, grants: Mapping[str, str], user: str) -> str:
    """The permission that decides: the owner has all; else the first row in user name order that
    is the user's own or ``world``'s, so that a ``world`` row shadows names after it."""
    if user == row.owner:
        return "ALL"
    for name in sorted(grants):
        if name in (user, WORLD):
            return grants[name]
    return "NONE"


def may_read(call: Call, row: JobRow) -> bool:
    """Whether the user of *call* may read the job *row*."""
    return can_read(permission_of(row, call.store.grants(row.id), call.user))


def may_write(call: Call, row: JobRow) -> bool:
    """Whether the user of *call* may change the job *row*."""
    return can_write(permission_of(row, call.store.grants(row.id), call.user))


def list_all(call: Call) -> Answer:
    """``GET /{id}/pems``: the owner first on every page, outside limit and offset."""
    row = _readable(call)
    owner = call.wire.permission(row.id, row.owner, "ALL")
    listed = [owner] * (2 if call.fault("duplicate-owner") else 1)
    for user, permission in _page(call, row):
        listed.append(call.wire.permission(row.id, user, permission))
    return Answer(listed)


def show_one(call: Call) -> Answer:
    """``GET /{id}/pems/{user}``: one object, looked up within the page (agave-v2 §5.2)."""
    row = _readable(call)
    return Answer(_one_row(call, row, call.names["user"]))


def _one_row(call: Call, row: JobRow, wanted: str) -> dict[str, Any]:
    if wanted == row.owner:
        return call.wire.permission(row.id, row.owner, "ALL")
    for user, permission in _page(call, row):
        if user.lower() == wanted.lower():
            return call.wire.permission(row.id, user, permission)
    raise Refusal(404, f"No permissions found for user {wanted}")


def grant(call: Call) -> Answer:
    """``POST /{id}/pems[/{user}]``: set one row. The order of the checks is agave-v2 §5.3's."""
    row = call.job(call.names["job"])
    if row is None:
        raise Refusal(400, "Invalid job id")
    fields = bodies.fields(call.request)
    user = _named_user(call, fields)
    if "permission" not in fields:
        raise Refusal(400, "Missing permission field.")
    if not may_write(call, row):
        raise Refusal(403, _NO_WRITE)
    word = fields["permission"].upper()
    if word not in VALUES and word not in REVOKING:
        raise Refusal(400, _BAD_VALUE)
    kept = _set(call, row, user, None if word in REVOKING else word)
    return Answer(
        call.wire.permission(row.id, user, kept),
        status=200 if fields["permission"] == "" else 201,
    )


def drop_all(call: Call) -> Answer:
    """``DELETE /{id}/pems``: every explicit row goes, the owner stays."""
    row = _writable(call)
    call.store.drop_grants(row.id, call.user)
    return Answer()


def drop_one(call: Call) -> Answer:
    """``DELETE /{id}/pems/{user}``: 200 even when there is no such row."""
    row = _writable(call)
    call.store.set_grant(row.id, call.names["user"], None, call.user)
    return Answer()


def _named_user(call: Call, fields: Mapping[str, str]) -> str:
    in_path, in_body = call.names.get("user"), fields.get("username")
    if in_path is not None and in_body is not None and in_path.lower() != in_body.lower():
        raise Refusal(
            400,
            f"The username value in the request body, {in_body}, does not match the username in "
            f"the URL, {in_path}",
        )
    user = in_path if in_path is not None else in_body
    if user is None or not user.strip() or user == "null":
        raise Refusal(400, "No user found matching null")
    return user


def _set(call: Call, row: JobRow, user: str, permission: str | None) -> str:
    """Set the row and give what reads back: the owner has none, so NONE (agave-v2 §5.3)."""
    if user == row.owner:
        return "NONE"
    if call.fault("ignored-grant"):
        return permission or "NONE"
    try:
        call.store.set_grant(row.id, user, permission, call.user)
    except Conflict as error:
        raise Refusal(500, "Failed to update job permissions: could not execute statement") from (
            error
        )
    return permission or "NONE"


def _page(call: Call, row: JobRow) -> list[tuple[str, str]]:
    page = window(call.query)
    rows = list(call.store.grants(row.id).items())
    return rows[page.offset : page.offset + page.limit]


def _readable(call: Call) -> JobRow:
    row = visible(call)
    if not may_read(call, row):
        raise Refusal(403, _NO_READ)
    return row


def _writable(call: Call) -> JobRow:
    row = visible(call)
    if not may_write(call, row):
        raise Refusal(403, _NO_WRITE)
    return row


def visible(call: Call) -> JobRow:
    """The job that the path names. Raises :class:`Refusal` 404 for a missing or a hidden one."""
    job_id = call.names["job"]
    row = call.job(job_id)
    if row is None:
        raise Refusal(404, f"No job found with job id {job_id}.")
    if not row.visible:
        raise Refusal(404, f"Job with uuid {job_id} is not visible.")
    return row
