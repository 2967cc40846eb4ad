"""Node-hours: the most that a job may use, from what is declared and what the app fills in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from jobsync.model import SUBMITS, App, JobChange, Value
from jobsync.sensitive import revealed

_RUN_TIME = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])")


def seconds(run_time: Value) -> int | None:
    """``HH:MM:SS`` in seconds, None for anything else (agave-v2 §3.2, §N4)."""
    match = _RUN_TIME.fullmatch(run_time) if isinstance(run_time, str) else None
    if match is None:
        return None
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])


def node_hours(request: Mapping[str, Value], app: App | None) -> float | None:
    """Nodes times hours of the longest run that *request* allows; None when that is unknown.

    A field that is not declared is filled in from the app, and a node count that neither states is
    1 (agave-v2 §3.2). Without the app's definition it stays unknown: it could be anything.
    """
    time = seconds(_declared(request, app, "maxRunTime"))
    nodes = _declared(request, app, "nodeCount")
    if nodes is None and app is not None:
        nodes = 1
    if isinstance(nodes, str) and nodes.isdecimal():
        nodes = int(nodes)
    if time is None or isinstance(nodes, bool) or not isinstance(nodes, (int, float)):
        return None
    return nodes * time / 3600


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


def _declared(request: Mapping[str, Value], app: App | None, field: str) -> Value:
    value = revealed(request.get(field))
    if value is None and app is not None:
        default = app.defaults.get(field)
        return default if isinstance(default, (str, int, float)) else None
    return value
