"""What an apply shows while it runs: a live view, plain lines, or one JSON event per line.

Events come from several threads; each reporter takes them one at a time.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.cli.live_view import Board
from jobsync.model import Action, Address, Result
from jobsync.render.escape import in_json, terminal

_DONE = {
    Action.CREATE: "submitted",
    Action.REPLACE: "submitted anew",
    Action.RETRY: "submitted again",
    Action.RESTORE: "restored",
    Action.DELETE: "deleted",
    Action.STOP: "stopped",
}


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

    What begins is not said: a log is read afterwards, and what began also ends. What was not done
    is said at the end, all of it together.
    """
    if event.result in (Result.SKIPPED, Result.WAITING):
        return ""
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
    if detail.casefold().startswith(f"{event.result}".casefold()):
        return f"{subject}: {detail}{took}"  # the service has the same word for it
    return f"{subject}: {event.result}{took}" + (f": {detail}" if detail else "")


class Lines:
    """Plain lines on stderr, for logs: one when something changes, nothing in between."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], str] = {}

    def __call__(self, event: ApplyEvent) -> None:
        if line := self.line_of(event):
            self._write(line)

    def line_of(self, event: ApplyEvent) -> str:
        """The line of *event*; empty when it was the last one of its subject already."""
        line = plain_line(event)
        key = (event.address, str(event.kind))
        with self._lock:
            if not line or self._last.get(key) == line:
                return ""
            self._last[key] = line
            return line


@contextmanager
def live(board: Board) -> Iterator[Callable[[ApplyEvent], None]]:
    """A live view on the terminal; what is over scrolls by above it as plain lines."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(board, console=console, refresh_per_second=4, transient=True) as view:
        lines = Lines(lambda text: None)

        def report(event: ApplyEvent) -> None:
            board(event)
            ended = event.type in (EventType.APPLY_COMPLETE, EventType.APPLY_ERRORED)
            if ended and (line := lines.line_of(event)):
                style = _STYLES.get(event.result or Result.FAILED, "")
                view.console.print(line, markup=False, highlight=False, style=style)

        yield report


_STYLES = {Result.DONE: "green", Result.FAILED: "red", Result.UNKNOWN: "red", Result.STALE: "red"}


@contextmanager
def in_a_group(environ: Mapping[str, str]) -> Iterator[None]:
    """The lines of an apply as a group that the log of a CI system folds, where it is known."""
    if environ.get("GITHUB_ACTIONS") == "true":
        before, after = "::group::jobsync apply: what happens", "::endgroup::"
    elif environ.get("GITLAB_CI") == "true":
        head = "section_{}:{}:jobsync_apply\r\x1b[0K{}"
        now = int(time.time())
        before, after = head.format("start", now, "jobsync apply"), head.format("end", now, "")
    else:
        yield
        return
    click.echo(before, err=True, color=True)
    try:
        yield
    finally:
        click.echo(after, err=True, color=True)


@contextmanager
def reporter(
    format_name: str, *, quiet: bool, typical: Mapping[Address, float]
) -> Iterator[Callable[[ApplyEvent], None]]:
    """The reporter that fits where the output goes: JSON, nothing, a live view, or lines.

    *typical* has the seconds that earlier runs of a job took.
    """

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
        with live(Board(typical)) as report:
            yield report
    else:
        with in_a_group(os.environ):
            yield Lines(say)
