"""``jobsync wait``: wait until the declared jobs have finished, and fetch their outputs."""

from __future__ import annotations

import math
import os

import click

from jobsync.cli.carrying_out import carry_out
from jobsync.cli.duration import duration
from jobsync.cli.options import call_of, manifests_option, quiet_option, target_options
from jobsync.cli.plan_output import say_what_is_wrong
from jobsync.errors import ExitCode
from jobsync.model import OutputChange
from jobsync.structs import replace


@click.command("wait")
@manifests_option
@target_options
@click.option(
    "--timeout",
    callback=duration,
    metavar="TIME",
    help="Stop waiting after this time: 90, 30m, 1h30m.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: one event per line.",
)
@quiet_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    timeout: float | None,
    format_name: str,
    quiet: bool,
) -> ExitCode:
    """Wait until the jobs that are running have finished, and fetch their outputs.

    Submits nothing and changes no permissions. Exit 7 when a job fails.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.plan import PlanOptions
    from jobsync.plan.typical_times import typical_times

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    call = call_of(paths, target, variables, desired.sensitive)
    place = connect.ServicePlace(desired.root, chosen)
    with connect.backend(place, os.environ) as (backend, service):
        service.start_jobs(all_of_them=False)
        plan, seen = pipeline.decide(desired, chosen, backend, PlanOptions())
        say_what_is_wrong(plan, call)
        outputs = tuple(c for c in plan.changes if isinstance(c, OutputChange) and c.run)
        settings = pipeline.settings(
            place,
            os.environ,
            wait=math.inf if timeout is None else timeout,
        )
        return carry_out(
            replace(plan, changes=outputs),
            backend,
            settings,
            format_name,
            call,
            quiet=quiet,
            leave=backend.close,
            typical=typical_times(desired, seen),
        )
