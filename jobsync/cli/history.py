"""``jobsync history ADDRESS``: what happened to the runs of one job."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.options import format_option, manifests_option, target_options

if TYPE_CHECKING:
    from jobsync.backend import HistoryEvent
    from jobsync.model import Address, DesiredState, Run
    from jobsync.plan.history import History


@click.command("history")
@click.argument("address", shell_complete=completing.addresses)
@manifests_option
@target_options
@format_option
def command(
    address: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
) -> None:
    """Show what happened to every visible run of ADDRESS, oldest first, superseded ones too.

    ADDRESS may be the key of a job with a matrix, a glob, or the beginning of a run's id.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.which_runs import addresses_of, run_of_id
    from jobsync.plan.history import histories, oldest_first
    from jobsync.plan.viewing import nothing_visible
    from jobsync.render.natural import natural

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    addresses = addresses_of(address, desired)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        seen = pipeline.snapshot(desired, chosen, reader)
        known = histories(desired, seen)
        ordered = sorted(addresses, key=natural)
        wanted = {one: oldest_first(desired.platform, known[one].all) for one in ordered}
        if not addresses:
            chosen_run = run_of_id(address, desired, seen)
            wanted = {chosen_run.address: (chosen_run.run,)}
        found = {
            one: [(run, reader.history(run.id)) for run in runs if run.visible]
            for one, runs in wanted.items()
        }
    if format_name == "json":
        from jobsync.render.escape import in_json

        documents = [_document(*run) for runs in found.values() for run in runs]
        click.echo(in_json(json.dumps(documents, indent=2)))
        return
    for one, runs in found.items():
        for run, events in runs:
            _print(run, events)
        hidden = _hidden(desired, one, known[one]) if one in addresses else []
        for text in hidden:
            click.echo(text)
        if not (runs or hidden):
            owner = seen.owner
            click.echo(f"{one}: {nothing_visible(owner)}." if owner else f"{one} has no runs yet.")


def _hidden(desired: DesiredState, address: Address, known: History) -> list[str]:
    """What to say of the runs with the declared name that cannot be listed."""
    from jobsync.model import Action
    from jobsync.plan.decide import decide
    from jobsync.render.escape import terminal

    job = desired.jobs[address]
    decision = decide(job, known, desired.platform)
    restores = job.pinned is None and decision.action is Action.RESTORE
    return [
        f"{terminal(run.name)}  {terminal(run.id)}  is hidden"
        + ("; apply makes it visible again" if restores and run == decision.before else "")
        for run in known.exact
        if not run.visible
    ]


def _document(run: Run, events: list[HistoryEvent]) -> dict[str, object]:
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "events": [
            {"status": e.status, "created": e.created, "by": e.by, "description": e.description}
            for e in events
        ],
    }


def _print(run: Run, events: list[HistoryEvent]) -> None:
    from jobsync.render.escape import terminal

    click.echo(f"{terminal(run.name)}  {terminal(run.id)}  {terminal(run.status)}")
    for event in events:
        words = (_local(event.created), f"{event.status:<18}", f"{event.by:<10}", event.description)
        click.echo("  " + terminal("  ".join(words)).rstrip())


def _local(text: str) -> str:
    """A time of the service in the zone of this machine; as it is where it cannot be read."""
    from datetime import datetime

    from jobsync.render.times import when

    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return when(moment) if moment.tzinfo else text
    except (ValueError, OverflowError):
        return text
