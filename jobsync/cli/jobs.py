"""``jobsync jobs``: the operations of the service one by one, for scripts and for looking around.

One subcommand sends one operation and prints what came back. The names are those that people of
the older clients know. Nothing here looks at manifests beyond finding the target.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobsync.cli import download
from jobsync.cli.files import FilePath
from jobsync.cli.jobs_output import event_record, file_record, permission_record, run_record
from jobsync.cli.options import log_options
from jobsync.cli.tables import fields_text, table_text
from jobsync.errors import SettingsError, SubmitAmbiguous, UnknownOutcome, Usage

if TYPE_CHECKING:
    from jobsync.model import JsonValue, Run
    from jobsync.platforms.agave.operations import Jobs
    from jobsync.platforms.agave.wire import Permission

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("READ", "WRITE", "READ_WRITE", "ALL", "EXECUTE", "READ_EXECUTE", "WRITE_EXECUTE", "NONE")


@click.group("jobs")
def command() -> None:
    """Call one operation of the Jobs service.

    For scripts: --format json prints one JSON value on standard output. Dangerous operations ask
    nothing.
    """


def _operation(function: F) -> F:
    """The options of every operation."""
    function = log_options(function)
    for option in (
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
        function = option(function)
    return function


def _paged(function: F) -> F:
    function = click.option("--offset", type=click.IntRange(min=0), help="Skip this many.")(
        function
    )
    return click.option(
        "--limit", type=click.IntRange(min=1), help="At most this many; the service may clip it."
    )(function)


@contextmanager
def _service(target: str | None, manifests: str | None) -> Iterator[Jobs]:
    """The operations on the target that flags, environment or a set name."""
    from jobsync.cli import connect
    from jobsync.platforms.agave.connections import AgaveAccount

    place = connect.somewhere(target, manifests, os.environ)
    with connect.account(place, os.environ) as account:
        if not isinstance(account, AgaveAccount):
            raise SettingsError(
                f"target {place.target.name} is of api {place.target.api}, which this command "
                "does not speak"
            )
        with account.jobs(connect.how(place.target, os.environ)) as opened:
            yield opened


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
def list_(
    limit: int | None,
    offset: int | None,
    terms: tuple[str, ...],
    style: str,
    target: str | None,
    manifests: str | None,
) -> None:
    """List jobs that are mine or shared with me."""
    with _service(target, manifests) as jobs:
        found = jobs.list(limit=limit, offset=offset, terms=_pairs(terms))
    _rows(style, ("id", "name", "status", "owner", "appId", "created"), map(run_record, found))


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
def submit(path: str, style: str, target: str | None, manifests: str | None) -> None:
    """Submit a job from a job.json file. Sent once, never again by itself."""
    request = _request(path)
    name = request.pop("name", None)
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{path}: a job needs a name")
    with _service(target, manifests) as jobs:
        run = _made(lambda: jobs.submit(name, request), f"name.eq={name.strip()}")
    _one(style, run_record(run))


@command.command("show")
@click.argument("job_id")
@_operation
def show(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Show one job."""
    with _service(target, manifests) as jobs:
        run = jobs.get(job_id)
    _one(style, run_record(run))


@command.command("delete")
@click.argument("job_id")
@_operation
def delete(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Stop a job if it runs, and hide it."""
    with _service(target, manifests) as jobs:
        jobs.delete(job_id)
    _one(style, {"id": job_id, "deleted": True})


@command.command("cancel")
@click.argument("job_id")
@_operation
def cancel(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Ask the service to stop a job."""
    with _service(target, manifests) as jobs:
        jobs.manage(job_id, "stop")
    _one(style, {"id": job_id, "stopping": True})


@command.command("resubmit")
@click.argument("job_id")
@_operation
def resubmit(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Submit a job again as a new one. Sent once, never again by itself."""
    with _service(target, manifests) as jobs:
        run = _made(lambda: jobs.manage(job_id, "resubmit"), "orderBy=created")
    _one(style, run_record(run))


@command.command("restore")
@click.argument("job_id")
@_operation
def restore(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Make a deleted job visible again."""
    with _service(target, manifests) as jobs:
        run = jobs.manage(job_id, "restore")
    _one(style, {"id": job_id} if run is None else run_record(run))


@command.command("status")
@click.argument("job_id")
@_operation
def status(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Show the status of a job."""
    with _service(target, manifests) as jobs:
        found = jobs.get_status(job_id)
    _one(style, {"id": found.id, "status": found.status})


@command.command("history")
@click.argument("job_id")
@_paged
@_operation
def history(
    job_id: str,
    limit: int | None,
    offset: int | None,
    style: str,
    target: str | None,
    manifests: str | None,
) -> None:
    """Show what happened to a job, oldest first."""
    with _service(target, manifests) as jobs:
        found = jobs.get_history(job_id, limit=limit, offset=offset)
    columns = ("created", "status", "createdBy", "description")
    _rows(style, columns, map(event_record, found))


# --- outputs ---------------------------------------------------------------------------


@command.command("outputs-list")
@click.argument("job_id")
@click.argument("path", default="")
@_paged
@_operation
def outputs_list(
    job_id: str,
    path: str,
    limit: int | None,
    offset: int | None,
    style: str,
    target: str | None,
    manifests: str | None,
) -> None:
    """List one folder of a job's outputs."""
    with _service(target, manifests) as jobs:
        found = jobs.list_outputs(job_id, path, limit=limit, offset=offset)
    _rows(style, ("path", "type", "length", "lastModified"), map(file_record, found))


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
def outputs_download(
    job_id: str,
    path: str,
    output: str | None,
    force: bool,
    style: str,
    target: str | None,
    manifests: str | None,
) -> None:
    """Download one output of a job."""
    to = download.place(path, output, force)
    with _service(target, manifests) as jobs, jobs.download_output(job_id, path) as content:
        if to is None:
            download.copy(content, sys.stdout.buffer)
            return
        size = download.save(content, to)
    _one(style, {"path": path, "to": str(to), "length": size})


# --- permissions -----------------------------------------------------------------------


@command.command("pems-list")
@click.argument("job_id")
@_paged
@_operation
def pems_list(
    job_id: str,
    limit: int | None,
    offset: int | None,
    style: str,
    target: str | None,
    manifests: str | None,
) -> None:
    """List who may read and change a job; the owner first."""
    with _service(target, manifests) as jobs:
        found = jobs.list_permissions(job_id, limit=limit, offset=offset)
    _rows(style, ("username", "permission"), map(_permission, found))


@command.command("pems-show")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_show(
    job_id: str, user: str, style: str, target: str | None, manifests: str | None
) -> None:
    """Show one user's permission on a job."""
    with _service(target, manifests) as jobs:
        found = jobs.list_permissions_for_user(job_id, user)
    _one(style, _permission(found))


@command.command("pems-grant")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@_operation
def pems_grant(
    job_id: str, user: str, permission: str, style: str, target: str | None, manifests: str | None
) -> None:
    """Set one user's permission on a job (POST /pems)."""
    with _service(target, manifests) as jobs:
        found = jobs.update_permissions(job_id, user, permission)
    _one(style, _permission(_taken(found, permission)))


@command.command("pems-update")
@click.argument("job_id")
@click.argument("user")
@click.argument("permission", type=click.Choice(LEVELS, case_sensitive=False))
@_operation
def pems_update(
    job_id: str, user: str, permission: str, style: str, target: str | None, manifests: str | None
) -> None:
    """Set one user's permission on a job (POST /pems/USER)."""
    with _service(target, manifests) as jobs:
        found = jobs.update_permissions_for_user(job_id, user, permission)
    _one(style, _permission(_taken(found, permission)))


@command.command("pems-revoke")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_revoke(
    job_id: str, user: str, style: str, target: str | None, manifests: str | None
) -> None:
    """Take one user's permission on a job away (POST /pems with NONE)."""
    with _service(target, manifests) as jobs:
        found = jobs.update_permissions(job_id, user, "NONE")
    _one(style, _permission(_taken(found, "NONE")))


@command.command("pems-delete")
@click.argument("job_id")
@click.argument("user")
@_operation
def pems_delete(
    job_id: str, user: str, style: str, target: str | None, manifests: str | None
) -> None:
    """Take one user's permission on a job away (DELETE /pems/USER)."""
    with _service(target, manifests) as jobs:
        jobs.delete_permissions_for_user(job_id, user)
    _one(style, {"username": user, "permission": "NONE"})


@command.command("pems-drop")
@click.argument("job_id")
@_operation
def pems_drop(job_id: str, style: str, target: str | None, manifests: str | None) -> None:
    """Take away every permission on a job but the owner's."""
    with _service(target, manifests) as jobs:
        jobs.delete_permissions(job_id)
    _one(style, {"id": job_id, "permissions": "dropped"})


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


# --- in and out ------------------------------------------------------------------------


def _made(send: Callable[[], Run | None], where: str) -> Run:
    try:
        run = send()
    except SubmitAmbiguous as error:
        raise UnknownOutcome(
            f"whether a job was made is unknown: {error}",
            hint=f"look before sending again: jobsync jobs list --term {where}",
        ) from error
    if run is None:
        raise UnknownOutcome("the service did not say which job it made")
    return run


def _request(path: str) -> dict[str, JsonValue]:
    try:
        with click.open_file(path, "rb") as file:
            value = json.loads(file.read())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} is not one JSON object")
    return value


def _pairs(terms: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for term in terms:
        name, separator, value = term.partition("=")
        if not name or not separator:
            raise Usage(f"--term {term!r} is not TERM=VALUE")
        pairs[name] = value
    return pairs


def _rows(style: str, columns: Sequence[str], records: Any) -> None:
    found: list[Mapping[str, JsonValue]] = list(records)
    click.echo(_json(found) if style == "json" else table_text(columns, found))


def _one(style: str, record: Mapping[str, JsonValue]) -> None:
    click.echo(_json(record) if style == "json" else fields_text(record))


def _json(value: Any) -> str:
    from jobsync.render.escape import in_json

    return in_json(json.dumps(value, indent=2))
