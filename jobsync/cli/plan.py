"""``jobsync plan``: show what apply would change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobsync import render
from jobsync.cli.files import FilePath, holds_file, write_file
from jobsync.cli.options import (
    call_of,
    color_option,
    decision_options,
    paths_argument,
    quiet_option,
    selection_options,
    target_options,
    wants_color,
)
from jobsync.errors import ExitCode, JobsyncError

if TYPE_CHECKING:
    from jobsync.model import OpenSubmit, Plan, PlanOptions
    from jobsync.render.advice import Call

FORMATS = click.Choice([*render.FORMATS])


def options_from(flags: dict[str, Any]) -> PlanOptions:
    """The plan options that the flags of a command line stand for."""
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


def print_plan(
    plan: Plan,
    format_name: str,
    color: str,
    call: Call | None = None,
    open_submits: tuple[OpenSubmit, ...] = (),
    *,
    quiet: bool = False,
) -> None:
    """Print *plan* to standard output; when *quiet*, of the text just what it amounts to."""
    from jobsync import render
    from jobsync.render.advice import NO_CALL
    from jobsync.render.summary import outputs_root

    if quiet and format_name == "text":
        from jobsync.render.summary import also, counts_nothing, headline

        say_what_is_wrong(plan, call, open_submits)
        click.echo(headline(plan))
        if counts_nothing(plan):
            click.echo(also(plan))
        return
    options = render.RenderOptions(
        color=wants_color(color, dict(os.environ)),
        call=call or NO_CALL,
        open_submits=open_submits,
        outputs_root=outputs_root(plan),
    )
    click.echo(render.FORMATS[format_name](plan, options), nl=False, color=True)


def say_what_is_wrong(
    plan: Plan, call: Call | None = None, open_submits: tuple[OpenSubmit, ...] = ()
) -> None:
    """What is held, doubled, has failed or could not be read, for whoever was not shown it."""
    from jobsync.plan.exit_status import failing
    from jobsync.render.advice import NO_CALL, run_again
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
            told = [standing, *state.notes, run_again(state, call or NO_CALL)]
            found.insert(0, "; ".join(filter(None, told)))
        for text in found:
            click.echo(terminal(f"Error: {state.address}: {text}"), err=True)


def code_of(plan: Plan, open_submits: tuple[OpenSubmit, ...] = ()) -> ExitCode:
    """What ``--detailed-exitcode`` says of *plan*: 6, 7, 1, 2 or 0, in this order."""
    from jobsync.plan.exit_status import failing, to_do, unread

    if open_submits or plan.duplicates:
        return ExitCode.UNKNOWN
    if failing(plan):
        return ExitCode.JOB_FAILED
    if unread(plan):
        return ExitCode.ERROR
    return ExitCode.CHANGES if to_do(plan) else ExitCode.OK


def make_plan(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    flags: dict[str, Any],
) -> tuple[Plan, tuple[OpenSubmit, ...], Call]:
    """What the command line asks to plan, and what the journal holds.

    As Markdown a failure is a document too: a comment that stays as it was would show an old plan.
    """
    from jobsync.cli import connect, pipeline

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
    return plan, held, call


@click.command("plan")
@paths_argument
@target_options
@selection_options
@decision_options
@click.option("--format", "format_name", type=FORMATS, default="text", help="Output format.")
@click.option(
    "--out", type=FilePath(dir_okay=False), help="Save the plan, for: jobsync apply --plan FILE"
)
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit 2 when there are changes, 7 when a declared job has failed, 6 when a job runs twice "
    "or it is not known whether a submit reached the service.",
)
@quiet_option
@color_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    out: str | None,
    detailed_exitcode: bool,
    color: str,
    quiet: bool,
    **flags: Any,
) -> ExitCode:
    """Show what apply would change. Nothing is changed, and only GET requests are sent.

    Exit 1 when something could not be read, so that not everything is in the plan.
    """
    from jobsync.plan.exit_status import unread

    plan, held, call = make_plan(paths, target, variables, format_name, flags)
    print_plan(plan, format_name, color, call, held, quiet=quiet)
    if out:
        from jobsync.render.plan_json import dumps

        write_file(Path(out), dumps(plan))
        if holds_file(Path(out)) and not quiet:
            # A value of --var may be sensitive.
            advised = call_of(paths, target, {}).command("apply", "--plan", out)
            same = " and the same --var" if variables else ""
            click.echo(f"Saved to {out}. To apply it: {advised}{same}", err=True)
    if detailed_exitcode:
        return code_of(plan, held)
    return ExitCode.ERROR if unread(plan) else ExitCode.OK
