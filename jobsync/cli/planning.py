"""A plan made from what a command line says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from jobsync.cli.options import call_of
from jobsync.errors import JobsyncError

if TYPE_CHECKING:
    from jobsync.model import OpenSubmit, Plan, PlanOptions
    from jobsync.render.advice import Call


def options_from(flags: dict[str, Any]) -> PlanOptions:
    """The plan options given by the flags of a command line."""
    from jobsync.model import Fetching, PlanOptions

    return PlanOptions(
        select=tuple(flags.get("select") or ()),
        exclude=tuple(flags.get("exclude") or ()),
        only=frozenset(flags.get("only") or ()),
        prune=bool(flags.get("prune")),
        retry=frozenset(flags.get("retry") or ()),
        retry_failed=bool(flags.get("retry_failed")),
        outputs=Fetching(flags.get("outputs") or Fetching.ALL),
        stop_superseded=bool(flags.get("stop_superseded")),
        allow=frozenset(flags.get("allow") or ()),
    )


def make_plan(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    flags: dict[str, Any],
    *,
    quiet: bool = True,
) -> tuple[Plan, tuple[OpenSubmit, ...], Call]:
    """What the command line asks to plan, and what the journal holds.

    Says which shared journal an apply would use, unless *quiet*.
    As Markdown a failure is a document too: a comment that stays as it was would show an old plan.
    """
    from jobsync.cli import connect, pipeline, shared_journal

    try:
        desired, chosen = pipeline.load(paths, target, variables, os.environ)
        place = connect.ServicePlace(desired.root, chosen)
        call = call_of(paths, target, variables, desired.sensitive)
        with connect.reader(place, os.environ) as reader:
            plan, seen = pipeline.decide(desired, chosen, reader, options_from(flags))
        held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
    except JobsyncError as error:
        if format_name == "markdown":
            from jobsync.render.markdown import failed
            from jobsync.render.options import RenderOptions

            click.echo(failed(error, RenderOptions()), nl=False)
        raise
    if not quiet:
        folder = pipeline.state_dir(place, os.environ)
        shared_journal.say(plan, desired, place, folder, os.environ)
    return plan, held, call
