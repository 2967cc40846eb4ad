"""What came of an apply: what is not well, the counts, and what to do next. Plain text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from jobsync.model import Action, Address, JobChange, Outcome, Plan, Result
from jobsync.plan.together import FEWEST, together
from jobsync.render.advice import NO_CALL, Call, log_of, retry, some, stop
from jobsync.render.alike import grouped, without_values
from jobsync.render.escape import terminal
from jobsync.render.natural import natural
from jobsync.render.values import counted
from jobsync.searched import APPS

_ORDER = (
    Result.UNKNOWN,
    Result.FAILED,
    Result.STALE,
    Result.BLOCKED,
    Result.SKIPPED,
    Result.WAITING,
    Result.DONE,
)

_FOLLOW = frozenset({Result.SKIPPED, Result.WAITING})
"""Results that follow from something else."""

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


def troubles(outcomes: Sequence[Outcome], call: Call = NO_CALL) -> list[str]:
    """A line for each change that is not done, the worst first, and an empty one after them.

    What was done is not repeated: it was told when it happened. What follows from one cause is one
    line: the permissions and outputs of a job that was not submitted, and alike jobs of a matrix.
    """
    rows = [row for row in sorted_rows(outcomes) if row.result is not Result.DONE]
    rows.sort(key=lambda row: (_ORDER.index(row.result), not _is_run(row)))
    skipped = {row.address for row in rows if row.kind == "job" and row.result in _FOLLOW}
    causes = [
        row
        for row in rows
        if row.kind == "job" or row.result not in _FOLLOW or row.address not in skipped
    ]
    cells: list[tuple[str, str, str, str]] = []
    for found in grouped(causes, _likeness):
        first = found[0]
        if len(found) < FEWEST:
            cells += [
                (terminal(row.address), what(row), str(row.result), about(row, call))
                for row in found
            ]
        else:
            name = terminal(together([row.address for row in found]))
            detail = terminal(without_values(first.detail, first.address))
            cells.append((name, what(first), str(first.result), detail))
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(3)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(cell[:3], widths, strict=True)), cell[3]]).rstrip()
        for cell in cells
    ]
    return [*lines, ""] if lines else []


def _likeness(row: Outcome) -> tuple[str, ...] | None:
    """What rows of one matrix have in common that are one line; None for a row that is alone."""
    key, _, suffix = row.address.partition(".")
    if row.result not in _FOLLOW or not suffix or row.run_id:
        return None
    return key, row.kind, str(row.result), without_values(row.detail, row.address)


def ending(plan: Plan, outcomes: Sequence[Outcome], call: Call = NO_CALL) -> list[str]:
    """The counts, and what to do next."""
    rows = sorted_rows(outcomes)
    if not rows:
        return ["Nothing was done." if plan.changes else "There was nothing to do."]
    return [counts(rows), *next_steps(plan, rows, call)]


def sorted_rows(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """By address, and for one address in the order in which things come about."""
    order = list(_KINDS)
    return sorted(
        outcomes,
        key=lambda o: (natural(o.address), order.index(o.kind), o.action, o.run_id, o.detail),
    )


def next_steps(plan: Plan, rows: Sequence[Outcome], call: Call) -> Iterator[str]:
    """What to do about each result that is not the end, the worst first."""
    results = {row.result for row in rows}
    failed = {row.address: row for row in rows if row.result is Result.FAILED and _is_run(row)}
    if Result.UNKNOWN in results:
        yield (
            "It is not known whether a submit reached the service. The next apply searches for "
            "it first."
        )
    if any(row.result is Result.FAILED and not _is_run(row) for row in rows):
        yield f"The next apply tries the failed changes again: {call.command('apply')}"
    fixed = {state.address for state in plan.states if not state.retriable}
    if again := [address for address in failed if address not in fixed]:
        yield _mend(plan, again, call)
        runs = "a failed run starts again" if len(again) == 1 else "failed runs start again"
        yield f"Unchanged, {runs} only on request: {retry(again, call)}"
    if Result.STALE in results:
        yield (
            "The state on the service has changed since the plan was made. Plan again: "
            f"{call.command('plan')}"
        )
    if Result.SKIPPED in results:
        yield (
            "Skipped changes depend on something that failed, or apply stopped before it reached "
            f"them. To make them, apply again: {call.command('apply')}"
        )
    if running := [row.address for row in rows if row.result is Result.WAITING and _is_run(row)]:
        yield (
            f"Not finished yet: {some(running)}. Wait: {call.command('wait')}. "
            f"Stop: {stop(running, call)}"
        )
    elif Result.WAITING in results:
        yield (
            "Some changes wait for runs that have not finished. Apply again later, or wait: "
            f"{call.command('apply', '--wait')}"
        )


def _mend(plan: Plan, failed: Collection[Address], call: Call) -> str:
    """What makes the next apply run *failed* again: a change of something that jobsync sees."""
    changes = (change for change in plan.changes if isinstance(change, JobChange))
    apps = {
        name.removeprefix(f"{APPS}/")
        for change in changes
        if change.address in failed
        for name in change.digests
        if name.startswith(f"{APPS}/")
    }
    app = f" or the app {some(sorted(apps))} in {APPS}/" if apps else ""
    what = "the manifest, an input" if app else "the manifest or an input"
    runs = "it" if len(failed) == 1 else "them"
    return f"If you mend {what}{app}, the next apply runs {runs} again: {call.command('apply')}"


def _is_run(row: Outcome) -> bool:
    return row.kind == "run"


def what(row: Outcome) -> str:
    """``submit``, ``permissions``, ``run``, ``outputs``: what it was that came out so."""
    return _ACTIONS[row.action] if row.kind == "job" else _KINDS[row.kind]


def about(row: Outcome, call: Call) -> str:
    """The run and what is to be said of it."""
    run, detail = terminal(row.run_id), terminal(row.detail)
    detail = "; ".join(filter(None, (detail, log_of(row, call))))
    if run and run not in detail:
        return f"run {run}: {detail}" if detail else f"run {run}"
    return detail


def counts(rows: Sequence[Outcome]) -> str:
    """``Applied: 3 changes: 2 done, 1 failed.``"""
    numbers = {
        result: sum(1 for row in rows if row.result is result) for result in reversed(_ORDER)
    }
    parts = ", ".join(f"{number} {result}" for result, number in numbers.items() if number)
    return f"Applied {counted(len(rows), 'change')}: {parts}."
