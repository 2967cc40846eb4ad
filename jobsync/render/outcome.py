"""What came of an apply: a line for each change, the counts, and what to do next. Plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobsync.model import Action, Outcome, Plan, Result
from jobsync.render.escape import terminal
from jobsync.render.values import counted

_ORDER = (
    Result.UNKNOWN,
    Result.FAILED,
    Result.STALE,
    Result.SKIPPED,
    Result.WAITING,
    Result.DONE,
)

_NEXT: Mapping[Result, str] = {
    Result.UNKNOWN: (
        "It is not known whether a submit reached the service. The next apply looks for it first; "
        "or say what you know: jobsync resolve ADDRESS --submitted ID | --not-submitted"
    ),
    Result.FAILED: (
        "What failed was not done; the next apply tries it again. A job that failed is only run "
        "again when that is asked: jobsync apply --retry ADDRESS"
    ),
    Result.STALE: "What the plan rested on has moved. Plan again: jobsync plan",
    Result.SKIPPED: (
        "What was left out depends on what failed, or its turn had not come when apply was "
        "stopped. Apply again when that is mended."
    ),
    Result.WAITING: (
        "Some of it needs runs that have not finished. Apply again later, or wait: "
        "jobsync apply --wait"
    ),
}


_KINDS: Mapping[str, str] = {
    "job": "job",
    "permission": "permissions",
    "run": "run",
    "output": "outputs",
}
"""In the order in which they come about."""

_ACTIONS: Mapping[Action, str] = {
    Action.CREATE: "submit",
    Action.REPLACE: "submit anew",
    Action.RETRY: "submit again",
    Action.RESTORE: "restore",
    Action.DELETE: "delete",
    Action.STOP: "stop",
}


def outcome(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """The table of what happened to each change of *plan*, ending with a line break."""
    order = list(_KINDS)
    rows = sorted(
        outcomes,
        key=lambda o: (o.address, order.index(o.kind), o.action, o.run_id, o.detail),
    )
    if not rows:
        return "Nothing was done.\n" if plan.changes else "There was nothing to do.\n"
    cells = [(terminal(row.address), _what(row), str(row.result), _about(row)) for row in rows]
    widths = [max(len(cell[column]) for cell in cells) for column in range(3)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(cell[:3], widths, strict=True)), cell[3]]).rstrip()
        for cell in cells
    ]
    present = [result for result in _ORDER if any(row.result is result for row in rows)]
    lines += ["", _counts(rows)]
    lines += [_NEXT[result] for result in present if result in _NEXT]
    return "\n".join(lines) + "\n"


def _what(row: Outcome) -> str:
    """``submit``, ``permissions``, ``run``, ``outputs``: what it was that came out so."""
    return _ACTIONS[row.action] if row.kind == "job" else _KINDS[row.kind]


def _about(row: Outcome) -> str:
    run, detail = terminal(row.run_id), terminal(row.detail)
    if run and run not in detail:
        return f"run {run}: {detail}" if detail else f"run {run}"
    return detail


def _counts(rows: Sequence[Outcome]) -> str:
    """``Applied: 3 changes: 2 done, 1 failed.``"""
    numbers = {
        result: sum(1 for row in rows if row.result is result) for result in reversed(_ORDER)
    }
    parts = ", ".join(f"{number} {result}" for result, number in numbers.items() if number)
    return f"Applied {counted(len(rows), 'change')}: {parts}."
