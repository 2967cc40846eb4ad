"""Node-hours: the most that a run may use, from what is declared and what the app fills in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jobsync.model import App, Value
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
    time = time_limit(request, app)
    nodes = _declared(request, app, "nodeCount")
    if nodes is None and app is not None:
        nodes = 1
    if isinstance(nodes, str) and nodes.isdecimal() and len(nodes) < 10:
        nodes = int(nodes)
    if time is None or isinstance(nodes, bool) or not isinstance(nodes, (int, float)):
        return None
    if not abs(nodes) < 1e9:  # an app may say anything
        return None
    return nodes * time / 3600


def time_limit(request: Mapping[str, Value], app: App | None) -> float | None:
    """Seconds of the longest run that *request* allows; None when that is unknown."""
    return seconds(_declared(request, app, "maxRunTime"))


def _declared(request: Mapping[str, Value], app: App | None, field: str) -> Value:
    value = revealed(request.get(field))
    if value is None and app is not None:
        default = app.defaults.get(field)
        return default if isinstance(default, (str, int, float)) else None
    return value
