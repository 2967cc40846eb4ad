"""The operations of Agave v2 for ``jobsync jobs``.

One subcommand sends one operation and prints what came back. The names are those that people of
the older clients know.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jobsync.cli import download
from jobsync.cli.files import FilePath
from jobsync.cli.jobs_input import made, read_request, search_terms
from jobsync.cli.jobs_options import Call, Page, operation, paged
from jobsync.cli.jobs_output import (
    event_record,
    file_record,
    permission_record,
    print_record,
    print_rows,
    run_record,
)
from jobsync.errors import SettingsError

if TYPE_CHECKING:
    from jobsync.model import JsonValue
    from jobsync.platforms.agave.operations import Jobs
    from jobsync.platforms.agave.wire import Permission

LEVELS = ("READ", "WRITE", "READ_WRITE", "ALL", "EXECUTE", "READ_EXECUTE", "WRITE_EXECUTE", "NONE")
COUNTERPARTS = {
    "get": "show",
    "search": "list",
    "hide": "delete",
    "unhide": "restore",
    "shares": "pems-list",
    "share": "pems-grant",
    "unshare": "pems-revoke",
}
"""What other platforms call an operation, and its name here."""

READING = frozenset(
    {
        *("list", "show", "status", "history", "outputs-list", "outputs-download"),
        *("pems-list", "pems-show"),
    }
)


@click.group()
def operations() -> None:
    """The 15 operations."""


@contextmanager
def _service(call: Call) -> Iterator[Jobs]:
    """The operations on the target."""
    from jobsync.platforms.agave.connections import AgaveAccount

    with call.account() as account:
        assert isinstance(account, AgaveAccount)  # noqa: S101 -- the target is of this platform
        with account.jobs(call.how) as opened:
            yield opened


# --- jobs ------------------------------------------------------------------------------


@operations.command("list")
@paged
@click.option(
    "--term",
    "terms",
    multiple=True,
    metavar="TERM=VALUE",
    help="A search term, such as name.eq=x; the service ignores what it does not know.",
)
@operation
def list_(call: Call, page: Page, terms: tuple[str, ...]) -> None:
    """List jobs that are mine or shared with me."""
    with _service(call) as jobs:
        found = jobs.list(**page, terms=dict(search_terms(terms)))
    print_rows(
        call.style, ("id", "name", "status", "owner", "appId", "created"), map(run_record, found)
    )


@operations.command("submit")
@click.option(
    "-f",
    "--file",
    "path",
    type=FilePath(allow_dash=True),
    required=True,
    help="The job as one JSON object with name and appId; - reads standard input.",
)
@operation
def submit(call: Call, path: str) -> None:
    """Submit a job from a job.json file. It is sent once and never repeated."""
    request = read_request(path)
    name = request.pop("name", None)
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{path}: a job needs a name")
    with _service(call) as jobs:
        run = made(
            lambda: jobs.submit(name, request), f"jobsync jobs list --term name.eq={name.strip()}"
        )
    print_record(call.style, run_record(run))


@operations.command("show")
@click.argument("job_id")
@operation
def show(call: Call, job_id: str) -> None:
    """Show one job."""
    with _service(call) as jobs:
        run = jobs.get(job_id)
    print_record(call.style, run_record(run))


@operations.command("delete")
@click.argument("job_id")
@operation
def delete(call: Call, job_id: str) -> None:
    """Stop a job if it runs, and hide it."""
    with _service(call) as jobs:
        jobs.delete(job_id)
    print_record(call.style, {"id": job_id, "deleted": True})


@operations.command("cancel")
@click.argument("job_id")
@operation
def cancel(call: Call, job_id: str) -> None:
    """Ask the service to stop a job."""
    with _service(call) as jobs:
        jobs.manage(job_id, "stop")
    print_record(call.style, {"id": job_id, "stopping": True})


@operations.command("resubmit")
@click.argument("job_id")
@operation
def resubmit(call: Call, job_id: str) -> None:
    """Submit a job again as a new one. It is sent once and never repeated."""
    with _service(call) as jobs:
        run = made(
            lambda: jobs.manage(job_id, "resubmit"), "jobsync jobs list --term orderBy=created"
        )
    print_record(call.style, run_record(run))


@operations.command("restore")
@click.argument("job_id")
@operation
def restore(call: Call, job_id: str) -> None:
    """Make a deleted job visible again."""
    with _service(call) as jobs:
        run = jobs.manage(job_id, "restore")
    print_record(call.style, {"id": job_id} if run is None else run_record(run))


@operations.command("status")
@click.argument("job_id")
@operation
def status(call: Call, job_id: str) -> None:
    """Show the status of a job."""
    with _service(call) as jobs:
        found = jobs.get_status(job_id)
    print_record(call.style, {"id": found.id, "status": found.status})


@operations.command("history")
@click.argument("job_id")
@paged
@operation
def history(call: Call, job_id: str, page: Page) -> None:
    """Show what happened to a job, oldest first."""
    with _service(call) as jobs:
        found = jobs.get_history(job_id, **page)
    columns = ("created", "status", "createdBy", "description")
    print_rows(call.style, columns, map(event_record, found))


# --- outputs ---------------------------------------------------------------------------


@operations.command("outputs-list")
@click.argument("job_id")
@click.argument("path", default="")
@paged
@operation
def outputs_list(call: Call, job_id: str, path: str, page: Page) -> None:
    """List one folder of a job's outputs."""
    with _service(call) as jobs:
        found = jobs.list_outputs(job_id, path, **page)
    print_rows(call.style, ("path", "type", "length", "lastModified"), map(file_record, found))


@operations.command("outputs-download")
@click.argument("job_id")
@click.argument("path")
@click.option(
    "-o",
    "--output",
    type=FilePath(allow_dash=True),
    help="Write to this path; - is standard output. Default: the file's own name.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@download.max_bytes
@operation
def outputs_download(
    call: Call, job_id: str, path: str, output: str | None, force: bool, max_bytes: int | None
) -> None:
    """Download one output of a job."""
    to = download.place(path, output, force)
    with _service(call) as jobs, jobs.download_output(job_id, path) as content:
        if to is None:
            download.copy(content, sys.stdout.buffer, max_bytes)
            return
        size = download.save(content, to, max_bytes)
    print_record(call.style, {"path": path, "to": str(to), "length": size})


# --- permissions -----------------------------------------------------------------------


@operations.command("pems-list")
@click.argument("job_id")
@paged
@operation
def pems_list(call: Call, job_id: str, page: Page) -> None:
    """List who may read and change a job; the owner first."""
    with _service(call) as jobs:
        found = jobs.list_permissions(job_id, **page)
    print_rows(call.style, ("username", "permission"), map(_permission, found))


@operations.command("pems-show")
@click.argument("job_id")
@click.argument("user")
@operation
def pems_show(call: Call, job_id: str, user: str) -> None:
    """Show one user's permission on a job."""
    with _service(call) as jobs:
        found = jobs.list_permissions_for_user(job_id, user)
    print_record(call.style, _permission(found))


@operations.command("pems-grant")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@operation
def pems_grant(call: Call, job_id: str, user: str, permission: str) -> None:
    """Set one user's permission on a job (POST /pems)."""
    with _service(call) as jobs:
        found = jobs.update_permissions(job_id, user, permission)
    print_record(call.style, _permission(_taken(found, permission)))


@operations.command("pems-update")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@operation
def pems_update(call: Call, job_id: str, user: str, permission: str) -> None:
    """Set one user's permission on a job (POST /pems/USER)."""
    with _service(call) as jobs:
        found = jobs.update_permissions_for_user(job_id, user, permission)
    print_record(call.style, _permission(_taken(found, permission)))


@operations.command("pems-revoke")
@click.argument("job_id")
@click.argument("user")
@operation
def pems_revoke(call: Call, job_id: str, user: str) -> None:
    """Take one user's permission on a job away (POST /pems with NONE)."""
    with _service(call) as jobs:
        found = jobs.update_permissions(job_id, user, "NONE")
    print_record(call.style, _permission(_taken(found, "NONE")))


@operations.command("pems-delete")
@click.argument("job_id")
@click.argument("user")
@operation
def pems_delete(call: Call, job_id: str, user: str) -> None:
    """Take one user's permission on a job away (DELETE /pems/USER)."""
    with _service(call) as jobs:
        jobs.delete_permissions_for_user(job_id, user)
    print_record(call.style, {"username": user, "permission": "NONE"})


@operations.command("pems-drop")
@click.argument("job_id")
@operation
def pems_drop(call: Call, job_id: str) -> None:
    """Take away every permission on a job but the owner's."""
    with _service(call) as jobs:
        jobs.delete_permissions(job_id)
    print_record(call.style, {"id": job_id, "permissions": "dropped"})


def _taken(row: Permission, permission: str) -> Permission:
    """*row* if it is what *permission* asks for: what the service answers is what holds.

    Raises :class:`~jobsync.errors.ServiceError` otherwise.
    """
    from jobsync.errors import ServiceError
    from jobsync.platforms.agave.permissions import access

    word = permission.upper()
    wanted = access(read="READ" in word or word == "ALL", write="WRITE" in word or word == "ALL")
    if row.access.gives != wanted.gives:
        raise ServiceError(
            f"the service answers that {row.username} has {row.access}, not what {word} asks for",
            hint="nobody can be granted anything on a job of their own; for others, "
            "jobsync jobs pems-list JOB shows what holds",
        )
    return row


def _permission(row: Permission) -> dict[str, JsonValue]:
    return permission_record(row.username, row.access)
