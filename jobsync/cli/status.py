"""``jobsync status``: how each declared job stands."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.options import (
    call_of,
    color_option,
    expand_option,
    format_option,
    is_expanded,
    named,
    paths_argument,
    target_options,
    wants_color,
)
from jobsync.errors import ExitCode
from jobsync.model import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobsync.cli.status_view import Shown
    from jobsync.model import Address, DesiredState
    from jobsync.render.options import Palette

_PAUSE = 5.0
"""Seconds between two looks of ``--watch``."""


@click.command("status")
@paths_argument
@target_options
@click.option(
    "--select",
    multiple=True,
    metavar="GLOB",
    help="Only these addresses.",
    shell_complete=completing.addresses,
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out these addresses.",
    shell_complete=completing.addresses,
)
@click.option(
    "--state",
    "wanted",
    multiple=True,
    type=click.Choice([str(one) for one in Standing]),
    help="Only jobs in this state; may be repeated.",
)
@click.option("--watch", is_flag=True, help="Repeat until no job is running.")
@format_option
@expand_option
@color_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    wanted: tuple[str, ...],
    watch: bool,
    format_name: str,
    color: str,
) -> ExitCode:
    """Show the state of each declared job, and when and how long its run waited and ran.

    Exit 7 when one of them failed, was stopped or misses files, 1 when something could not be read.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.status_view import Shown
    from jobsync.plan import PlanOptions
    from jobsync.render.options import RenderOptions

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    place = connect.ServicePlace(desired.root, chosen)
    call = call_of(paths, target, variables, desired.sensitive)
    addresses = _addresses(desired, select, exclude)
    palette = RenderOptions(color=wants_color(color, dict(os.environ))).palette
    with connect.reader(place, os.environ) as reader:

        def look() -> Shown:
            plan, seen = pipeline.decide(desired, chosen, reader, PlanOptions())
            held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
            now = datetime.fromtimestamp(reader.served_at() or time.time(), timezone.utc)
            return Shown(
                desired, plan, seen, held, call, addresses, frozenset(wanted), now, is_expanded()
            )

        if watch:
            shown = _watched(look, format_name, palette)
        else:
            shown = look()
            _print(shown, format_name, palette)
    return shown.exit_code


def _print(shown: Shown, format_name: str, palette: Palette) -> None:
    from jobsync.cli.terminal_size import width
    from jobsync.render.escape import in_json

    if format_name == "json":
        click.echo(in_json(json.dumps(shown.documents())))
    else:
        click.echo(shown.text(palette, width()), color=True)


def _watched(look: Callable[[], Shown], format_name: str, palette: Palette) -> Shown:
    """Look until no job is running: repaint on a terminal, else tell what has changed."""
    from jobsync.cli.watching import Changes, repainting

    shown = look()
    if format_name == "json":
        _print(shown, format_name, palette)
        while shown.is_running:
            time.sleep(_PAUSE)
            shown = look()
            _print(shown, format_name, palette)
        return shown
    if sys.stdout.isatty():
        with repainting() as repaint:
            repaint(shown, palette)
            while shown.is_running:
                time.sleep(_PAUSE)
                shown = look()
                repaint(shown, palette)
    else:
        _print(shown, format_name, palette)
        if not shown.is_running:
            return shown
        changes = Changes(shown)
        while shown.is_running:
            time.sleep(_PAUSE)
            shown = look()
            for line in changes.since(shown):
                click.echo(line)
        click.echo("")
    _print(shown, format_name, palette)
    return shown


def _addresses(
    desired: DesiredState, select: Iterable[str], exclude: Iterable[str]
) -> frozenset[Address]:
    """The declared addresses that are asked about."""
    chosen = {one for glob in select for one in named(glob, desired.jobs)} or {*desired.jobs}
    return frozenset(chosen - {one for glob in exclude for one in named(glob, desired.jobs)})
