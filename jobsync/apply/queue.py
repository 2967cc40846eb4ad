"""What an apply has yet to begin, and what of it can be begun now. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from itertools import count

from jobsync.apply.job_states import THERE, JobStates, Stage
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
from jobsync.structs import replace


class _Kind(IntEnum):
    """The kinds of changes, in the order in which those that are ready are begun."""

    SUBMIT = 0
    RESTORE = 1
    STOP = 2
    GRANT = 3
    OUTPUT = 4
    AWAITED = 5
    DELETE = 6


_Place = tuple[_Kind, int]
"""The kind of a change, and a number that tells in which order they came."""

_MAY_BREAK = frozenset({_Kind.SUBMIT, _Kind.STOP, _Kind.GRANT, _Kind.OUTPUT})


class ChangeQueue:
    """The changes that have not begun.

    A change is examined when it is added, and again when the state of an address that it waits for
    changes: examining all of them each time would cost the square of their number.
    """

    def __init__(self) -> None:
        self._changes: dict[_Place, Change] = {}
        self._of: dict[Address, set[_Place]] = {}
        self._unseen: set[_Place] = set()
        self._submitting: set[Address] = set()
        self._numbers = count()

    def add(self, change: Change) -> None:
        """Add *change* to the queue."""
        kind = _kind_of(change)
        if kind is _Kind.SUBMIT:
            self._submitting.add(change.address)
        self._put(kind, change)

    def await_outputs(self, changes: Iterable[OutputChange]) -> None:
        """Add outputs that the plan does not contain, of runs for which it only waits."""
        for change in changes:
            self._put(_Kind.AWAITED, change)

    def holds(self, change: Change) -> bool:
        """Whether *change* has not been begun."""
        places = self._of.get(change.address, ())
        return any(self._changes[place] == change for place in places)

    def take_ready(self, states: JobStates) -> list[Change]:
        """Take the changes that can begin now. Deletes are left for the end."""
        return [self._take(place) for place in self._moved(states) if self._is_ready(place, states)]

    def take_broken(self, states: JobStates) -> list[tuple[Change, str]]:
        """Take the changes that can never begin, with the reason. Call it until it returns
        nothing."""
        broken = [
            (place, state.why)
            for place in self._moved(states)
            if place[0] in _MAY_BREAK
            and (state := states.broken(needs_of(self._changes[place]))) is not None
        ]
        return [(self._take(place), why) for place, why in broken]

    def look_again(self) -> None:
        """Examine all changes once more, whatever has changed."""
        self._unseen.update(self._changes)

    def to_fetch(self, address: Address) -> OutputChange | None:
        """The outputs of *address* that wait for its run; None when there are none."""
        waiting = (self._changes[place] for place in sorted(self._of.get(address, ())))
        fetches = (change for change in waiting if isinstance(change, OutputChange))
        return next((change for change in fetches if change.files is None), None)

    def found(self, change: OutputChange, seen: OutputChange) -> None:
        """Let *change* begin: its run has ended and its outputs were listed, with the result
        *seen*."""
        for place in self._of.get(change.address, ()):
            if self._changes[place] is change:
                self._changes[place] = seen
                self._unseen.add(place)

    def rest(self) -> list[Change]:
        """The changes that are left, without deletes and outputs awaited beyond the plan."""
        left = sorted(place for place in self._changes if place[0] < _Kind.AWAITED)
        return [self._changes[place] for place in left]

    def take_deletes(self) -> list[Change]:
        """Take the deletes."""
        deletes = sorted(place for place in self._changes if place[0] is _Kind.DELETE)
        return [self._take(place) for place in deletes]

    def _put(self, kind: _Kind, change: Change) -> None:
        place = kind, next(self._numbers)
        self._changes[place] = change
        self._unseen.add(place)
        for address in {change.address, *needs_of(change)}:
            self._of.setdefault(address, set()).add(place)

    def _take(self, place: _Place) -> Change:
        change = self._changes.pop(place)
        self._unseen.discard(place)
        for address in {change.address, *needs_of(change)}:
            self._of[address].discard(place)
        return change

    def _moved(self, states: JobStates) -> list[_Place]:
        """What has to be looked at, in order."""
        for address in states.take_moved():
            self._unseen |= self._of.get(address, set())
        places = sorted(self._unseen)
        self._unseen.clear()
        return places

    def _is_ready(self, place: _Place, states: JobStates) -> bool:
        kind, change = place[0], self._changes[place]
        if isinstance(change, AccessChange):
            return _can_grant(change, states)
        if isinstance(change, OutputChange):
            return _can_fetch(change, states)
        if kind is _Kind.SUBMIT:
            return states.ready(change.needs)
        if kind is _Kind.STOP:
            # A superseded run is stopped once its successor is there, not before.
            there = states[change.address].stage in THERE
            return there or change.address not in self._submitting
        return kind is _Kind.RESTORE


def _kind_of(change: Change) -> _Kind:
    if isinstance(change, AccessChange):
        return _Kind.GRANT
    if isinstance(change, OutputChange):
        return _Kind.OUTPUT
    if change.action in SUBMITS:
        return _Kind.SUBMIT
    if change.action is Action.RESTORE:
        return _Kind.RESTORE
    return _Kind.STOP if change.action is Action.STOP else _Kind.DELETE


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


def _can_grant(change: AccessChange, states: JobStates) -> bool:
    """A visible run at once; one that is to be submitted or restored once that is done."""
    if change.run is not None and change.image is not None:
        return True
    state = states[change.address]
    return state.stage in THERE and state.run is not None


def _can_fetch(change: OutputChange, states: JobStates) -> bool:
    if change.run is not None and change.files is not None:
        return True
    return states[change.address].stage in (Stage.FINISHED, Stage.UNREAD)
