"""What an apply shows while it runs: a live view, plain lines, or one JSON event per line.

Events come from several threads; each reporter takes them one at a time.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.model import Action, Result
from jobsync.render.escape import in_json, terminal
from jobsync.structs import Struct, field

if TYPE_CHECKING:
    from rich.table import Table

_DOING = {
    Action.CREATE: "submitting",
    Action.REPLACE: "submitting the new run",
    Action.RETRY: "submitting again",
    Action.RESTORE: "restoring",
    Action.UPDATE: "updating permissions",
    Action.DELETE: "deleting",
    Action.STOP: "stopping",
    Action.FETCH: "fetching",
}
_DONE = {
    Action.CREATE: "submitted",
    Action.REPLACE: "submitted anew",
    Action.RETRY: "submitted again",
    Action.RESTORE: "restored",
    Action.DELETE: "deleted",
    Action.STOP: "stopped",
}
_ROWS = 20


def event_line(event: ApplyEvent) -> str:
    """One event as a line of JSON, in Terraform's names (``@``-less, one object a line)."""
    document = {
        "type": str(event.type),
        "timestamp": round(event.at, 3),
        "address": event.address,
        "kind": str(event.kind),
        "action": str(event.action) if event.action else "",
        "result": str(event.result) if event.result else "",
        "run_id": event.run_id,
        "status": event.status,
        "message": event.detail,
        "elapsed_seconds": round(event.elapsed, 3),
        "bytes": event.done,
        "total_bytes": event.total,
        "counts": dict(event.counts),
    }
    told = {key: value for key, value in document.items() if value not in ("", {}, 0)}
    return in_json(json.dumps(told))


def plain_line(event: ApplyEvent) -> str:
    """One event as a line for people, or empty when it says nothing new.

    What begins is not said: a log is read afterwards, and what began also ends.
    """
    subject = terminal(event.address)
    if event.kind in (OutcomeKind.PERMISSION, OutcomeKind.OUTPUT):
        subject += ".permissions" if event.kind == OutcomeKind.PERMISSION else ".outputs"
    detail = terminal(event.detail)
    if event.type is EventType.APPLY_PROGRESS:
        return f"{subject}: {terminal(event.status)}" if event.status else ""
    if event.type is EventType.APPLY_ERRORED:
        return f"{subject}: {event.result or Result.FAILED}: {detail}"
    if event.type is not EventType.APPLY_COMPLETE:
        return ""
    if event.kind == OutcomeKind.JOB and event.result is Result.DONE and event.action in _DONE:
        return f"{subject}: {_DONE[event.action]} (run {terminal(event.run_id)})"
    took = f" after {event.elapsed:.0f} s" if event.elapsed >= 1 else ""
    if event.result is Result.DONE:
        return f"{subject}: {detail or event.result}{took}"
    return f"{subject}: {event.result}{took}" + (f": {detail}" if detail else "")


class Lines:
    """Plain lines on stderr, for logs: one when something changes, nothing in between."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], str] = {}

    def __call__(self, event: ApplyEvent) -> None:
        line = plain_line(event)
        key = (event.address, str(event.kind))
        with self._lock:
            if line and self._last.get(key) != line:
                self._last[key] = line
                self._write(line)


class _Row(Struct):
    text: str
    since: float
    done: int = 0
    total: int = 0


class Board(Struct):
    """What the live view shows: one row for each thing under way, and how much is over."""

    rows: dict[tuple[str, str], _Row] = field(default_factory=dict)
    over: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: ApplyEvent) -> None:
        key = (event.address, str(event.kind))
        with self.lock:
            if event.type is EventType.APPLY_START:
                doing = _DOING[event.action] if event.action else "waiting"
                self.rows[key] = _Row(doing, time.monotonic())
            elif event.type is EventType.APPLY_PROGRESS:
                row = self.rows.setdefault(key, _Row("", time.monotonic()))
                row.text = event.status or row.text
                row.done, row.total = event.done, event.total
            elif event.type in (EventType.APPLY_COMPLETE, EventType.APPLY_ERRORED):
                self.rows.pop(key, None)
                self.over += 1

    def table(self) -> Table:
        """The rows that are under way now, longest first."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        with self.lock:
            rows = sorted(self.rows.items(), key=lambda item: item[1].since)
            for (address, kind), row in rows[:_ROWS]:
                size = f"{_size(row.done)} of {_size(row.total)}" if row.total else ""
                name = (
                    address if kind in (OutcomeKind.JOB, OutcomeKind.RUN) else f"{address} {kind}s"
                )
                table.add_row(
                    "  " + terminal(name), terminal(row.text), f"{now - row.since:.0f} s", size
                )
            more = f"  {len(rows) - _ROWS} more in progress, " if len(rows) > _ROWS else "  "
            table.add_row(f"{more}{self.over} done")
        return table

    def __rich__(self) -> Table:
        return self.table()


@contextmanager
def live(board: Board, log: Lines) -> Iterator[Callable[[ApplyEvent], None]]:
    """A live view on the terminal; what is over scrolls by above it as plain lines."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(board, console=console, refresh_per_second=4, transient=True) as view:
        lines = Lines(lambda text: view.console.print(text, markup=False, highlight=False))

        def report(event: ApplyEvent) -> None:
            board(event)
            if event.type in (EventType.APPLY_COMPLETE, EventType.APPLY_ERRORED):
                lines(event)

        yield report


@contextmanager
def reporter(format_name: str, *, quiet: bool) -> Iterator[Callable[[ApplyEvent], None]]:
    """The reporter that fits where the output goes: JSON, nothing, a live view, or lines."""

    def say(text: str) -> None:
        click.echo(text, err=True)

    if format_name == "json":
        lock = threading.Lock()

        def emit(event: ApplyEvent) -> None:
            with lock:
                click.echo(event_line(event))

        yield emit
    elif quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with live(Board(), Lines(say)) as report:
            yield report
    else:
        yield Lines(say)


def _size(number: int) -> str:
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
