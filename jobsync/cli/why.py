"""``jobsync why ADDRESS``: the decision for one job, field by field."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import declared, manifests_option, target_options
from jobsync.records import replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.model import DesiredState, Snapshot


@click.command("why")
@click.argument("address")
@manifests_option
@target_options
def command(
    address: str, paths: tuple[str, ...], target: str | None, variables: dict[str, str]
) -> None:
    """Explain what plan decided for ADDRESS: each field, both sides, where declared, which rule."""
    from jobsync.cli import connect, line
    from jobsync.plan import PlanOptions
    from jobsync.plan.explain import explain
    from jobsync.render.why import why

    desired, chosen = line.load(paths, target, variables, os.environ)
    declared(address, desired.jobs)
    with connect.reader(connect.Place(desired.root, chosen), os.environ) as reader:
        plan, seen = line.decide(desired, chosen, reader, PlanOptions())
        seen = _with_records(desired, seen, address, reader)
    click.echo(why(explain(desired, seen, plan, address)), nl=False)


def _with_records(desired: DesiredState, seen: Snapshot, address: str, reader: Reader) -> Snapshot:
    """*seen* with the records of the job and of what it takes files from; a plan reads fewer."""
    from jobsync.plan.history import histories

    known = histories(desired, seen)
    addresses = [address, *desired.jobs[address].upstream] if address in desired.jobs else []
    wanted = {run.id for name in addresses for run in known[name].all if run.visible}
    return replace(
        seen,
        runs=tuple(
            reader.run(run.id) if run.id in wanted and run.request is None else run
            for run in seen.runs
        ),
    )
