"""``jobsync show``: print a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from jobsync.cli.files import FilePath
from jobsync.cli.options import color_option, expand_option
from jobsync.cli.plan_file import read_plan
from jobsync.cli.plan_output import FORMATS, print_plan


@click.command("show")
@click.argument("plan_file", metavar="PLANFILE", type=FilePath())
@click.option("--format", "format_name", type=FORMATS, default="text", help="Output format.")
@expand_option
@color_option
def command(plan_file: str, format_name: str, color: str) -> None:
    """Print a plan saved by plan --out, without contacting a service."""
    print_plan(read_plan(Path(plan_file)), format_name, color)
