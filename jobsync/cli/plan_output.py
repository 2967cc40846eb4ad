"""A plan as it is shown, and the exit code that it stands for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jobsync import render
from jobsync.cli.options import is_expanded, wants_color
from jobsync.errors import ExitCode

if TYPE_CHECKING:
    from jobsync.model import DesiredState, OpenSubmit, Plan
    from jobsync.render.advice import Call
    from jobsync.render.graph.jobs import Graph
    from jobsync.render.reports import Finding

FORMATS = click.Choice([*render.FORMATS])
_DRAWING = ("markdown", "html")


def print_plan(
    plan: Plan,
    format_name: str,
    color: str,
    call: Call | None = None,
    open_submits: tuple[OpenSubmit, ...] = (),
    marker: str = "",
    *,
    desired: DesiredState | None = None,
    quiet: bool = False,
    budget: int = 60_000,
    broken: tuple[Finding, ...] = (),
) -> None:
    """Print *plan* to standard output; when *quiet*, of the text just what it amounts to.

    *broken* is what the plan breaks of policies.
    *marker* is the hidden first line of Markdown, by default that of the plan's project and target.
    With *desired* the formats that draw have the graph of the set.
    """
    from jobsync.render.advice import NO_CALL
    from jobsync.render.summary import outputs_root

    if quiet and format_name == "text":
        from jobsync.render.escape import terminal
        from jobsync.render.summary import also, counts_nothing, headline

        say_what_is_wrong(plan, call, open_submits)
        for one in broken:
            click.echo(f"Error: {terminal(one.text)}", err=True)
        click.echo(headline(plan))
        if counts_nothing(plan):
            click.echo(also(plan))
        return
    options = render.RenderOptions(
        color=wants_color(color, dict(os.environ)),
        call=call or NO_CALL,
        budget=budget,
        broken=tuple(f"{one.where}: {one.text}" if one.where else one.text for one in broken),
        marker=marker or f"jobsync {plan.project} {plan.target}",
        open_submits=open_submits,
        outputs_root=outputs_root(plan),
        expand=is_expanded(),
        graph=_graph(plan, desired) if format_name in _DRAWING else None,
    )
    click.echo(render.FORMATS[format_name](plan, options), nl=False, color=True)


def _graph(plan: Plan, desired: DesiredState | None) -> Graph | None:
    from jobsync.render.graph.jobs import graph_of
    from jobsync.render.markdown import MOST_NODES

    return graph_of(desired, plan, MOST_NODES) if desired else None


def say_what_is_wrong(
    plan: Plan, call: Call | None = None, open_submits: tuple[OpenSubmit, ...] = ()
) -> None:
    """What is held, doubled, has failed or could not be read, for whoever was not shown it."""
    from jobsync.plan.exit_status import failing
    from jobsync.render.advice import NO_CALL, what_next
    from jobsync.render.escape import terminal
    from jobsync.render.open_submits import question

    for submit in open_submits:
        advice = " or: ".join(submit.settle)
        text = f"Error: {submit.address}: {question(submit)}; settle it with: {advice}"
        click.echo(terminal(text), err=True)
    for address, ids in plan.duplicates.items():
        keep = (call or NO_CALL).command("jobs", "delete", ids[-1])
        text = f"Error: {address}: {len(ids)} runs with the same name: {', '.join(ids)}; "
        click.echo(terminal(f"{text}keep one: {keep}"), err=True)
    failed = frozenset(failing(plan))
    for state in plan.states:
        found = [*state.problems]
        if state.address in failed:
            standing = str(state.standing).replace("_", " ")
            told = [standing, *state.notes, what_next(state, call or NO_CALL)]
            found.insert(0, "; ".join(filter(None, told)))
        for text in found:
            click.echo(terminal(f"Error: {state.address}: {text}"), err=True)


def code_of(plan: Plan, open_submits: tuple[OpenSubmit, ...] = ()) -> ExitCode:
    """The exit code of *plan* for ``--detailed-exitcode``: 6, 7, 1, 2 or 0, in this order."""
    from jobsync.plan.exit_status import failing, not_as_declared, to_do, unread

    if open_submits or plan.duplicates:
        return ExitCode.UNKNOWN
    if failing(plan):
        return ExitCode.JOB_FAILED
    if unread(plan):
        return ExitCode.ERROR
    return ExitCode.CHANGES if to_do(plan) or not_as_declared(plan) else ExitCode.OK
