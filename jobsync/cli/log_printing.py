"""How ``jobsync logs`` prints: lines to standard output, all else to standard error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from jobsync.errors import ServiceError, SettingsError, Unauthorized
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.model import Run
    from jobsync.outputs.logs import LogFile
    from jobsync.secret import Sensitive


class Streams(Struct, frozen=True):
    """Which of the two streams are wanted."""

    out: bool
    err: bool

    def chosen(self, files: Iterable[LogFile]) -> tuple[LogFile, ...]:
        """Those of *files* that hold a stream that is wanted."""
        return tuple(
            file for file in files if (self.out and file.is_out) or (self.err and file.is_err)
        )


class Printer:
    """Prints lines, escaped, and names the file that they are from on standard error."""

    def __init__(self, secrets: Iterable[Sensitive]) -> None:
        self._secrets = tuple(secrets)
        self._last = ""

    def name(self, file: LogFile, more: str = "") -> None:
        """Name *file*, unless it was the last one to be named."""
        if self._last != file.path:
            self._last = file.path
            say(f"--- {_described(file)}: {file.path}{more}")

    def print(self, line: str) -> None:
        """Print one line of the file that was named last."""
        from jobsync.render.escape import terminal
        from jobsync.sensitive import scrubbed

        parts = scrubbed(line, self._secrets).split("\t")
        click.echo("\t".join(map(terminal, parts)))


def say_run(address: str, run: Run) -> None:
    """Say on standard error which run this is, and how it stands."""
    message = f": {run.message}" if run.message else ""
    say(f"{address}, run {run.id}: {run.status}{message}")


def say(text: str) -> None:
    """Print *text* to standard error."""
    from jobsync.render.escape import terminal

    click.echo(terminal(text), err=True)


def listed(reader: Reader, run: Run) -> tuple[LogFile, ...]:
    """The log files of *run*. Raises :class:`SettingsError` that says why they cannot be read."""
    from jobsync.outputs.logs import log_files
    from jobsync.outputs.reasons import outputs_unavailable

    try:
        return log_files(reader, run)
    except Unauthorized:
        raise
    except ServiceError as error:
        why = outputs_unavailable(run.id, error, reader.platform)
        raise SettingsError(why) from error


def _described(file: LogFile) -> str:
    both = file.is_out and file.is_err
    return "output and error" if both else "standard output" if file.is_out else "standard error"
