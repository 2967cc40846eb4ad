"""``jobsync outputs``: list, fetch and verify the files of finished jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.fetch_progress import size_text
from jobsync.cli.options import call_of, format_option, manifests_option, target_options
from jobsync.cli.outputs_check import check_lock
from jobsync.cli.outputs_get import get
from jobsync.cli.outputs_verify import verify
from jobsync.cli.suggesting import Suggesting
from jobsync.errors import ExitCode
from jobsync.structs import Struct, replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.model import DesiredState, OutputChange, Plan


_LEFT = "not fetched"
"""The state of a file of a run that did not finish."""


@click.group("outputs", cls=Suggesting)
def command() -> None:
    """List, fetch and verify the files of finished jobs."""


command.add_command(get)
command.add_command(verify)
command.add_command(check_lock)


@command.command("list")
@click.argument("pattern", metavar="[ADDRESS]", default="*", shell_complete=completing.addresses)
@manifests_option
@target_options
@format_option
def list_outputs(
    pattern: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
) -> ExitCode:
    """Show every output file and whether it is here, and what failed and stopped runs have left.

    ADDRESS may be the key of a job with a matrix, a glob, or the beginning of a run's id.
    """
    from jobsync.render.natural import natural

    desired, plan, addresses, left = _decided(paths, target, variables, pattern)
    found = sorted([*_rows(desired, plan), *left], key=lambda row: (natural(row.address), row))
    rows = [row for row in found if row.address in addresses]
    from jobsync.render.escape import in_json, terminal

    if format_name == "json":
        click.echo(in_json(json.dumps([_row_document(row) for row in rows], indent=2)))
        return ExitCode.OK
    if not rows:
        click.echo("No outputs.", err=True)
    width = max((len(row.address) for row in rows), default=0)
    for row in rows:
        size = "" if row.size is None else size_text(row.size)
        what = f"{terminal(row.to or (row.path if row.state == _LEFT else ''))}" + (
            f"  ({terminal(row.note)})" if row.note else ""
        )
        click.echo(f"{row.address:{width}}  {row.state:11}  {size:>10}  {what}".rstrip())
    if one := next((row for row in rows if row.state == _LEFT), None):
        call = call_of(paths, target, variables, desired.sensitive)
        get = call.command("outputs", "get", one.address, one.path, "--to", "./")
        click.echo(
            f"Apply fetches nothing of a run that did not finish; get a file with: {get}", err=True
        )
    return ExitCode.OK


class _Row(Struct, frozen=True, order=True):
    address: str
    to: str
    state: str
    size: int | None = None
    path: str = ""
    note: str = ""


def _rows(desired: DesiredState, plan: Plan) -> Iterator[_Row]:
    from jobsync.model import OutputChange, Presence, Standing
    from jobsync.outputs import lockfile
    from jobsync.plan.exit_status import addresses_of_runs
    from jobsync.plan.output_rules import puts
    from jobsync.plan.plan_outputs import renamed

    files = renamed(
        lockfile.load_lockfile(desired.root, desired.outputs_root).files, addresses_of_runs(plan)
    )
    changed = {(file.address, file.to) for file in files if file.presence is Presence.CHANGED}
    planned = set()
    for change in (*plan.changes, *plan.awaiting):
        if isinstance(change, OutputChange):
            for row in _change_rows(change):
                planned.add((row.address, row.to))
                edited = row.state == "to fetch" and (row.address, row.to) in changed
                yield replace(row, state="changed") if edited else row
    for standing in plan.states:
        if standing.standing is Standing.NOT_VISIBLE and desired.jobs[standing.address].outputs:
            yield _Row(standing.address, "", "not visible", None, "", "; ".join(standing.notes))
        for problem in standing.problems:
            yield _Row(standing.address, "", "problem", None, "", problem)
    for file in files:
        job = desired.jobs.get(file.address)
        if job is None or (file.address, file.to) in planned:
            continue
        if puts(job.outputs, file.path, file.to):
            yield _Row(file.address, file.to, str(file.presence), file.size, file.path)


def _change_rows(change: OutputChange) -> Iterator[_Row]:
    if change.files is None:
        for rule in change.rules:
            yield _Row(change.address, rule.to, "waiting", None, rule.path, "not finished yet")
    for fetch in change.files or ():
        state = "available" if fetch.available else "to fetch"
        yield _Row(change.address, fetch.to, state, fetch.length, fetch.path)
    for said in change.missing:
        yield _Row(change.address, "", "missing", None, "", said)
    for name, why in change.refused:
        yield _Row(change.address, name, "refused", None, name, why)


def _row_document(row: _Row) -> dict[str, object]:
    document = {
        "address": row.address,
        "path": row.path,
        "to": row.to,
        "state": row.state.replace(" ", "_"),
        "size": row.size,
        "note": row.note,
    }
    return {key: value for key, value in document.items() if value not in ("", None)}


def _decided(
    paths: tuple[str, ...], target: str | None, variables: dict[str, str], pattern: str
) -> tuple[DesiredState, Plan, frozenset[str], list[_Row]]:
    """The set, what is to be done about its outputs, the addresses that *pattern* means, and rows
    of what their failed runs have left."""
    from concurrent.futures import ThreadPoolExecutor

    from jobsync.cli import connect, pipeline
    from jobsync.cli.which_runs import addresses_of, run_of_id
    from jobsync.model import PlanOptions, Standing

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    addresses = [*desired.jobs] if pattern == "*" else addresses_of(pattern, desired)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        only = PlanOptions(only=frozenset({"outputs"}))
        plan, seen = pipeline.decide(desired, chosen, reader, only)
        ended = [
            (state.address, state.run.id)
            for state in plan.states
            if state.run and state.standing in (Standing.FAILED, Standing.STOPPED)
            if state.address in addresses
        ]
        if not addresses and desired.jobs:
            one = run_of_id(pattern, desired, seen)
            addresses = [one.address]
            current = {state.run.id for state in plan.states if state.run}
            ended = [] if one.run.id in current else [(one.address, one.run.id)]
        with ThreadPoolExecutor(max(1, reader.concurrency)) as pool:
            found = list(pool.map(lambda pair: _left_by(reader, *pair), ended))
    return desired, plan, frozenset(addresses), [row for rows in found for row in rows]


def _left_by(reader: Reader, address: str, run_id: str) -> list[_Row]:
    from jobsync.errors import ServiceError, Unauthorized
    from jobsync.outputs.listing import walk_outputs
    from jobsync.outputs.reasons import outputs_unavailable

    try:
        files = walk_outputs(reader, run_id)
    except Unauthorized:
        raise
    except ServiceError as error:
        why = outputs_unavailable(run_id, error, reader.platform)
        return [_Row(address, "", "problem", None, "", why)]
    return [_Row(address, "", _LEFT, file.length, file.path) for file in files]
