"""``jobsync outputs``: list, fetch and verify the files of finished jobs."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.fetch_progress import Meter, size_text
from jobsync.cli.options import manifests_option, target_options
from jobsync.cli.sets import read_set
from jobsync.errors import ExitCode, SettingsError, worst
from jobsync.structs import Struct, replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.model import DesiredState, OutputChange, Plan, Run, Target
    from jobsync.outputs.fetch_record import Record
    from jobsync.outputs.result import FetchResult, Limits
    from jobsync.outputs.verify import Verified

_FORMAT = click.option(
    "--format", "format_name", type=click.Choice(["text", "json"]), default="text"
)


@click.group("outputs")
def command() -> None:
    """List, fetch and verify the files of finished jobs."""


@command.command("list")
@click.argument("pattern", metavar="[ADDRESS]", default="*")
@manifests_option
@target_options
@_FORMAT
def list_outputs(
    pattern: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
) -> ExitCode:
    """Show every output file and whether it is here. ADDRESS may be a glob."""
    desired, plan = _decided(paths, target, variables)
    rows = [
        row for row in sorted(_rows(desired, plan)) if fnmatch.fnmatchcase(row.address, pattern)
    ]
    from jobsync.render.escape import in_json, terminal

    if format_name == "json":
        click.echo(in_json(json.dumps([_row_document(row) for row in rows], indent=2)))
        return ExitCode.OK
    if not rows:
        click.echo("No outputs.", err=True)
    width = max((len(row.address) for row in rows), default=0)
    for row in rows:
        size = "" if row.size is None else size_text(row.size)
        what = f"{terminal(row.to)}" + (f"  ({terminal(row.note)})" if row.note else "")
        click.echo(f"{row.address:{width}}  {row.state:10}  {size:>10}  {what}".rstrip())
    return ExitCode.OK


@command.command("get")
@click.argument("address")
@click.argument("glob", required=False)
@manifests_option
@target_options
@click.option(
    "--to", metavar="PATH", help="Fetch GLOB to this path, declared or not; a folder ends in /."
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=0),
    help="Fetch nothing if the files are larger in total.",
)
@click.option(
    "--max-files", type=click.IntRange(min=0), help="Fetch nothing if there are more files."
)
@click.option("--jobs", type=click.IntRange(1, 128), metavar="N", help="Downloads at once.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors and the final summary.")
def get(
    address: str,
    glob: str | None,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    to: str | None,
    max_bytes: int | None,
    max_files: int | None,
    jobs: int | None,
    quiet: bool,
) -> ExitCode:
    """Fetch the declared outputs of ADDRESS, or those of them that match GLOB.

    With --to, fetch any file of the run, even of a failed one, and do not record it.
    """
    from jobsync.outputs.result import Limits

    if to is not None and glob is None:
        raise click.UsageError("--to needs a GLOB")
    desired, chosen = _loaded(paths, target, variables)
    _declared(desired, address)
    limits = Limits(jobs=jobs, max_bytes=max_bytes, max_files=max_files)
    from jobsync.cli import connect
    from jobsync.cli.signals import stopping

    with connect.reader(connect.Place(desired.root, chosen), os.environ) as reader:
        run = _current_run(desired, chosen, reader, address)
        with stopping(reader.close) as stop, Meter(address, quiet=quiet) as meter:
            how = _How(limits, meter, stop.event.is_set)
            if to is not None and glob is not None:
                folder = _loose_folder(to)
                result = _fetch_loose(reader, desired, address, run, glob, to, how)
            else:
                folder = Path()
                result = _fetch_declared(reader, desired, address, run, glob, how)
    return worst([_say_result(result, folder), stop.code])


@command.command("verify")
@manifests_option
@click.option("--jobs", type=click.IntRange(1, 64), default=2, metavar="N", help="Files at once.")
@_FORMAT
def verify(paths: tuple[str, ...], jobs: int, format_name: str) -> ExitCode:
    """Check the fetched files against jobsync.lock; exit 2 if any differ."""
    from jobsync.outputs import lockfile
    from jobsync.outputs import verify as verifying
    from jobsync.plan.history import former_names
    from jobsync.render.escape import in_json

    desired = read_set(paths, None, {}, os.environ)
    lock = lockfile.load(desired.root, desired.outputs_root)
    former = {
        address: job
        for job in desired.jobs.values()
        for _, address in former_names(desired.project, job)
    }
    known = {**former, **desired.jobs}
    found = verifying.verify(lock, known, desired.outputs_root, threads=jobs)
    if format_name == "json":
        click.echo(in_json(json.dumps(_verified_document(found), indent=2)))
    else:
        _print_verified(found)
    return ExitCode.OK if found.is_clean else ExitCode.CHANGES


# --- list ------------------------------------------------------------------------------


class _Row(Struct, frozen=True, order=True):
    address: str
    to: str
    state: str
    size: int | None = None
    path: str = ""
    note: str = ""


def _rows(desired: DesiredState, plan: Plan) -> Iterator[_Row]:
    from jobsync.model import OutputChange, Presence
    from jobsync.outputs import lockfile
    from jobsync.plan.exit_status import addresses_of_runs
    from jobsync.plan.output_rules import puts
    from jobsync.plan.plan_outputs import renamed

    files = renamed(
        lockfile.load(desired.root, desired.outputs_root).files, addresses_of_runs(plan)
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


# --- get -------------------------------------------------------------------------------


class _How(Struct, frozen=True):
    """Around one fetch: its limits, who is told how far it is, and whether to leave off."""

    limits: Limits
    meter: Meter
    stop: Callable[[], bool]


def _fetch_declared(
    reader: Reader,
    desired: DesiredState,
    address: str,
    run: Run,
    glob: str | None,
    how: _How,
) -> FetchResult:
    from jobsync.model import OutputChange
    from jobsync.outputs import reasons
    from jobsync.outputs.fetch import fetch_all
    from jobsync.outputs.fetch_record import Ledger

    job = desired.jobs[address]
    if not job.outputs:
        raise SettingsError(
            f"{address} declares no outputs",
            hint="declare them under outputs:, or name a GLOB and --to PATH",
        )
    if why := reasons.not_ready(run):
        raise SettingsError(why)
    change = OutputChange(address, None, job.outputs, job.expect)
    if glob is not None:
        change = _narrowed(reader, change, run, glob)
    ledger = Ledger(desired.root, desired.outputs_root, declared=list(desired.jobs))
    return fetch_all(
        reader, change, run, ledger=ledger, limits=how.limits, report=how.meter, stop=how.stop
    )


def _narrowed(reader: Reader, change: OutputChange, run: Run, glob: str) -> OutputChange:
    """Only those of the declared files whose path in the outputs *glob* means."""
    from jobsync.outputs.listing import walk
    from jobsync.plan.output_rules import compile_glob, select

    selection = select(change.rules, (), walk(reader, run.id))
    wanted = compile_glob(glob)
    files = tuple(fetch for fetch in selection.fetches if wanted.matches(fetch.path))
    refused = tuple(pair for pair in selection.refused if wanted.matches(pair[0]))
    if not files and not refused:
        there = ", ".join(fetch.path for fetch in selection.fetches[:5]) or "none"
        raise SettingsError(
            f"no declared output of {change.address} matches {glob!r}; there are: {there}",
            hint="--to PATH fetches a file that is not declared",
        )
    return replace(change, expect=(), files=files, refused=refused)


def _fetch_loose(
    reader: Reader,
    desired: DesiredState,
    address: str,
    run: Run,
    glob: str,
    to: str,
    how: _How,
) -> FetchResult:
    """Files by hand: from any run that is over, to anywhere the person says."""
    from jobsync.model import OutputChange, OutputRule, RunState
    from jobsync.outputs.fetch import fetch_from
    from jobsync.outputs.fetch_record import Unrecorded

    if run.state is RunState.ACTIVE:
        raise SettingsError(f"run {run.id} is {run.status}: wait until it has ended")
    folder = _loose_folder(to)
    rule = OutputRule(glob, "./" if folder == Path(to) else Path(to).name)
    record: Record = Unrecorded(desired.root, str(folder.absolute()))
    change = OutputChange(address, None, (rule,))
    return fetch_from(
        reader, change, run, ledger=record, limits=how.limits, report=how.meter, stop=how.stop
    )


def _loose_folder(to: str) -> Path:
    """The folder of ``--to``: itself when it is meant as one, or is one."""
    target = Path(to)
    return target if to.endswith("/") or target.is_dir() else target.parent


def _current_run(desired: DesiredState, target: Target, reader: Reader, address: str) -> Run:
    from jobsync.cli import pipeline
    from jobsync.model import PlanOptions

    options = PlanOptions(select=(address,), only=frozenset({"outputs"}))
    plan, _ = pipeline.decide(desired, target, reader, options)
    for state in plan.states:
        if state.address == address and state.run is not None:
            return reader.run(state.run.id)
    raise SettingsError(f"{address} has no run yet", hint="jobsync apply submits it")


def _declared(desired: DesiredState, address: str) -> None:
    import difflib

    if address in desired.jobs:
        return
    near = difflib.get_close_matches(address, desired.jobs, n=3)
    known = ", ".join(near or sorted(desired.jobs)[:5])
    raise SettingsError(f"there is no job {address!r} in the manifests", hint=f"known: {known}")


def _say_result(result: FetchResult, folder: Path) -> ExitCode:
    from jobsync.render.escape import terminal

    for file in result.fetched:
        click.echo(terminal(str(folder / file.to)))
    if result.unavailable:
        raise SettingsError(result.unavailable)
    for name, why in (*result.refused, *result.failed):
        click.echo(f"Error: {terminal(name)}: {terminal(why)}", err=True)
    for said in result.missing:
        click.echo(f"Error: {terminal(said)}", err=True)
    if result.left:
        click.echo(f"{result.left} files left; run the same command again to continue", err=True)
    size = sum(file.size for file in result.fetched)
    count = "1 file" if len(result.fetched) == 1 else f"{len(result.fetched)} files"
    click.echo(
        f"{result.address}: {count} here ({size_text(size)}), "
        f"{size_text(result.received)} fetched.",
        err=True,
    )
    return worst([result.exit_code])


# --- verify ----------------------------------------------------------------------------


def _print_verified(found: Verified) -> None:
    from jobsync.render.escape import terminal

    for file in found.missing:
        click.echo(f"missing  {terminal(file.to)}  (of {file.address}; apply fetches it again)")
    for file, how in found.changed:
        click.echo(f"changed  {terminal(file.to)}  (of {file.address}; {terminal(how)})")
    for path, why in found.extra:
        click.echo(f"extra    {terminal(path)}  ({terminal(why)})")
    click.echo(
        f"{found.intact} intact, {len(found.missing)} missing, {len(found.changed)} changed, "
        f"{len(found.extra)} extra.",
        err=True,
    )


def _verified_document(found: Verified) -> dict[str, object]:
    return {
        "intact": found.intact,
        "missing": [{"address": f.address, "to": f.to, "path": f.path} for f in found.missing],
        "changed": [
            {"address": f.address, "to": f.to, "path": f.path, "how": how}
            for f, how in found.changed
        ],
        "extra": [{"to": path, "why": why} for path, why in found.extra],
    }


# --- all -------------------------------------------------------------------------------


def _loaded(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
) -> tuple[DesiredState, Target]:
    from jobsync.cli import pipeline

    return pipeline.load(paths, target, variables, os.environ)


def _decided(
    paths: tuple[str, ...], target: str | None, variables: dict[str, str]
) -> tuple[DesiredState, Plan]:
    from jobsync.cli import connect, pipeline
    from jobsync.model import PlanOptions

    desired, chosen = _loaded(paths, target, variables)
    with connect.reader(connect.Place(desired.root, chosen), os.environ) as reader:
        plan, _ = pipeline.decide(desired, chosen, reader, PlanOptions(only=frozenset({"outputs"})))
    return desired, plan
