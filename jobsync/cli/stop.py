"""``jobsync stop``: stop the active runs of declared jobs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.confirming import confirm
from jobsync.cli.options import call_of, manifests_option, named, target_options
from jobsync.errors import ExitCode, ServiceError, worst

if TYPE_CHECKING:
    from jobsync.backend import Backend
    from jobsync.cli.which_runs import Chosen
    from jobsync.model import Run

_PATIENCE = 30.0
"""Seconds within which a run that was told to stop is expected to end."""

_PAUSE = 0.5


@click.command("stop")
@click.argument(
    "globs",
    metavar="GLOB...",
    nargs=-1,
    required=True,
    shell_complete=completing.addresses,
)
@click.option("--auto-approve", is_flag=True, help="Do not ask for confirmation.")
@manifests_option
@target_options
def command(
    globs: tuple[str, ...],
    auto_approve: bool,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
) -> ExitCode:
    """Stop your active runs of the jobs that GLOB matches, superseded ones too.

    GLOB may be an address or the key of a job with a matrix. The runs are listed first, and you
    have to confirm. jobsync runs a stopped job again only when you ask for it with --retry.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.which_runs import active_runs
    from jobsync.render.natural import natural
    from jobsync.structs import replace

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    addresses = {one for glob in globs for one in named(glob, desired.jobs)}
    few = replace(desired, jobs={one: desired.jobs[one] for one in sorted(addresses)})
    with connect.backend(connect.ServicePlace(desired.root, chosen), os.environ) as (backend, _):
        active = active_runs(few, pipeline.snapshot(few, chosen, backend))
        if not active:
            _say("Nothing to stop: no such job has an active run.")
            return ExitCode.OK
        _say("These runs will be stopped:")
        for one in sorted(active, key=lambda one: natural(one.address)):
            _say(f"  {one.address}  {one.run.id}  {one.run.status}")
        if not auto_approve:
            confirm("Stop them?", "this", "pass --auto-approve")
        codes = _stop(backend, active)
    stopped = dict.fromkeys(one.address for one in active)
    call = call_of(paths, target, variables, desired.sensitive)
    again = call.command("apply", *(word for one in stopped for word in ("--retry", one)))
    if len(stopped) <= _NAMED:
        _say(f"Run {'it' if len(stopped) == 1 else 'them'} again with: {again}")
    return worst(codes)


_NAMED = 10


def _stop(backend: Backend, active: Sequence[Chosen]) -> list[ExitCode]:
    """Ask the service to stop each run, and see that it has ended. Says what came of each."""
    from concurrent.futures import ThreadPoolExecutor

    end = time.monotonic() + _PATIENCE

    def stop(one: Chosen) -> tuple[str, ExitCode]:
        try:
            backend.stop(one.run.id)
            run = _ended(backend, one.run, end)
        except ServiceError as error:
            return _not_asked(backend, one, error)
        if run is None:
            return "told to stop, and has not ended yet", ExitCode.PARTIAL
        return f"has ended: {run.status}", ExitCode.OK

    with ThreadPoolExecutor(max(1, backend.concurrency)) as pool:
        told = list(pool.map(stop, active))
    for one, (text, _) in zip(active, told, strict=True):
        _say(f"{one.address}: run {one.run.id} {text}")
    codes = [code for _, code in told]
    if ExitCode.ERROR in codes and set(codes) != {ExitCode.ERROR}:
        return [ExitCode.PARTIAL]
    return codes


def _ended(backend: Backend, run: Run, end: float) -> Run | None:
    """The run once it has ended; None when it has not in time."""
    from jobsync.model import RunState

    while True:
        now = backend.run(run.id, brief=True)
        if now.state is not RunState.ACTIVE:
            return now
        if time.monotonic() > end:
            return None
        time.sleep(_PAUSE)


def _not_asked(backend: Backend, one: Chosen, error: ServiceError) -> tuple[str, ExitCode]:
    """What to say of a stop that failed: the run may have ended by itself."""
    from jobsync.model import RunState

    try:
        run = backend.run(one.run.id, brief=True)
    except ServiceError:
        return f"could not be stopped: {error}", ExitCode.ERROR
    if run.state is RunState.ACTIVE:
        return f"could not be stopped: {error}", ExitCode.ERROR
    return f"has ended: {run.status}", ExitCode.OK


def _say(text: str) -> None:
    from jobsync.render.escape import terminal

    click.echo(terminal(text), err=True)
