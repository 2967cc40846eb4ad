"""``jobsync jobs``: the operations of the service one by one, for scripts and for looking around.

Each platform has a file of them, under the names that its users know: ``jobs_WORD.py`` with a group
``operations``, the names of those that change nothing, ``READING``, and what other platforms call
them, ``COUNTERPARTS``, where WORD is the platform's name up to the slash. The target says whose are
meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import click

from jobsync.cli.suggesting import Suggesting
from jobsync.errors import JobsyncError, SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.model import Target
    from jobsync.platform import Platform

_HELP = ("-h", "--help")


class _Operations(Suggesting):
    """The operations of the platform of the target; those of all where no target is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (name for group in _groups().values() for name in group.commands)
        return [*dict.fromkeys(names)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = (group.commands.get(cmd_name) for group in _groups().values())
        return next((one for one in found if one is not None), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from jobsync.cli.jobs_options import keep_changes, place_in

        name, *rest = args
        if self.get_command(ctx, name) is None:
            return super().resolve_command(ctx, args)
        try:
            operations = _meant(ctx, rest)
            if name not in operations.commands:
                raise _elsewhere(ctx, name)
            keep_changes(ctx, name not in _reading(place_in(ctx).target))
        except JobsyncError:
            if not any(word in rest for word in _HELP):
                raise
            return super().resolve_command(ctx, args)
        return name, operations.commands[name], rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for api, group in _groups().items():
            with formatter.section(f"Operations of {api}"):
                rows = [(name, one.get_short_help_str(90)) for name, one in group.commands.items()]
                formatter.write_dl(rows)


@click.group("jobs", cls=_Operations)
def command() -> None:
    """Call one operation of the Jobs service.

    For scripts: --format json prints one JSON value on standard output. No operation asks for
    confirmation.
    """


def _groups() -> Mapping[str, click.Group]:
    """The operations of each platform that has some, by its name."""
    from jobsync.platforms import PLATFORMS

    found = {name: _group(platform) for name, platform in PLATFORMS.items()}
    return {name: group for name, group in found.items() if group is not None}


def _group(platform: Platform) -> click.Group | None:
    module = _module(platform)
    try:
        group: click.Group = import_module(module).operations
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return group


def _reading(target: Target) -> frozenset[str]:
    """The operations that change nothing on *target*. Any other may, also a new one."""
    found: frozenset[str] = _file_of(target).READING
    return found


def _file_of(target: Target) -> ModuleType:
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS

    return import_module(_module(platform_of(target, PLATFORMS)))


def _module(platform: Platform) -> str:
    return f"jobsync.cli.jobs_{platform.name.partition('/')[0]}"


def _meant(ctx: click.Context, args: Sequence[str]) -> click.Group:
    """The operations on the target that *args*, the environment or a set name. The place is kept
    for the operation, so that the set is read once."""
    from jobsync.cli import connect
    from jobsync.cli.jobs_options import keep_place
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS

    target, manifests = _value(args, "--target"), _value(args, "-m", "--manifests")
    place = connect.somewhere(target, manifests, os.environ)
    keep_place(ctx, place)
    platform = platform_of(place.target, PLATFORMS)
    group = _group(platform)
    if group is None:
        raise SettingsError(
            f"target {place.target.name} is of api {platform.name}, whose operations jobsync does "
            "not have"
        )
    return group


def _value(args: Sequence[str], *names: str) -> str | None:
    """The value of an option, which the operation itself reads only later."""
    found = None
    for at, word in enumerate(args):
        if word == "--":
            break
        name, is_joined, value = word.partition("=")
        if word in names:
            found = next(iter(args[at + 1 :]), None)
        elif is_joined and name in names and name.startswith("--"):
            found = value
        elif not word.startswith("--") and word[:2] in names and len(word) > 2:
            found = word[2:]
    return found


def _elsewhere(ctx: click.Context, name: str) -> Usage:
    """The error for an operation that only other platforms have."""
    from jobsync.cli.jobs_options import place_in

    target = place_in(ctx).target
    apis = " and ".join(api for api, group in _groups().items() if name in group.commands)
    return Usage(
        f"{name} is an operation of {apis}, and target {target.name} is of another api",
        hint=f"the nearest there is jobsync jobs {nearest}"
        if (nearest := _file_of(target).COUNTERPARTS.get(name))
        else "the operations of each: jobsync jobs --help",
    )
