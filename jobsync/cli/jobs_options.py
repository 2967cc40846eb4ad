"""What every operation of ``jobsync jobs`` is given: where it is sent, and how it is printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from jobsync.cli.files import FilePath
from jobsync.cli.options import log_options, target_option
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.cli.connect import ServicePlace
    from jobsync.http.connection import Connection
    from jobsync.platforms.connections import Account

Page = Mapping[str, "int | None"]

_PLACE = "jobsync.place"
_CHANGES = "jobsync.changes"


class Call(Struct, frozen=True):
    """One operation: where it is sent, and how what comes back is printed."""

    style: str
    place: ServicePlace

    @contextmanager
    def account(self) -> Iterator[Account]:
        """The account on the target."""
        from jobsync.cli import connect

        with connect.account(self.place, os.environ) as account:
            yield account

    @property
    def how(self) -> Connection:
        """How the target is reached."""
        from jobsync.cli import connect

        return connect.how(self.place.target, os.environ)


def _refuse_others(call: Call) -> None:
    """Refuse to change anything on a target that has an owner who is not acting."""
    from jobsync.cli import connect

    if call.place.target.owner:
        with call.account() as account, account.reader(call.how) as reader:
            connect.refuse_others(reader, call.place.target)


def keep_place(ctx: click.Context, place: ServicePlace) -> None:
    """Note the place of the operation that is about to be called."""
    ctx.meta[_PLACE] = place


def keep_changes(ctx: click.Context, changes: bool) -> None:
    """Note whether the operation that is about to be called changes anything."""
    ctx.meta[_CHANGES] = changes


def place_in(ctx: click.Context) -> ServicePlace:
    """The place that was noted."""
    place: ServicePlace = ctx.meta[_PLACE]
    return place


def operation(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every operation, which it is given as a :class:`Call`."""

    @wraps(function)
    def called(style: str, target: str | None, manifests: str | None, **rest: Any) -> None:
        # The target has been found by them already: it says whose operations there are.
        context = click.get_current_context()
        call = Call(style, place_in(context))
        if context.meta[_CHANGES]:
            _refuse_others(call)
        function(call, **rest)

    for option in (
        log_options,
        click.option("-m", "--manifests", type=FilePath(), help="The set that names the target."),
        target_option("The target to use."),
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


def paged(function: Callable[..., None]) -> Callable[..., None]:
    """Which part of a long list; the operation is given it as ``page``."""

    @wraps(function)
    def called(limit: int | None, offset: int | None, **rest: Any) -> None:
        function(page={"limit": limit, "offset": offset}, **rest)

    skip = click.option("--offset", type=click.IntRange(min=0), help="Skip this many rows.")
    most = click.option(
        "--limit",
        type=click.IntRange(min=1),
        help="Ask for at most this many rows; the service may give fewer.",
    )
    return most(skip(called))
