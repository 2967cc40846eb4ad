"""Where and how long a job runs: node-hours, and what a run asked for."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.identity import leaf_text
from jobsync.model import App, JsonValue, Value
from jobsync.platforms.tapis.canonical import scheduler_options
from jobsync.sensitive import revealed


def same_placement(field: str, declared: Value, remote: Value) -> bool:
    """Whether a placement field asks for what the run's request asked for."""
    if field == "parameterSet.schedulerOptions":
        return scheduler_options(declared, leaf_text) == scheduler_options(remote, leaf_text)
    if isinstance(declared, list) and isinstance(remote, list):
        return [*map(leaf_text, declared)] == [*map(leaf_text, remote)]
    return leaf_text(declared) == leaf_text(remote)


def node_hours(request: Mapping[str, Value], app: App | None) -> float | None:
    """Nodes times hours of the longest run that *request* allows; None when that is unknown.

    What is not declared is the app's, and 1 node and 10 minutes where that says nothing either
    (tapis-v3 §4.1). A count of 0 or less is none. Without the app's definition it stays unknown.
    """
    time = time_limit(request, app)
    nodes = _number(request, app, "nodeCount", 1)
    return None if time is None or nodes is None else nodes * time / 3600


def time_limit(request: Mapping[str, Value], app: App | None) -> float | None:
    """Seconds of the longest run that *request* allows; None when that is unknown."""
    minutes = _number(request, app, "maxMinutes", 10)
    return None if minutes is None else minutes * 60


def _number(
    request: Mapping[str, Value], app: App | None, field: str, default: int
) -> int | float | None:
    of_app = app.defaults.get(field) if app else None
    for value in (_whole(revealed(request.get(field))), _whole(of_app)):
        if value is not None and value > 0:
            return value
    return default if app is not None else None


def _whole(value: Value | JsonValue) -> int | float | None:
    """A number; None for none, and for one that is too large to mean anything."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9:
        return None
    return value
