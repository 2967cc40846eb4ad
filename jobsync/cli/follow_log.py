"""``jobsync logs --follow``: what a run prints, until it has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jobsync.cli.log_printing import Printer, Streams, listed, say_run
from jobsync.errors import Forbidden, NotFound, ServiceError, SettingsError, Unauthorized
from jobsync.model import RunState
from jobsync.outputs.logs import Growing, last_lines

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.cli.which_runs import Chosen
    from jobsync.model import Run

_PAUSES = (1.0, 10.0)
"""The first and the longest pause between two looks, in seconds."""

_PATIENCE = 300.0
"""Seconds for which the service may fail to answer."""


def follow_log(
    reader: Reader, chosen: Chosen, streams: Streams, printer: Printer, lines: int | None
) -> None:
    """Print what the run has printed, at first the last *lines*, and what is new until it ends."""
    run = reader.run(chosen.run.id)
    say_run(chosen.address, run)
    growing, pause, status = Growing(reader), _PAUSES[0], run.status
    while True:
        ended = run.state is not RunState.ACTIVE
        try:
            printed = _look(reader, run, streams, printer, growing, lines)
        except (SettingsError, ServiceError) as error:
            # While it runs its files come, move and go; what counts is what is there at the end.
            if ended or isinstance(error.__cause__ or error, (Unauthorized, Forbidden)):
                raise
            printed = False
        if ended:
            break
        pause = _PAUSES[0] if printed else min(pause * 1.5, _PAUSES[1])
        time.sleep(pause)
        run = _again(reader, run)
        if run.status != status:
            status = run.status
            say_run(chosen.address, run)


def _look(
    reader: Reader,
    run: Run,
    streams: Streams,
    printer: Printer,
    growing: Growing,
    lines: int | None,
) -> bool:
    """Print the lines that are new. Returns whether there were any."""
    printed = False
    files = streams.chosen(listed(reader, run))
    for file in files:
        if lines is not None and not growing.knows(file):
            tail = last_lines(reader, run.id, file, lines)
            growing.start_at(file, tail.end)
            printer.name(file)
            for line in tail.lines:
                printer.print(line)
    for file, line in growing.look(run.id, files):
        printer.name(file)
        printer.print(line)
        printed = True
    if run.state is not RunState.ACTIVE:
        for file, line in growing.rest(files):
            printer.name(file)
            printer.print(line)
    return printed


def _again(reader: Reader, run: Run) -> Run:
    """The run as it is now."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return reader.run(run.id)
        except (Unauthorized, Forbidden, NotFound):
            raise
        except ServiceError:
            if time.monotonic() > end:
                raise
        time.sleep(_PAUSES[1])
