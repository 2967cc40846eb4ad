"""``jobsync drift``: what no longer matches, with an exit code for CI."""

from __future__ import annotations

import os
from typing import Any

import click

from jobsync.cli.options import (
    call_of,
    color_option,
    paths_argument,
    quiet_option,
    selection_options,
    target_options,
)
from jobsync.cli.plan import FORMATS, code_of, options_from, print_plan
from jobsync.errors import ExitCode


@click.command("drift")
@paths_argument
@target_options
@selection_options
@click.option("--format", "format_name", type=FORMATS, default="text", help="Output format.")
@quiet_option
@color_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    color: str,
    quiet: bool,
    **flags: Any,
) -> ExitCode:
    """Show what no longer matches the manifests; exit 2 if anything differs.

    The same as plan --detailed-exitcode, for scheduled checks.
    """
    from jobsync.cli import connect, pipeline

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    place = connect.ServicePlace(desired.root, chosen)
    call = call_of(paths, target, variables, desired.sensitive)
    with connect.reader(place, os.environ) as reader:
        plan, seen = pipeline.decide(desired, chosen, reader, options_from(flags))
    held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
    print_plan(plan, format_name, color, call, held, quiet=quiet)
    return code_of(plan, held)
