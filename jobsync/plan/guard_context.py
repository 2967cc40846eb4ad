"""What a guard looks at, and the words it answers with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobsync.model import (
    SUBMITS,
    AccessChange,
    Address,
    DesiredState,
    Hazard,
    JobChange,
    Snapshot,
)
from jobsync.plan.history import History
from jobsync.structs import Struct


class Case(Struct, frozen=True):
    """All that a guard may look at."""

    desired: DesiredState
    snapshot: Snapshot
    histories: Mapping[Address, History]
    jobs: tuple[JobChange, ...]
    access: tuple[AccessChange, ...]

    @property
    def submits(self) -> tuple[JobChange, ...]:
        return tuple(change for change in self.jobs if change.action in SUBMITS)


def hazard(
    name: str, message: str, addresses: Iterable[Address], limit: object, actual: object
) -> Hazard:
    return Hazard(name, message, tuple(sorted(addresses)), limit=str(limit), actual=str(actual))


def addresses_of(changes: Iterable[JobChange]) -> set[Address]:
    return {change.address for change in changes}


def count(changes: Iterable[object], noun: str) -> str:
    number = len(tuple(changes))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
