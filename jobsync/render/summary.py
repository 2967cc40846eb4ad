"""The counts of a plan, said once for every format."""

from __future__ import annotations

from dataclasses import dataclass

from jobsync.identity import RunName
from jobsync.model import (
    NO_ACCESS,
    SUBMITS,
    AccessChange,
    Action,
    JobChange,
    OutputChange,
    Plan,
    Standing,
)
from jobsync.render.values import counted, size


@dataclass(frozen=True, slots=True)
class Summary:
    """``node_hours`` is what the submits with a known limit may use; ``unknown_hours`` counts the
    others. ``later`` are runs whose outputs are known only when they finish."""

    add: int
    change: int
    destroy: int
    superseded: int
    outputs: int
    output_bytes: int
    available: int
    later: int
    unchanged: int
    in_progress: int
    failed: int
    stopped: int
    incomplete: int
    blocked: int
    undeclared: int
    node_hours: float
    unknown_hours: int
    gains: int
    changes: int
    loses: int


def summarise(plan: Plan) -> Summary:
    """Count what *plan* has. ``add`` is submits, ``destroy`` is what ``--prune`` hides."""
    jobs = [change for change in plan.changes if isinstance(change, JobChange)]
    access = [change for change in plan.changes if isinstance(change, AccessChange)]
    outputs = [change for change in plan.changes if isinstance(change, OutputChange)]
    submits = [change for change in jobs if change.action in SUBMITS]
    destroyed = [change for change in jobs if change.action is Action.DELETE]
    grants = [grant for change in access for grant in change.grants]
    files = [file for change in outputs for file in change.files or ()]
    fetches = [file for file in files if not file.available]
    standings = [state.standing for state in plan.states]
    changed = {change.address for change in plan.changes}
    hours = [change.node_hours for change in submits]
    return Summary(
        add=len(submits),
        change=len(jobs) - len(submits) - len(destroyed) + len(separate_access(plan)),
        destroy=len(destroyed),
        superseded=plan.superseded,
        outputs=len(fetches),
        output_bytes=sum(file.length for file in fetches),
        available=len(files) - len(fetches),
        later=sum(1 for change in outputs if change.files is None) + len(plan.awaiting),
        unchanged=sum(
            1
            for state in plan.states
            if state.standing is Standing.CURRENT and state.address not in changed
        ),
        in_progress=standings.count(Standing.IN_PROGRESS),
        failed=standings.count(Standing.FAILED),
        stopped=standings.count(Standing.STOPPED),
        incomplete=standings.count(Standing.INCOMPLETE),
        blocked=standings.count(Standing.BLOCKED),
        undeclared=len(_addresses(plan)),
        node_hours=sum(value for value in hours if value is not None),
        unknown_hours=hours.count(None),
        gains=sum(1 for grant in grants if grant.before == NO_ACCESS),
        changes=sum(1 for grant in grants if NO_ACCESS not in (grant.before, grant.after)),
        loses=sum(1 for grant in grants if grant.after == NO_ACCESS),
    )


def separate_access(plan: Plan) -> tuple[AccessChange, ...]:
    """Access changes of runs that exist; those of a new run are shown with its job."""
    return tuple(
        change
        for change in plan.changes
        if isinstance(change, AccessChange) and change.run is not None
    )


def headline(plan: Plan) -> str:
    """``Plan: 2 to add, 1 to change, 0 to destroy.`` or ``No changes. ...``: tools read it."""
    if not plan.changes:
        return "No changes. " + _standing_still(plan)
    counts = summarise(plan)
    return f"Plan: {counts.add} to add, {counts.change} to change, {counts.destroy} to destroy."


def also(plan: Plan) -> str:
    """The line after the headline, empty when there is nothing more to say."""
    counts = summarise(plan)
    outputs = f"{counted(counts.outputs, 'output')} to fetch ({size(counts.output_bytes)})"
    parts = [
        f"{number} {text}" if text else str(number)
        for number, text in (
            (counts.superseded, "superseded"),
            (outputs if counts.outputs else 0, ""),
            (counts.available, "available to restore"),
            (counts.unchanged, "unchanged"),
            (counts.in_progress, "in progress"),
            (counts.failed, "failed"),
            (counts.stopped, "stopped"),
            (counts.incomplete, "incomplete"),
            (counts.blocked, "blocked"),
            (counts.undeclared, "undeclared"),
        )
        if number
    ]
    sentences = [", ".join(parts)] if parts else []
    if counts.add:
        sentences.append(_hours(counts))
    access = [
        f"{number} {word}"
        for number, word in (
            (counts.gains, "gains"),
            (counts.changes, "changes"),
            (counts.loses, "loses"),
        )
        if number
    ]
    if access:
        sentences.append(f"Access: {', '.join(access)}")
    return f"Also: {'. '.join(sentences)}." if sentences else ""


def _hours(counts: Summary) -> str:
    if counts.unknown_hours == 0:
        return f"At most {counts.node_hours:.1f} node-hours"
    return (
        f"At least {counts.node_hours:.1f} node-hours, "
        f"{counted(counts.unknown_hours, 'run')} of unknown length"
    )


def _standing_still(plan: Plan) -> str:
    standings = {state.standing for state in plan.states}
    if any(state.problems for state in plan.states):
        return "Not everything could be read: see below."
    if standings <= {Standing.CURRENT}:
        return "Every job, permission and output is as declared."
    if standings <= {Standing.CURRENT, Standing.IN_PROGRESS}:
        return "Everything declared has run or is running."
    return "Nothing can be done about what is listed below."


def _addresses(plan: Plan) -> set[str]:
    return {name.address if (name := RunName.parse(r.name)) else r.name for r in plan.undeclared}
