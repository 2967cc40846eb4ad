"""``jobsync why ADDRESS``: the decision for one job, field by field."""

from __future__ import annotations

import os

import click

from jobsync.cli.options import manifests_option, target_options


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
    with connect.reader(connect.Place(desired.root, chosen), os.environ) as reader:
        plan, seen = line.decide(desired, chosen, reader, PlanOptions())
    click.echo(why(explain(desired, seen, plan, address)), nl=False)
