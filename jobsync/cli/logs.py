"""``jobsync logs``: what a run printed to standard output and error."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from jobsync.cli import completing
from jobsync.cli.log_printing import Printer, Streams, listed, say_run
from jobsync.cli.options import call_of, manifests_option, target_options
from jobsync.errors import SettingsError, Usage
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.cli.which_runs import Chosen
    from jobsync.render.advice import Call


@click.command("logs")
@click.argument("address", shell_complete=completing.addresses)
@click.option("-f", "--follow", is_flag=True, help="Print what is new until the run has ended.")
@click.option("--out", "wants_out", is_flag=True, help="Only standard output.")
@click.option("--err", "wants_err", is_flag=True, help="Only standard error.")
@click.option(
    "--attempt", type=click.IntRange(min=1), metavar="N", help="Print the run of this attempt."
)
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    metavar="LINES",
    help="Only the last lines of each file.",
)
@manifests_option
@target_options
def command(
    address: str,
    follow: bool,
    wants_out: bool,
    wants_err: bool,
    attempt: int | None,
    lines: int | None,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
) -> None:
    """Print what the newest run of ADDRESS wrote to standard output and error.

    It may be running, have failed or have finished. ADDRESS may be the key of a job with a matrix,
    a glob, or the beginning of a run's id. Control characters are escaped; for the bytes as they
    are, use: jobsync outputs get ADDRESS FILE --to -
    """
    from jobsync.cli import connect, pipeline
    from jobsync.cli.follow_log import follow_log
    from jobsync.cli.which_runs import addresses_of, chosen_runs
    from jobsync.sensitive import secrets_in

    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    addresses = addresses_of(address, desired)
    if follow and len(addresses) > 1:
        raise Usage(f"--follow takes one job; {address} means {len(addresses)}: name one of them")
    # Only these jobs are asked about, so that a log of one of thousands comes at once.
    few = replace(desired, jobs={one: desired.jobs[one] for one in addresses or desired.jobs})
    call = call_of(paths, target, variables, desired.sensitive)
    streams = Streams(wants_out or not wants_err, wants_err or not wants_out)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        seen = pipeline.snapshot(few, chosen, reader)
        for one in chosen_runs(address, attempt, few, seen, call):
            job = desired.jobs.get(one.address)
            printer = Printer(secrets_in(job.request) if job else ())
            if follow:
                follow_log(reader, one, streams, printer, lines)
            else:
                _show(reader, one, streams, printer, lines, call)


def _show(
    reader: Reader,
    chosen: Chosen,
    streams: Streams,
    printer: Printer,
    lines: int | None,
    call: Call,
) -> None:
    """Print what there is."""
    from jobsync.model import RunState
    from jobsync.outputs.logs import last_lines, read_lines

    run = reader.run(chosen.run.id)
    say_run(chosen.address, run)
    files = streams.chosen(listed(reader, run))
    if not files and run.state is RunState.ACTIVE:
        raise SettingsError(
            f"run {run.id} of {chosen.address} has not printed anything yet",
            hint=f"wait for it with: {call.command('logs', chosen.address, '--follow')}",
        )
    if not files:
        raise SettingsError(
            f"run {run.id} of {chosen.address} left no log",
            hint=f"see what it left: {call.command('outputs', 'list', chosen.address)}",
        )
    for file in files:
        printer.name(file, "" if file.length else " (empty)")
        found: Iterable[str]
        if lines is None:
            found = read_lines(reader, run.id, file)
        else:
            found = last_lines(reader, run.id, file, lines).lines
        for line in found:
            printer.print(line)
