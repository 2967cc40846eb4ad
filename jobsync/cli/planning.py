"""A plan made from what a command line says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jobsync.cli.options import call_of
from jobsync.model import DesiredState, OpenSubmit, Plan, Snapshot
from jobsync.render.advice import Call
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.cli.reporting import Reporting
    from jobsync.model import PlanOptions


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


class Planned(Struct, frozen=True):
    """A plan, what it was made of, the submits that the journal holds open, and how the command
    line named the set."""

    plan: Plan
    desired: DesiredState
    seen: Snapshot
    held: tuple[OpenSubmit, ...]
    call: Call


def make_plan(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    flags: dict[str, Any],
    told: Reporting,
    *,
    quiet: bool = True,
) -> Planned:
    """What the command line asks to plan, and what the journal holds; *told* is told.

    Says which shared journal an apply would use, unless *quiet*.
    """
    from jobsync.cli import connect, pipeline, shared_journal

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    told.knows(desired)
    place = connect.ServicePlace(desired.root, chosen)
    call = call_of(paths, target, variables, desired.sensitive)
    with connect.reader(place, os.environ) as reader:
        plan, seen = pipeline.decide(desired, chosen, reader, options_from(flags))
    held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
    told.planned(plan, held)
    if not (quiet or plan.view):
        folder = pipeline.state_dir(place, os.environ)
        shared_journal.say(plan, desired, place, folder, os.environ)
    return Planned(plan, desired, seen, held, call)
