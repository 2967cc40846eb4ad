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
    """Everything that a guard may look at."""

    desired: DesiredState
    snapshot: Snapshot
    histories: Mapping[Address, History]
    jobs: tuple[JobChange, ...]
    access: tuple[AccessChange, ...]

    @property
    def submits(self) -> tuple[JobChange, ...]:
        """The changes that submit a job."""
        return tuple(change for change in self.jobs if change.action in SUBMITS)


def hazard(
    name: str, message: str, addresses: Iterable[Address], limit: object, actual: object
) -> Hazard:
    """A hazard over *addresses*, which are sorted; *limit* and *actual* become texts."""
    return Hazard(name, message, tuple(sorted(addresses)), limit=str(limit), actual=str(actual))


def addresses_of(changes: Iterable[JobChange]) -> set[Address]:
    """The addresses of *changes*, each once."""
    return {change.address for change in changes}


def count(changes: Iterable[object], noun: str) -> str:
    """The number of *changes* with *noun* in the right form: ``1 job``, ``2 jobs``."""
    number = len(tuple(changes))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
