"""Node-hours of a plan: the most that its submits may use together, and how that is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from jobsync.model import SUBMITS, JobChange


def attempts(first: int, retries: int) -> int:
    """How many runs a submit of attempt *first* may come to when every one of them fails."""
    return max(1, retries + 2 - first)


def total(changes: Iterable[JobChange]) -> tuple[float, int]:
    """The known node-hours of the submits among *changes*, and how many are unknown."""
    submits = [change for change in changes if change.action in SUBMITS]
    known = [change.node_hours for change in submits if change.node_hours is not None]
    return sum(known), len(submits) - len(known)


def shown(hours: float) -> str:
    """*hours* to one decimal, rounded up: what is printed is an upper bound as well."""
    return f"{math.ceil(round(hours * 10, 6)) / 10:.1f}"


def unknown_for(runs: int) -> str:
    """``unknown for 2 runs``."""
    return f"unknown for {runs} run" + ("" if runs == 1 else "s")
