"""``jobsync outputs get``: fetch the files of one run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.fetch_progress import Meter, size_text
from jobsync.cli.options import call_of, manifests_option, target_options
from jobsync.errors import ExitCode, SettingsError, Usage, worst
from jobsync.structs import Struct, replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.model import Address, DesiredState, OutputChange, Run, Snapshot, Target
    from jobsync.outputs.fetch_record import FetchRecord
    from jobsync.outputs.result import FetchLimits, FetchResult
    from jobsync.render.advice import Call


@click.command("get")
@click.argument("address", shell_complete=completing.addresses)
@click.argument("glob", required=False)
@manifests_option
@target_options
@click.option(
    "--to",
    metavar="PATH",
    help="Fetch GLOB to this path, declared or not; a folder ends in /, - is standard output.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=0),
    help="Fetch nothing if the files are larger in total.",
)
@click.option(
    "--max-files", type=click.IntRange(min=0), help="Fetch nothing if there are more files."
)
@click.option(
    "--jobs", type=click.IntRange(1, 128), metavar="N", help="Number of parallel downloads."
)
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

    With --to, fetch any file of the run, even of a failed one, and do not record it. With --to -,
    also of one that is still running. With --to, ADDRESS may also be the beginning of a run's id.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.signals import stopping
    from jobsync.outputs.result import FetchLimits

    if to is not None and glob is None:
        raise click.UsageError("--to needs a GLOB")
    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    if to is None:
        _declared(desired, address)
    limits = FetchLimits(jobs=jobs, max_bytes=max_bytes, max_files=max_files)
    call = call_of(paths, target, variables, desired.sensitive)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        if to is None:
            run = _current_run(desired, chosen, reader, address, call)
        else:
            address, run = _newest_run(desired, chosen, reader, address, call)
        if to == "-" and glob is not None:
            _print_file(reader, run, glob)
            return ExitCode.OK
        with stopping(reader.close) as stop, Meter(address, quiet=quiet) as meter:
            how = _How(limits, meter, stop.event.is_set)
            if to is not None and glob is not None:
                folder = _loose_folder(to)
                result = _fetch_loose(reader, desired, address, run, glob, to, how)
            else:
                folder = Path()
                result = _fetch_declared(reader, desired, address, run, glob, how)
    return worst([_say_result(result, folder), stop.code])


class _How(Struct, frozen=True):
    """Around one fetch: its limits, who is told how far it is, and whether to leave off."""

    limits: FetchLimits
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
    ledger = Ledger(
        desired.root,
        desired.outputs_root,
        declared=list(desired.jobs),
        is_ours=desired.platform.is_run_id,
    )
    return fetch_all(
        reader, change, run, ledger=ledger, limits=how.limits, report=how.meter, stop=how.stop
    )


def _narrowed(reader: Reader, change: OutputChange, run: Run, glob: str) -> OutputChange:
    """Only those of the declared files whose path in the outputs *glob* means."""
    from jobsync.outputs.listing import walk_outputs
    from jobsync.plan.output_rules import choose_files, compile_glob

    selection = choose_files(change.rules, (), walk_outputs(reader, run.id))
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
    record: FetchRecord = Unrecorded(desired.root, str(folder.absolute()))
    change = OutputChange(address, None, (rule,))
    return fetch_from(
        reader, change, run, ledger=record, limits=how.limits, report=how.meter, stop=how.stop
    )


def _print_file(reader: Reader, run: Run, glob: str) -> None:
    """Write the one file of *run* that *glob* means to standard output, as far as it is listed: a
    service may send without end."""
    from jobsync.errors import ServiceError, Unauthorized
    from jobsync.model import RunState
    from jobsync.outputs.listing import walk_outputs
    from jobsync.outputs.logs import has_started
    from jobsync.outputs.reasons import outputs_unavailable
    from jobsync.plan.output_rules import compile_glob

    if not has_started(run):
        raise SettingsError(f"run {run.id} is {run.status}: it has no outputs yet")
    wanted = compile_glob(glob)
    try:
        walked = walk_outputs(reader, run.id)
        sizes = {file.path: file.length for file in walked if not file.is_folder}
        found = [file.path for file in walked if not file.is_folder and wanted.means(file)]
    except Unauthorized:
        raise
    except ServiceError as error:
        raise SettingsError(outputs_unavailable(run.id, error, reader.platform)) from error
    if not found:
        there = ", ".join([*sizes][:5]) or "none"
        raise SettingsError(
            f"no output of run {run.id} matches {glob!r}", hint=f"there are: {there}"
        )
    if len(found) > 1:
        listed = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if found[5:] else "")
        raise Usage(f"--to - takes one file, and {glob!r} matches {len(found)}: {listed}")
    left = sizes[found[0]]
    with reader.open(run.id, found[0]) as content:
        for chunk in content.chunks:
            sys.stdout.buffer.write(chunk[: max(0, left)])
            left -= len(chunk)
            if left < 0:
                break
    sys.stdout.buffer.flush()
    if left < 0 and run.state is not RunState.ACTIVE:
        raise SettingsError(
            f"{found[0]} of run {run.id} is longer than the {sizes[found[0]]} bytes that the "
            "service lists: the rest was not written"
        )


def _loose_folder(to: str) -> Path:
    """The folder of ``--to``: itself when it is meant as one, or is one."""
    target = Path(to)
    return target if to.endswith("/") or target.is_dir() else target.parent


def _current_run(
    desired: DesiredState, target: Target, reader: Reader, address: str, call: Call
) -> Run:
    from jobsync.cli import pipeline
    from jobsync.cli.which_runs import ask, submit_with
    from jobsync.model import PlanOptions
    from jobsync.plan.viewing import nothing_visible

    options = PlanOptions(select=(address,), only=frozenset({"outputs"}))
    plan, seen = pipeline.decide(desired, target, reader, options)
    for state in plan.states:
        if state.address == address and state.run is not None:
            return _record(reader, state.run.id, seen)
    if seen.owner:
        raise SettingsError(f"{address}: {nothing_visible(seen.owner)}", hint=ask(seen.owner))
    raise SettingsError(f"{address} has no run yet", hint=submit_with(call))


def _record(reader: Reader, run_id: str, seen: Snapshot) -> Run:
    """The record of a run; its row where its outputs are shared and its record is not."""
    from jobsync.errors import Forbidden

    try:
        return reader.run(run_id)
    except Forbidden:
        row = next((run for run in seen.runs if run.id == run_id), None)
        if row is None:
            raise
        return row


def _newest_run(
    desired: DesiredState, target: Target, reader: Reader, text: str, call: Call
) -> tuple[Address, Run]:
    """The newest run of the address *text*, or the run whose id it is."""
    from jobsync.cli import pipeline
    from jobsync.cli.which_runs import chosen_runs

    seen = pipeline.snapshot(desired, target, reader)
    found = chosen_runs(text, None, desired, seen, call)
    if len(found) > 1:
        names = ", ".join(one.address for one in found[:5])
        raise Usage(f"{text!r} means {len(found)} jobs: {names}; name one of them")
    return found[0].address, _record(reader, found[0].run.id, seen)


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
