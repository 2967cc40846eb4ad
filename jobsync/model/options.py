"""What a person asked of one planning: a value, so that nothing below reads flags."""

from __future__ import annotations

from jobsync.model.values import Word
from jobsync.structs import Struct

KINDS = ("jobs", "permissions", "outputs")
"""The kinds of things that a plan looks at, as ``--only`` names them."""


class Fetching(Word):
    """Which outputs are fetched: all; those never fetched, not the ones that are recorded and only
    missing here, as on a new machine; or none."""

    ALL = "all"
    NEW = "new"
    NONE = "none"


class PlanOptions(Struct, frozen=True):
    """``select`` and ``exclude`` are globs on addresses; ``only`` is a subset of ``KINDS``.

    Empty ``select`` and ``only`` mean everything. ``retry`` are addresses, keys of matrix jobs or
    globs to run once more although their last run failed, was stopped or misses what it must
    produce; ``retry_failed`` means all that failed or miss something. ``outputs`` are those to
    fetch. ``allow`` are the hazards accepted on the command line.
    """

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    prune: bool = False
    retry: frozenset[str] = frozenset()
    retry_failed: bool = False
    stop_superseded: bool = False
    outputs: Fetching = Fetching.ALL
    allow: frozenset[str] = frozenset()

    def plans(self, kind: str) -> bool:
        """Whether changes of *kind* (one of ``KINDS``) are wanted."""
        return not self.only or kind in self.only

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of ``KINDS`` that are wanted."""
        return tuple(kind for kind in KINDS if self.plans(kind))
