"""The operations of Tapis v3 for ``jobsync jobs``, under the names of its own documentation.

One subcommand sends one operation and prints what came back, in the service's words.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jobsync.cli import download
from jobsync.cli.files import FilePath
from jobsync.cli.jobs_input import made, read_request, search_terms
from jobsync.cli.jobs_options import Call, Page, operation, paged
from jobsync.cli.jobs_output import print_record, print_rows
from jobsync.errors import SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.model import JsonValue
    from jobsync.platforms.tapis.connections import TapisAccount
    from jobsync.platforms.tapis.single_calls import SingleCalls

TYPES = ("MY_JOBS", "SHARED_JOBS", "ALL_JOBS")
EVENTS = (
    "ALL", "JOB_NEW_STATUS", "JOB_INPUT_TRANSACTION_ID", "JOB_ARCHIVE_TRANSACTION_ID",
    "JOB_SUBSCRIPTION", "JOB_SHARE_EVENT", "JOB_ERROR_MESSAGE", "JOB_USER_EVENT",
)  # fmt: skip
RESOURCES = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")

_ROW = ("uuid", "name", "status", "owner", "appId", "appVersion", "created")
_MOST = 1000
"""The service gives 100 rows where no limit is sent, and a whole tree of outputs."""
COUNTERPARTS = {
    "show": "get",
    "delete": "hide",
    "restore": "unhide",
    "pems-list": "shares",
    "pems-show": "shares",
    "pems-grant": "share",
    "pems-update": "share",
    "pems-revoke": "unshare",
    "pems-delete": "unshare",
}
"""What other platforms call an operation, and its name here."""

READING = frozenset(
    {
        *("list", "search", "get", "status", "history", "resubmit-request"),
        *("outputs-list", "outputs-download", "shares", "subscriptions"),
    }
)


@click.group()
def operations() -> None:
    """The operations of the jobs service."""


@contextmanager
def _account(call: Call) -> Iterator[TapisAccount]:
    from jobsync.platforms.tapis.connections import TapisAccount

    with call.account() as account:
        assert isinstance(account, TapisAccount)  # noqa: S101 -- the target is of this platform
        yield account


@contextmanager
def _service(call: Call) -> Iterator[SingleCalls]:
    """The operations on the target."""
    from jobsync.platforms.tapis.single_calls import SingleCalls

    with _account(call) as account, account.jobs(call.how) as opened:
        yield SingleCalls(opened)


def _window(page: Page) -> list[tuple[str, str | int]]:
    return [("limit", page["limit"] or _MOST), ("skip", page["offset"] or 0)]


# --- jobs ------------------------------------------------------------------------------

_type = click.option(
    "--type", "kind", type=click.Choice(TYPES), default="MY_JOBS", help="Whose jobs to list."
)
_order = click.option(
    "--order",
    default="id(desc)",
    metavar="COLUMN(asc|desc)",
    help="The order of the jobs. Default: newest first.",
)


@operations.command("submit")
@click.option(
    "-f",
    "--file",
    "path",
    type=FilePath(allow_dash=True),
    required=True,
    help="The request as one JSON object with name, appId and appVersion; - reads standard input.",
)
@operation
def submit(call: Call, path: str) -> None:
    """Submit a job from a file with its request. It is sent once and never repeated."""
    request = read_request(path)
    name = request.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{path}: a job needs a name")
    with _service(call) as jobs:
        job = made(lambda: jobs.submit(request), f"jobsync jobs search --term name.eq={name}")
    print_record(call.style, job)


@operations.command("list")
@_type
@_order
@paged
@operation
def list_(call: Call, page: Page, kind: str, order: str) -> None:
    """List jobs that are mine, shared with me, or both."""
    with _service(call) as jobs:
        found = jobs.list([*_window(page), ("orderBy", order), ("listType", kind)])
    print_rows(call.style, _ROW, found.rows)


@operations.command("search")
@click.option(
    "--term",
    "terms",
    multiple=True,
    metavar="ATTRIBUTE.OP=VALUE",
    help="A condition, such as status.eq=FINISHED; all of several must hold.",
)
@click.option("--sql", "words", multiple=True, help="Conditions as SQL, instead of --term.")
@click.option(
    "--select", metavar="FIELDS", help="The fields to show, separated by commas; or allAttributes."
)
@_type
@_order
@paged
@operation
def search(
    call: Call,
    page: Page,
    terms: Sequence[str],
    words: Sequence[str],
    select: str | None,
    kind: str,
    order: str,
) -> None:
    """Find jobs by conditions. Hidden jobs are never found."""
    if terms and words:
        raise Usage("--term and --sql cannot be used together")
    about = [*_window(page), ("orderBy", order), ("listType", kind)]
    if select:
        about.append(("select", select))
    with _service(call) as jobs:
        found = (
            jobs.search_by_text(words, about)
            if words
            else jobs.search([*search_terms(terms), *about])
        )
    columns = tuple(select.split(",")) if select and select != "allAttributes" else _ROW
    print_rows(call.style, columns, found.rows)


@operations.command("get")
@click.argument("uuid")
@operation
def get(call: Call, uuid: str) -> None:
    """Show one job, a hidden one too."""
    with _service(call) as jobs:
        job = jobs.get(uuid)
    print_record(call.style, job)


@operations.command("status")
@click.argument("uuid")
@operation
def status(call: Call, uuid: str) -> None:
    """Show the status of a job, and its condition once it has ended."""
    with _service(call) as jobs:
        found = jobs.status(uuid)
    print_record(call.style, found)


@operations.command("history")
@click.argument("uuid")
@paged
@operation
def history(call: Call, uuid: str, page: Page) -> None:
    """Show what happened to a job, oldest first."""
    with _service(call) as jobs:
        found = jobs.history(uuid, _window(page))
    rows = sorted(found.rows, key=lambda row: str(row.get("created")))
    print_rows(call.style, ("created", "event", "eventDetail", "description"), rows)


def _changing(word: str, does: str) -> None:
    """Make the subcommand of a change that has nothing but the job."""

    @operations.command(word, help=does)
    @click.argument("uuid")
    @operation
    def changed(call: Call, uuid: str) -> None:
        with _service(call) as jobs:
            said = jobs.change(uuid, word)
        print_record(call.style, {"uuid": uuid, "message": said})


_changing("cancel", "Ask the service to cancel a job; it ends later.")
_changing("hide", "Hide a job that has ended. It is not deleted, and unhide shows it again.")
_changing("unhide", "Make a hidden job visible again.")


@operations.command("resubmit")
@click.argument("uuid")
@operation
def resubmit(call: Call, uuid: str) -> None:
    """Submit the request of a job again as a new job. It is sent once and never repeated."""
    with _service(call) as jobs:
        job = made(lambda: jobs.resubmit(uuid), "jobsync jobs list")
    print_record(call.style, job)


@operations.command("resubmit-request")
@click.argument("uuid")
@operation
def resubmit_request(call: Call, uuid: str) -> None:
    """Show the request of a job as it was sent; jobsync convert makes a manifest of it."""
    with _service(call) as jobs:
        found = jobs.resubmit_request(uuid)
    print_record(call.style, found)


@operations.command("annotate")
@click.argument("uuid")
@click.option("--tag", "tags", multiple=True, help="Add this tag; may be repeated.")
@click.option(
    "--notes",
    "path",
    type=FilePath(allow_dash=True),
    help="Add the notes in this file, one JSON object.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace the tags and notes of the job, also the tags of jobsync.",
)
@operation
def annotate(call: Call, uuid: str, tags: Sequence[str], path: str | None, replace: bool) -> None:
    """Add tags and notes to a job (PATCH), or replace them (PUT)."""
    given: dict[str, JsonValue] = {}
    if tags:
        given["tags"] = [*tags]
    if path:
        given["notes"] = read_request(path)
    if not given:
        raise Usage("annotate needs --tag or --notes")
    with _service(call) as jobs:
        found = jobs.annotate(uuid, given, "PUT" if replace else "PATCH")
    print_record(call.style, found)


@operations.command("send-event")
@click.argument("uuid")
@click.argument("data")
@click.option("--detail", default="", help="A short label of the event, at most 64 characters.")
@operation
def send_event(call: Call, uuid: str, data: str, detail: str) -> None:
    """Add an event to the history of an unfinished job, for its subscribers."""
    with _service(call) as jobs:
        said = jobs.send_event(uuid, data, detail)
    print_record(call.style, {"uuid": uuid, "message": said})


# --- outputs ---------------------------------------------------------------------------


@operations.command("outputs-list")
@click.argument("uuid")
@click.argument("path", default="")
@click.option("--running", is_flag=True, help="Also of a job that goes on.")
@paged
@operation
def outputs_list(call: Call, uuid: str, path: str, running: bool, page: Page) -> None:
    """List one folder of a job's outputs."""
    terms = [*_window(page), *([("allowIfRunning", "true")] if running else [])]
    with _service(call) as jobs:
        found = jobs.jobs.outputs(uuid, path, terms)
    print_rows(call.style, ("path", "type", "size", "lastModified"), found.rows)


@operations.command("outputs-download")
@click.argument("uuid")
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
    call: Call, uuid: str, path: str, output: str | None, force: bool, max_bytes: int | None
) -> None:
    """Download one output of a job: the file itself, also where the service sends a zip of it."""
    to = download.place(path, output, force)
    with (
        _account(call) as account,
        account.reader(call.how) as reader,
        reader.open(uuid, path) as content,
    ):
        if to is None:
            download.copy(content, sys.stdout.buffer, max_bytes)
            return
        size = download.save(content, to, max_bytes)
    print_record(call.style, {"path": path, "to": str(to), "length": size})


# --- shares ----------------------------------------------------------------------------


@operations.command("shares")
@click.argument("uuid")
@operation
def shares(call: Call, uuid: str) -> None:
    """List who may read which part of a job."""
    with _service(call) as jobs:
        found = jobs.shares(uuid)
    print_rows(call.style, ("grantee", "jobResource", "jobPermission", "created"), found.rows)


@operations.command("share")
@click.argument("uuid")
@click.argument("user")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    type=click.Choice(RESOURCES),
    help="What the user may read; may be repeated. Default: all four.",
)
@operation
def share(call: Call, uuid: str, user: str, resources: Sequence[str]) -> None:
    """Let a user read a job, in addition to what they may read already."""
    wanted = [*dict.fromkeys(resources)] or [*RESOURCES]
    with _service(call) as jobs:
        jobs.share(uuid, user, wanted)
    print_record(call.style, {"grantee": user, "jobResource": [*wanted], "jobPermission": "READ"})


@operations.command("unshare")
@click.argument("uuid")
@click.argument("user")
@operation
def unshare(call: Call, uuid: str, user: str) -> None:
    """Take away all that a user may read of a job; an error if the service removes nothing."""
    with _service(call) as jobs:
        jobs.unshare(uuid, user)
    print_record(call.style, {"grantee": user, "jobPermission": "NONE"})


# --- subscriptions ---------------------------------------------------------------------


@operations.command("subscribe")
@click.argument("uuid")
@click.option("--webhook", "urls", multiple=True, metavar="URL", help="Send messages to this URL.")
@click.option(
    "--email", "mails", multiple=True, metavar="ADDRESS", help="Send messages to this address."
)
@click.option(
    "--event", type=click.Choice(EVENTS), default="ALL", help="Send messages about these events."
)
@click.option(
    "--ttl-minutes",
    type=click.IntRange(min=0),
    help="Send messages for this long; 0: as long as the service allows.",
)
@operation
def subscribe(
    call: Call,
    uuid: str,
    urls: Sequence[str],
    mails: Sequence[str],
    event: str,
    ttl_minutes: int | None,
) -> None:
    """Send messages about an unfinished job to somebody."""
    targets: list[JsonValue] = [
        {"deliveryMethod": method, "deliveryAddress": address}
        for method, given in (("WEBHOOK", urls), ("EMAIL", mails))
        for address in given
    ]
    if not targets:
        raise Usage("subscribe needs --webhook or --email")
    asked: dict[str, JsonValue] = {"eventCategoryFilter": event, "deliveryTargets": targets}
    if ttl_minutes is not None:
        asked["ttlMinutes"] = ttl_minutes
    with _service(call) as jobs:
        found = jobs.subscribe(uuid, asked)
    print_record(call.style, found)


@operations.command("subscriptions")
@click.argument("uuid")
@operation
def subscriptions(call: Call, uuid: str) -> None:
    """List the subscriptions to a job."""
    with _service(call) as jobs:
        found = jobs.subscriptions(uuid)
    print_rows(call.style, ("uuid", "eventCategoryFilter", "enabled", "created"), found.rows)


@operations.command("unsubscribe")
@click.argument("uuid")
@operation
def unsubscribe(call: Call, uuid: str) -> None:
    """Remove all subscriptions to a job, or the one subscription with this id."""
    with _service(call) as jobs:
        found = jobs.unsubscribe(uuid)
    print_record(call.style, found)
