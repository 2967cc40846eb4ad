"""``jobsync status``: how each declared job stands."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import (
    call_of,
    color_option,
    format_option,
    paths_argument,
    target_options,
    wants_color,
)
from jobsync.errors import ExitCode
from jobsync.structs import asdict, replace

if TYPE_CHECKING:
    from jobsync.model import AddressState, OpenSubmit, Plan
    from jobsync.render.advice import Call

_PAUSE = 5.0
"""Seconds between two looks of ``--watch``."""


@click.command("status")
@paths_argument
@target_options
@click.option("--watch", is_flag=True, help="Repeat until no job is running.")
@format_option
@color_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    watch: bool,
    format_name: str,
    color: str,
) -> ExitCode:
    """Show the state of each declared job.

    Exit 7 when one failed, was stopped or misses files, 1 when something could not be read.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.model import Standing
    from jobsync.plan import PlanOptions
    from jobsync.plan.exit_status import failing, unread

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    place = connect.ServicePlace(desired.root, chosen)
    call = call_of(paths, target, variables, desired.sensitive)
    with connect.reader(place, os.environ) as reader:
        while True:
            plan, seen = pipeline.decide(desired, chosen, reader, PlanOptions())
            held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
            _print(plan, held, format_name, color, call)
            running = any(state.standing is Standing.IN_PROGRESS for state in plan.states)
            if not (watch and running):
                break
            time.sleep(_PAUSE)
    if failing(plan):
        return ExitCode.JOB_FAILED
    return ExitCode.ERROR if unread(plan) else ExitCode.OK


def _print(
    plan: Plan, held: tuple[OpenSubmit, ...], format_name: str, color: str, call: Call
) -> None:
    from jobsync.plan.exit_status import failing
    from jobsync.render.advice import what_next
    from jobsync.render.escape import in_json, terminal

    states = _with_notes(plan)
    if format_name == "json":
        click.echo(in_json(json.dumps([_document(state, held) for state in states])))
        return
    from jobsync.render.open_submits import block_of
    from jobsync.render.options import RenderOptions

    palette = RenderOptions(color=wants_color(color, dict(os.environ))).palette
    failed = frozenset(failing(plan))
    rows = [
        (
            state.address,
            str(state.standing).replace("_", " "),
            state.run.status if state.run else "-",
            state.run.id if state.run else "-",
            "; ".join(filter(None, (*state.notes, what_next(state, call), *state.problems))),
        )
        for state in states
    ]
    heads = ("ADDRESS", "STATE", "STATUS", "RUN", "")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(4)]
    for row in (heads, *rows):
        cells = [f"{terminal(cell):<{width}}" for cell, width in zip(row, widths, strict=False)]
        text = "  ".join([*cells, terminal(row[4])]).rstrip()
        click.echo(palette.paint(palette.red, text) if row[0] in failed else text, color=True)
    for block in block_of(held):
        click.echo(f"\n{block}")


def _with_notes(plan: Plan) -> list[AddressState]:
    """The states with what a plan says elsewhere: runs that are hidden, several of one name."""
    from jobsync.model import Action, JobChange

    notes: dict[str, list[str]] = {}
    for change in plan.changes:
        if isinstance(change, JobChange) and change.action is Action.RESTORE and change.before:
            text = f"its run {change.before.id} is hidden; apply makes it visible again"
            notes.setdefault(change.address, []).append(text)
    for address, ids in plan.duplicates.items():
        text = f"{len(ids)} runs with the same name: {', '.join(ids)} (the first is current)"
        notes.setdefault(address, []).append(text)
    return [
        replace(state, notes=(*notes.get(state.address, ()), *state.notes)) for state in plan.states
    ]


def _document(state: AddressState, held: tuple[OpenSubmit, ...]) -> dict[str, object]:
    return {
        "address": state.address,
        "standing": str(state.standing),
        "run": None
        if state.run is None
        else {"id": state.run.id, "name": state.run.name, "status": state.run.status},
        "notes": list(state.notes),
        "problems": list(state.problems),
        "open_submits": [asdict(one) for one in held if one.address == state.address],
    }
