"""``jobsync report``: one HTML file with what stands, what changes, and who may see what."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import click

from jobsync.cli.files import FilePath, write_file
from jobsync.cli.options import call_of, paths_argument, target_options


@click.command("report")
@paths_argument
@target_options
@click.option(
    "--out",
    type=FilePath(dir_okay=False),
    default="report.html",
    show_default=True,
    help="The file to write.",
)
@click.option("--timeline", is_flag=True, help="Also read and show the history of each run.")
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    out: str,
    timeline: bool,
) -> None:
    """Write one HTML file: graph, changes, access, jobs, outputs and a timeline of the runs.

    It loads nothing from elsewhere, and nothing is changed on the service.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.model import PlanOptions
    from jobsync.observe import ask_histories
    from jobsync.plan.history import visible_runs
    from jobsync.render.graph.jobs import graph_of
    from jobsync.render.markdown import MOST_NODES
    from jobsync.render.options import RenderOptions
    from jobsync.render.page import as_html, page_of, with_runs

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        plan, seen = pipeline.decide(desired, chosen, reader, PlanOptions())
        events = ask_histories(reader, visible_runs(desired, seen)) if timeline else {}
    options = RenderOptions(
        call=call_of(paths, target, variables, desired.sensitive),
        graph=graph_of(desired, plan, MOST_NODES),
    )
    now = datetime.now(timezone.utc)
    page = with_runs(page_of(plan, options), plan, desired, seen, options, now, events)
    write_file(Path(out), as_html(page))
    click.echo(f"Written to {out}.", err=True)
