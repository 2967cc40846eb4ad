"""``jobsync plan``: show what apply would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobsync.cli.files import FilePath, holds_file, write_file
from jobsync.cli.offline import show_declarations
from jobsync.cli.options import (
    call_of,
    color_option,
    decision_options,
    expand_option,
    paths_argument,
    quiet_option,
    selection_options,
    target_options,
)
from jobsync.cli.plan_output import FORMATS, code_of, print_plan
from jobsync.cli.planning import make_plan
from jobsync.cli.policies import broken_by, policy_option
from jobsync.cli.reporting import all_option, marker_option, report_option, reporting
from jobsync.errors import ExitCode, Usage, worst

if TYPE_CHECKING:
    from jobsync.model import Plan


@click.command("plan")
@paths_argument
@target_options
@selection_options
@decision_options
@policy_option
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
@click.option(
    "--offline",
    is_flag=True,
    help="Do not contact the service: show only what the manifests declare. Needs no credentials.",
)
@click.option("--base", metavar="REF", help="With --offline: only what differs from this commit.")
@all_option
@report_option
@marker_option
@quiet_option
@expand_option
@color_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    out: str | None,
    detailed_exitcode: bool,
    offline: bool,
    base: str | None,
    every: bool,
    policies: tuple[str, ...],
    color: str,
    quiet: bool,
    **flags: Any,
) -> ExitCode:
    """Show what apply would change. Nothing is changed, and only GET requests are sent.

    Exit 1 when something could not be read, so that not everything is in the plan.
    """
    from jobsync.plan.exit_status import unread

    if base is not None and not offline:
        raise Usage("--base is for plan --offline")
    if every and out:
        raise Usage("--out saves one plan, and --all makes several", hint="name one set")

    def one(paths: tuple[str, ...]) -> ExitCode:
        if offline:
            given = {**flags, "out": out, "policy": policies}
            code = show_declarations(told, paths, target, variables, format_name, base, given)
            return told.ended(code if detailed_exitcode else ExitCode.OK)
        made = make_plan(paths, target, variables, flags, told, quiet=quiet)
        plan = made.plan
        shown = (plan, format_name, color, made.call, made.held, told.marker)
        broken = broken_by(plan, policies)
        told.add(broken)
        print_plan(*shown, quiet=quiet, budget=told.budget, desired=made.desired, broken=broken)
        if out:
            _save(plan, out, paths, target, variables, quiet=quiet)
        codes = [ExitCode.BLOCKED] if broken else []
        if detailed_exitcode:
            codes.append(code_of(plan, made.held))
        else:
            codes.append(ExitCode.ERROR if unread(plan) else ExitCode.OK)
        return told.ended(worst(codes))

    with reporting("plan", paths, target, format_name) as told:
        return told.each(paths, every, one)


def _save(
    plan: Plan,
    out: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    *,
    quiet: bool,
) -> None:
    from jobsync.render.plan_json import dumps

    write_file(Path(out), dumps(plan))
    if plan.view:
        return
    if holds_file(Path(out)) and not quiet:
        # A value of --var may be sensitive.
        advised = call_of(paths, target, {}).command("apply", "--plan", out)
        same = " and the same --var" if variables else ""
        click.echo(f"Saved to {out}. To apply it: {advised}{same}", err=True)
