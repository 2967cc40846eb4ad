"""``jobsync why ADDRESS``: the decision for one job, field by field."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.options import call_of, manifests_option, target_options
from jobsync.errors import Usage
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.cli.which_runs import Chosen
    from jobsync.model import Address, DesiredState, Snapshot


@click.command("why")
@click.argument("address", shell_complete=completing.addresses)
@manifests_option
@target_options
def command(
    address: str, paths: tuple[str, ...], target: str | None, variables: dict[str, str]
) -> None:
    """Explain what plan decided for ADDRESS: each field, both sides, where declared, which rule.

    ADDRESS may be the key of a job with a matrix, a glob, or the beginning of a run's id.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.which_runs import addresses_of, run_of_id
    from jobsync.plan import PlanOptions
    from jobsync.plan.explain import explain
    from jobsync.render.natural import natural
    from jobsync.render.why import why

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    addresses = sorted(addresses_of(address, desired), key=natural)
    place = connect.ServicePlace(desired.root, chosen)
    call = call_of(paths, target, variables, desired.sensitive)
    with connect.reader(place, os.environ) as reader:
        plan, seen = pipeline.decide(desired, chosen, reader, PlanOptions())
        if not addresses:
            addresses = [_declared(run_of_id(address, desired, seen), desired)]
        seen = _with_records(desired, seen, addresses, reader)
    held = pipeline.open_submits(desired, plan, seen, place, os.environ, call)
    stories = (
        why(explain(desired, seen, plan, one), call, [h for h in held if h.address == one])
        for one in addresses
    )
    click.echo("\n".join(stories), nl=False)


def _declared(one: Chosen, desired: DesiredState) -> Address:
    if one.address not in desired.jobs:
        raise Usage(f"run {one.run.id} is of {one.address}, which no manifest declares any more")
    return one.address


def _with_records(
    desired: DesiredState, seen: Snapshot, addresses: list[str], reader: Reader
) -> Snapshot:
    """*seen* with the records of the jobs and of what they take files from; a plan reads fewer."""
    from jobsync.plan.history import histories

    known = histories(desired, seen)
    shown = {up for one in addresses for up in (one, *desired.jobs[one].upstream)}
    wanted = {run.id for one in shown for run in known[one].all if run.visible}
    return replace(
        seen,
        runs=tuple(
            reader.run(run.id) if run.id in wanted and run.request is None else run
            for run in seen.runs
        ),
    )
