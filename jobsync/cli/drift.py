"""``jobsync drift``: what no longer matches, with an exit code for CI."""

from __future__ import annotations

from typing import Any

import click

from jobsync.cli.options import (
    color_option,
    expand_option,
    paths_argument,
    quiet_option,
    selection_options,
    target_options,
)
from jobsync.cli.plan_output import FORMATS, code_of, print_plan
from jobsync.cli.planning import make_plan
from jobsync.cli.reporting import all_option, marker_option, report_option, reporting
from jobsync.errors import ExitCode


@click.command("drift")
@paths_argument
@target_options
@selection_options
@click.option("--format", "format_name", type=FORMATS, default="text", help="Output format.")
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
    every: bool,
    color: str,
    quiet: bool,
    **flags: Any,
) -> ExitCode:
    """Show what no longer matches the manifests; exit 2 if anything differs.

    The same as plan --detailed-exitcode, for scheduled checks.
    """

    def one(paths: tuple[str, ...]) -> ExitCode:
        made = make_plan(paths, target, variables, flags, told)
        shown = (made.plan, format_name, color, made.call, made.held, told.marker)
        print_plan(*shown, quiet=quiet, budget=told.budget, desired=made.desired)
        return told.ended(code_of(made.plan, made.held))

    with reporting("drift", paths, target, format_name) as told:
        return told.each(paths, every, one)
