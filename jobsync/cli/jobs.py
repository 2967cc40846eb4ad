"""``jobsync jobs``: the operations of the service one by one, for scripts and for looking around.

One subcommand sends one operation and prints what came back. The names are those that people of
the older clients know. Nothing here looks at manifests beyond finding the target.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from jobsync.cli import download
from jobsync.cli.files import FilePath
from jobsync.cli.jobs_input import made, read_request, search_terms
from jobsync.cli.jobs_output import (
    event_record,
    file_record,
    permission_record,
    print_record,
    print_rows,
    run_record,
)
from jobsync.cli.options import log_options
from jobsync.errors import SettingsError
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.model import JsonValue
    from jobsync.platforms.agave.operations import Jobs
    from jobsync.platforms.agave.wire import Permission

Page = Mapping[str, "int | None"]

LEVELS = ("READ", "WRITE", "READ_WRITE", "ALL", "EXECUTE", "READ_EXECUTE", "WRITE_EXECUTE", "NONE")


@click.group("jobs")
def command() -> None:
    """Call one operation of the Jobs service.

    For scripts: --format json prints one JSON value on standard output. Dangerous operations ask
    nothing.
    """


class Call(Struct, frozen=True):
    """One operation: where it is sent, and how what comes back is printed."""

    style: str
    target: str | None
    manifests: str | None

    @contextmanager
    def service(self) -> Iterator[Jobs]:
        """The operations on the target that flags, environment or a set name."""
        from jobsync.cli import connect
        from jobsync.platforms.agave.connections import AgaveAccount

        place = connect.somewhere(self.target, self.manifests, os.environ)
        with connect.account(place, os.environ) as account:
            if not isinstance(account, AgaveAccount):
                raise SettingsError(
                    f"target {place.target.name} is of api {place.target.api}, which this command "
                    "does not speak"
                )
            with account.jobs(connect.how(place.target, os.environ)) as opened:
                yield opened


def _operation(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every operation, which it is given as a :class:`Call`."""

    @wraps(function)
    def called(style: str, target: str | None, manifests: str | None, **rest: Any) -> None:
        function(Call(style, target, manifests), **rest)

    for option in (
        log_options,
        click.option("-m", "--manifests", type=FilePath(), help="The set that names the target."),
        click.option("--target", metavar="NAME", help="The target to use."),
        click.option(
            "--format",
            "style",
            type=click.Choice(["table", "json"]),
            default="table",
            help="Columns for people, or JSON.",
        ),
    ):
        called = option(called)
    return called


def _paged(function: Callable[..., None]) -> Callable[..., None]:
    """Which part of a long list; the operation is given it as ``page``."""

    @wraps(function)
    def called(limit: int | None, offset: int | None, **rest: Any) -> None:
        function(page={"limit": limit, "offset": offset}, **rest)

    skip = click.option("--offset", type=click.IntRange(min=0), help="Skip this many.")
    most = click.option(
        "--limit", type=click.IntRange(min=1), help="At most this many; the service may clip it."
    )
    return most(skip(called))


# --- jobs ------------------------------------------------------------------------------


@command.command("list")
@_paged
@click.option(
    "--term",
    "terms",
    multiple=True,
    metavar="TERM=VALUE",
    help="A search term, such as name.eq=x; the service ignores what it does not know.",
)
@_operation
def list_(call: Call, page: Page, terms: tuple[str, ...]) -> None:
    """List jobs that are mine or shared with me."""
    with call.service() as jobs:
        found = jobs.list(**page, terms=search_terms(terms))
    print_rows(
        call.style, ("id", "name", "status", "owner", "appId", "created"), map(run_record, found)
    )


@command.command("submit")
@click.option(
    "-f",
    "--file",
    "path",
    type=FilePath(allow_dash=True),
    required=True,
    help="The job as one JSON object with name and appId; - reads standard input.",
)
@_operation
def submit(call: Call, path: str) -> None:
    """Submit a job from a job.json file. Sent once, never again by itself."""
    request = read_request(path)
    name = request.pop("name", None)
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{path}: a job needs a name")
    with call.service() as jobs:
        run = made(lambda: jobs.submit(name, request), f"name.eq={name.strip()}")
    print_record(call.style, run_record(run))


@command.command("show")
@click.argument("job_id")
@_operation
def show(call: Call, job_id: str) -> None:
    """Show one job."""
    with call.service() as jobs:
        run = jobs.get(job_id)
    print_record(call.style, run_record(run))


@command.command("delete")
@click.argument("job_id")
@_operation
def delete(call: Call, job_id: str) -> None:
    """Stop a job if it runs, and hide it."""
    with call.service() as jobs:
        jobs.delete(job_id)
    print_record(call.style, {"id": job_id, "deleted": True})


@command.command("cancel")
@click.argument("job_id")
@_operation
def cancel(call: Call, job_id: str) -> None:
    """Ask the service to stop a job."""
    with call.service() as jobs:
        jobs.manage(job_id, "stop")
    print_record(call.style, {"id": job_id, "stopping": True})


@command.command("resubmit")
@click.argument("job_id")
@_operation
def resubmit(call: Call, job_id: str) -> None:
    """Submit a job again as a new one. Sent once, never again by itself."""
    with call.service() as jobs:
        run = made(lambda: jobs.manage(job_id, "resubmit"), "orderBy=created")
    print_record(call.style, run_record(run))


@command.command("restore")
@click.argument("job_id")
@_operation
def restore(call: Call, job_id: str) -> None:
    """Make a deleted job visible again."""
    with call.service() as jobs:
        run = jobs.manage(job_id, "restore")
    print_record(call.style, {"id": job_id} if run is None else run_record(run))


@command.command("status")
@click.argument("job_id")
@_operation
def status(call: Call, job_id: str) -> None:
    """Show the status of a job."""
    with call.service() as jobs:
        found = jobs.get_status(job_id)
    print_record(call.style, {"id": found.id, "status": found.status})


@command.command("history")
@click.argument("job_id")
@_paged
@_operation
def history(call: Call, job_id: str, page: Page) -> None:
    """Show what happened to a job, oldest first."""
    with call.service() as jobs:
        found = jobs.get_history(job_id, **page)
    columns = ("created", "status", "createdBy", "description")
    print_rows(call.style, columns, map(event_record, found))


# --- outputs ---------------------------------------------------------------------------


@command.command("outputs-list")
@click.argument("job_id")
@click.argument("path", default="")
@_paged
@_operation
def outputs_list(call: Call, job_id: str, path: str, page: Page) -> None:
    """List one folder of a job's outputs."""
    with call.service() as jobs:
        found = jobs.list_outputs(job_id, path, **page)
    print_rows(call.style, ("path", "type", "length", "lastModified"), map(file_record, found))


@command.command("outputs-download")
@click.argument("job_id")
@click.argument("path")
@click.option(
    "-o",
    "--output",
    type=FilePath(allow_dash=True),
    help="Where to; - is standard output. Default: the file's own name, here.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@_operation
def outputs_download(call: Call, job_id: str, path: str, output: str | None, force: bool) -> None:
    """Download one output of a job."""
    to = download.place(path, output, force)
    with call.service() as jobs, jobs.download_output(job_id, path) as content:
        if to is None:
            download.copy(content, sys.stdout.buffer)
            return
        size = download.save(content, to)
    print_record(call.style, {"path": path, "to": str(to), "length": size})


# --- permissions -----------------------------------------------------------------------


@command.command("pems-list")
@click.argument("job_id")
@_paged
@_operation
def pems_list(call: Call, job_id: str, page: Page) -> None:
    """List who may read and change a job; the owner first."""
    with call.service() as jobs:
        found = jobs.list_permissions(job_id, **page)
    print_rows(call.style, ("username", "permission"), map(_permission, found))


@command.command("pems-show")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_show(call: Call, job_id: str, user: str) -> None:
    """Show one user's permission on a job."""
    with call.service() as jobs:
        found = jobs.list_permissions_for_user(job_id, user)
    print_record(call.style, _permission(found))


@command.command("pems-grant")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@_operation
def pems_grant(call: Call, job_id: str, user: str, permission: str) -> None:
    """Set one user's permission on a job (POST /pems)."""
    with call.service() as jobs:
        found = jobs.update_permissions(job_id, user, permission)
    print_record(call.style, _permission(_taken(found, permission)))


@command.command("pems-update")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@_operation
def pems_update(call: Call, job_id: str, user: str, permission: str) -> None:
    """Set one user's permission on a job (POST /pems/USER)."""
    with call.service() as jobs:
        found = jobs.update_permissions_for_user(job_id, user, permission)
    print_record(call.style, _permission(_taken(found, permission)))


@command.command("pems-revoke")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_revoke(call: Call, job_id: str, user: str) -> None:
    """Take one user's permission on a job away (POST /pems with NONE)."""
    with call.service() as jobs:
        found = jobs.update_permissions(job_id, user, "NONE")
    print_record(call.style, _permission(_taken(found, "NONE")))


@command.command("pems-delete")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_delete(call: Call, job_id: str, user: str) -> None:
    """Take one user's permission on a job away (DELETE /pems/USER)."""
    with call.service() as jobs:
        jobs.delete_permissions_for_user(job_id, user)
    print_record(call.style, {"username": user, "permission": "NONE"})


@command.command("pems-drop")
@click.argument("job_id")
@_operation
def pems_drop(call: Call, job_id: str) -> None:
    """Take away every permission on a job but the owner's."""
    with call.service() as jobs:
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
