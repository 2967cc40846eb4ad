"""What an apply has yet to begin, and what of it can be begun now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from jobsync.apply.job_states import THERE, Board, Stage
from jobsync.model import (
    SUBMITS,
    AccessChange,
    Action,
    Address,
    Change,
    JobChange,
    OutputChange,
    Reason,
    Run,
    RunRef,
    RunState,
)
from jobsync.platform import Platform
from jobsync.structs import Struct, field, replace

C = TypeVar("C", JobChange, AccessChange, OutputChange)


class Agenda(Struct):
    """The changes that have not been begun, each in the list of its kind.

    ``submitting`` are the addresses that this apply was to submit, whether that worked or not.
    """

    submits: list[JobChange] = field(default_factory=list)
    restores: list[JobChange] = field(default_factory=list)
    stops: list[JobChange] = field(default_factory=list)
    deletes: list[JobChange] = field(default_factory=list)
    grants: list[AccessChange] = field(default_factory=list)
    outputs: list[OutputChange] = field(default_factory=list)
    awaited: list[OutputChange] = field(default_factory=list)
    submitting: set[Address] = field(default_factory=set)

    def add(self, change: Change) -> None:
        """Put *change* where it belongs."""
        if isinstance(change, AccessChange):
            self.grants.append(change)
        elif isinstance(change, OutputChange):
            self.outputs.append(change)
        elif change.action in SUBMITS:
            self.submits.append(change)
            self.submitting.add(change.address)
        elif change.action is Action.RESTORE:
            self.restores.append(change)
        elif change.action is Action.STOP:
            self.stops.append(change)
        else:
            self.deletes.append(change)

    def take_ready(self, board: Board) -> list[Change]:
        """Take what can be begun now. Deletes are not among it: they come last."""
        return [
            *_take(self.submits, lambda change: board.ready(change.needs)),
            *_take(self.restores, lambda change: True),
            *_take(self.stops, lambda change: self._can_stop(change, board)),
            *_take(self.grants, lambda change: _can_grant(change, board)),
            *_take(self.outputs, lambda change: _can_fetch(change, board)),
            *_take(self.awaited, lambda change: _can_fetch(change, board)),
        ]

    def _can_stop(self, change: JobChange, board: Board) -> bool:
        """A superseded run is stopped once its successor is there, not before."""
        there = board[change.address].stage in THERE
        return there or change.address not in self.submitting

    def take_broken(self, board: Board) -> list[tuple[Change, str]]:
        """Take what never can be begun, with the reason."""

        def why(change: Change) -> str:
            broken = board.broken(needs_of(change))
            return broken.why if broken is not None else ""

        taken: list[Change] = [
            *_take(self.submits, lambda change: bool(why(change))),
            *_take(self.stops, lambda change: bool(why(change))),
            *_take(self.grants, lambda change: bool(why(change))),
            *_take(self.outputs, lambda change: bool(why(change))),
        ]
        return [(change, why(change)) for change in taken]

    def to_fetch(self, address: Address) -> OutputChange | None:
        """The outputs of *address* that wait for its run, if any."""
        waiting = (c for c in (*self.outputs, *self.awaited) if c.address == address)
        return next((change for change in waiting if change.files is None), None)

    def found(self, change: OutputChange, seen: OutputChange) -> None:
        """*change* waits no more: its run has ended and was looked at, as *seen* says."""
        for listed in (self.outputs, self.awaited):
            listed[:] = [seen if item is change else item for item in listed]

    def rest(self) -> list[Change]:
        """What is left but the deletes, and the outputs that were awaited beyond the plan."""
        return [*self.submits, *self.restores, *self.stops, *self.grants, *self.outputs]


def needs_of(change: Change) -> tuple[Address, ...]:
    """The addresses that *change* waits for."""
    if isinstance(change, JobChange) and change.action in SUBMITS:
        return change.needs
    return (change.address,)


def next_attempt(platform: Platform, change: JobChange, run: Run) -> JobChange | None:
    """The retry of a failed run that its declaration allows, if any. STOPPED was a decision."""
    mark = platform.read_mark(run.name)
    if run.state is not RunState.FAILED or not run.visible or mark is None:
        return None
    if mark.attempt > change.retries:
        return None
    return replace(
        change,
        action=Action.RETRY,
        reason=Reason.RUN_FAILED,
        name=platform.run_name(replace(mark, attempt=mark.attempt + 1)),
        attempt=mark.attempt + 1,
        before=RunRef(run.id, run.name, run.status),
    )


def grants_of_new_run(changes: Iterable[Change], address: Address) -> list[AccessChange]:
    """The grants that a new run of *address* is to get."""
    return [
        change
        for change in changes
        if isinstance(change, AccessChange) and change.address == address and change.run is None
    ]


def _can_grant(change: AccessChange, board: Board) -> bool:
    """A visible run at once; one that is to be submitted or restored once that is done."""
    if change.run is not None and change.image is not None:
        return True
    square = board[change.address]
    return square.stage in THERE and square.run is not None


def _can_fetch(change: OutputChange, board: Board) -> bool:
    if change.run is not None and change.files is not None:
        return True
    return board[change.address].stage in (Stage.FINISHED, Stage.UNREAD)


def _take(changes: list[C], ready: Callable[[C], bool]) -> list[C]:
    taken: list[C] = []
    left: list[C] = []
    for change in changes:
        (taken if ready(change) else left).append(change)
    changes[:] = left
    return taken
