"""What came of a change."""

from __future__ import annotations

from jobsync.model.decided import Action
from jobsync.model.values import Address, Word
from jobsync.structs import Struct


class Result(Word):
    """How a change ended (docs/design/product.md §3)."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    STALE = "stale"
    BLOCKED = "blocked"


class Outcome(Struct, frozen=True):
    """What came of one change. ``detail`` is for people: an id, a reason, a path. ``in_part`` says
    of one that has failed that some of it may have been carried out."""

    address: Address
    kind: str
    action: Action
    result: Result
    detail: str = ""
    run_id: str = ""
    in_part: bool = False
