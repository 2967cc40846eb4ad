"""Whether a login lasts as long as what an apply is about to wait for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from jobsync.cli.duration import in_words

if TYPE_CHECKING:
    from jobsync.model import App, DesiredState, Plan
    from jobsync.render.advice import Call


def warn_of_its_end(
    plan: Plan,
    desired: DesiredState,
    apps: Mapping[str, App | None],
    ends: float | None,
    call: Call,
) -> None:
    """Say so when the jobs that *plan* submits or that run may take longer than the login lasts.

    *ends* is when it ends, in seconds since 1970, None where it does not. Jobs that do not need
    each other run side by side, so it is their longest chain that counts.
    """
    from jobsync.plan.longest import longest_chain
    from jobsync.render.advice import log_in

    if ends is None:
        return
    waited = {change.address for change in plan.awaiting}
    waited |= {change.address for change in plan.submits}
    chain = longest_chain(desired, apps, waited & desired.jobs.keys())
    left = ends - time.time()
    if chain is not None and chain.seconds > left:
        click.echo(
            f"Warning: the login ends in {in_words(max(left, 0))}, and the jobs may run for "
            f"{in_words(chain.seconds)}, not counting their time in queues. Jobs that run then "
            f"continue; log in again with: {log_in(call)}, and continue with: "
            f"{call.command('wait')}",
            err=True,
        )
