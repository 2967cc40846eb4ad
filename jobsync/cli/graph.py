"""``jobsync graph``: draw how the declared jobs depend on each other."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jobsync.cli.files import FilePath, write_file
from jobsync.cli.options import paths_argument, target_options

_FOLDED = 200
"""With more jobs than this the jobs of one matrix are one node, unless ``--all`` is given."""


@click.command("graph")
@paths_argument
@target_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["mermaid", "dot", "svg"]),
    default="mermaid",
    help="Output format.",
)
@click.option("--state", is_flag=True, help="Ask the service, and show the state of each job.")
@click.option(
    "--all",
    "unfolded",
    is_flag=True,
    help=f"Draw every job, even if there are more than {_FOLDED}.",
)
@click.option(
    "--out", type=FilePath(dir_okay=False), help="Write to this file instead of standard output."
)
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    state: bool,
    unfolded: bool,
    out: str | None,
) -> None:
    """Draw the declared jobs and what they wait for.

    A dotted line is a job that only waits for another; a full one also takes its outputs.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.sets import read_set
    from jobsync.model import PlanOptions
    from jobsync.render.graph import FORMATS
    from jobsync.render.graph.jobs import graph_of

    plan = None
    if state:
        desired, chosen = pipeline.load(paths, target, variables, os.environ)
        with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
            plan, _ = pipeline.decide(desired, chosen, reader, PlanOptions())
    else:
        desired = read_set(paths, target, variables, os.environ)
    text = FORMATS[format_name](graph_of(desired, plan, 0 if unfolded else _FOLDED))
    if out:
        write_file(Path(out), text)
    else:
        click.echo(text, nl=False)
