"""The live view of an apply: what is in progress, what runs first, and how much there is to do."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.model import Action, Address, Result
from jobsync.render.escape import terminal
from jobsync.render.times import lasted
from jobsync.render.values import size
from jobsync.structs import Struct, field

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

DOING = {
    Action.CREATE: "submitting",
    Action.REPLACE: "submitting the new run",
    Action.RETRY: "submitting again",
    Action.RESTORE: "restoring",
    Action.UPDATE: "updating permissions",
    Action.DELETE: "deleting",
    Action.STOP: "stopping",
    Action.FETCH: "fetching",
}
_ROWS = 20
_RUNNING, _ACTING, _WAITING = range(3)
_STYLES = {_RUNNING: "cyan", _ACTING: "", _WAITING: "dim"}

_Key = tuple[Address, str]


class _Row(Struct):
    """One thing in progress; ``since`` is when it began, in seconds of the monotonic clock."""

    text: str
    since: float
    rank: int
    done: int = 0
    total: int = 0


class Board(Struct):
    """What is in progress, and the counts. It takes events from several threads.

    ``typical`` has the seconds that earlier runs of a job took, where that is known. The rows are
    kept as events change them, and only the first few are sorted when they are shown: thousands of
    them cost no more than a look at each.
    """

    typical: Mapping[Address, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    rows: dict[_Key, _Row] = field(default_factory=dict)
    planned: set[_Key] = field(default_factory=set)
    jobs: set[Address] = field(default_factory=set)
    over: set[_Key] = field(default_factory=set)
    ended: set[Address] = field(default_factory=set)
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: ApplyEvent) -> None:
        key = (event.address, str(event.kind))
        with self.lock:
            if event.type is EventType.PLANNED_CHANGE:
                self.planned.add(key)
                if event.kind == OutcomeKind.JOB:
                    self.jobs.add(event.address)
            elif event.type is EventType.APPLY_START:
                doing = DOING[event.action] if event.action else "waiting"
                self.rows[key] = _Row(doing, self.clock(), _ACTING)
            elif event.type is EventType.APPLY_PROGRESS:
                self._progress(key, event)
            elif event.type in (EventType.APPLY_COMPLETE, EventType.APPLY_ERRORED):
                self._end(key, event)

    def _progress(self, key: _Key, event: ApplyEvent) -> None:
        row = self.rows.setdefault(key, _Row("", self.clock(), _ACTING))
        row.text = event.status or row.text
        row.done, row.total = event.done, event.total
        if event.kind == OutcomeKind.RUN:
            self.jobs.add(event.address)
            rank = _RUNNING if event.has_begun else _WAITING
            if rank != row.rank:
                row.rank, row.since = rank, self.clock()

    def _end(self, key: _Key, event: ApplyEvent) -> None:
        self.rows.pop(key, None)
        self.over.add(key)
        self.failed += event.result is Result.FAILED
        if event.kind == OutcomeKind.RUN:
            self.ended.add(event.address)

    def view(self) -> Group:
        """The first rows, what runs before what waits, and the counts below them."""
        from rich.console import Group
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        now = self.clock()
        with self.lock:
            first = heapq.nsmallest(
                _ROWS, self.rows.items(), key=lambda item: (item[1].rank, item[1].since)
            )
            for (address, kind), row in first:
                is_run = kind in (OutcomeKind.JOB, OutcomeKind.RUN)
                name = address if is_run else f"{address} {kind}s"
                cells = (f"  {terminal(name)}", terminal(row.text), lasted(now - row.since))
                table.add_row(*cells, self._measure(address, row, now), style=_STYLES[row.rank])
            counts = self._counts(len(self.rows) - len(first))
        return Group(table, counts)

    def _measure(self, address: Address, row: _Row, now: float) -> str:
        """How far it is: bytes and their rate, or the time that earlier runs leave to expect."""
        if row.total:
            rate = f", {size(int(row.done / (now - row.since)))}/s" if now > row.since else ""
            return f"{size(row.done)} of {size(row.total)}{rate}"
        typical = self.typical.get(address)
        if row.rank != _RUNNING or typical is None:
            return ""
        rest = typical - (now - row.since)
        return f"about {lasted(rest)} left" if rest > 0 else "longer than before"

    def _counts(self, more: int) -> Text:
        """The counts, in the colours that the rows have: they are its legend too."""
        from rich.text import Text

        ranks = [row.rank for row in self.rows.values()]
        changes = f"{len(self.over & self.planned)} of {len(self.planned)} changes made"
        parts = [(changes, "")] if self.planned else []
        if self.jobs:
            parts = [
                (f"{len(self.ended & self.jobs)} of {len(self.jobs)} jobs ended", "green"),
                (f"{ranks.count(_RUNNING)} running", _STYLES[_RUNNING]),
                (f"{ranks.count(_WAITING)} waiting", _STYLES[_WAITING]),
                *parts,
            ]
        if self.failed:
            parts.append((f"{self.failed} failed", "red"))
        if more > 0:
            parts.append((f"{more} more in progress", ""))
        text = Text("  ")
        for number, part in enumerate(parts):
            text.append(", " if number else "")
            text.append(*part)
        return text

    def __rich__(self) -> Group:
        return self.view()
