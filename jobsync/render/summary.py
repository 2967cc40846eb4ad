"""The counts of a plan, said once for every format."""

from __future__ import annotations

import os

from jobsync.model import (
    KINDS,
    SUBMITS,
    AccessChange,
    Action,
    JobChange,
    OutputChange,
    Plan,
    Scope,
    Standing,
)
from jobsync.plan import node_hours
from jobsync.render.values import counted, size
from jobsync.render.viewing import view_headline
from jobsync.structs import Struct


class Summary(Struct, frozen=True):
    """``node_hours`` is what the submits with a known limit may use; ``unknown_hours`` counts the
    others. ``later`` are runs whose outputs are known only when they finish, ``fetch_later`` those
    of them with something to fetch. What could not be read of an address (``unread``) keeps it from
    being ``unchanged``."""

    add: int
    change: int
    destroy: int
    superseded: int
    outputs: int
    output_bytes: int
    available: int
    later: int
    fetch_later: int
    unchanged: int
    in_progress: int
    failed: int
    stopped: int
    incomplete: int
    blocked: int
    not_visible: int
    undeclared: int
    node_hours: float
    unknown_hours: int
    gains: int
    changes: int
    loses: int
    unread: int
    warnings: int


def summarise(plan: Plan) -> Summary:
    """Count what *plan* has. ``add`` is submits, ``destroy`` is what ``--prune`` hides."""
    jobs = [change for change in plan.changes if isinstance(change, JobChange)]
    outputs = [change for change in plan.changes if isinstance(change, OutputChange)]
    submits = [change for change in jobs if change.action in SUBMITS]
    destroyed = [change for change in jobs if change.action is Action.DELETE]
    files = [file for change in outputs for file in change.files or ()]
    later = [change for change in outputs if change.files is None] + list(plan.awaiting)
    # Files that the lock records and that are only missing here are counted apart.
    fetches = [file for file in files if not file.available]
    standings = [state.standing for state in plan.states]
    changed = {change.address for change in plan.changes}
    people = _people(plan)
    most, unknown_hours = node_hours.total(submits)
    return Summary(
        add=len(submits),
        # Access of a new run is shown with its job, so it is not counted a second time.
        change=len(jobs) - len(submits) - len(destroyed) + len(separate_access(plan)),
        destroy=len(destroyed),
        superseded=plan.superseded,
        outputs=len(fetches),
        output_bytes=sum(file.length for file in fetches),
        available=len(files) - len(fetches),
        later=len(later),
        fetch_later=sum(1 for change in later if change.rules),
        unchanged=sum(
            1
            for state in plan.states
            if state.standing is Standing.CURRENT
            and state.address not in changed
            and not state.problems
        ),
        in_progress=standings.count(Standing.IN_PROGRESS),
        failed=standings.count(Standing.FAILED),
        stopped=standings.count(Standing.STOPPED),
        incomplete=standings.count(Standing.INCOMPLETE),
        blocked=standings.count(Standing.BLOCKED),
        not_visible=standings.count(Standing.NOT_VISIBLE),
        undeclared=len({run.address for run in plan.undeclared}),
        node_hours=most,
        unknown_hours=unknown_hours,
        gains=sum(1 for before, _ in people if not before),
        changes=sum(1 for pair in people if all(pair)),
        loses=sum(1 for _, after in people if not after),
        unread=sum(1 for state in plan.states if state.problems),
        warnings=len(plan.warnings),
    )


def _people(plan: Plan) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What those whose access changes can do with a job, by any of its runs, before and after."""
    nothing: frozenset[str] = frozenset()
    found: dict[tuple[str, str], tuple[frozenset[str], frozenset[str]]] = {}
    for row in plan.effective:
        before, after = found.get((row.address, row.user), (nothing, nothing))
        pair = (before | row.before.gives, after | row.after.gives)
        found[row.address, row.user] = pair
    return [pair for pair in found.values() if pair[0] != pair[1]]


def separate_access(plan: Plan) -> tuple[AccessChange, ...]:
    """Access changes of runs that exist; those of a new run are shown with its job."""
    return tuple(
        change
        for change in plan.changes
        if isinstance(change, AccessChange) and change.run is not None
    )


def outputs_root(plan: Plan) -> str:
    """Where outputs go, from the folder of the set; empty when that is this folder."""
    if not plan.outputs_root or plan.outputs_root == plan.root:
        return ""
    return os.path.relpath(plan.outputs_root, plan.root)


def headline(plan: Plan) -> str:
    """``Plan: 2 to add, 1 to change, 0 to destroy.`` or ``No changes. ...``: tools read it."""
    if plan.view:
        return view_headline(plan)
    counts = summarise(plan)
    if not plan.changes:
        # "No changes" would be taken for "all is well" by people and tools alike.
        return ("" if _wrong(plan, counts) else "No changes. ") + _standing_still(plan, counts)
    return f"Plan: {counts.add} to add, {counts.change} to change, {counts.destroy} to destroy."


def counts_nothing(plan: Plan) -> bool:
    """Whether the headline counts nothing although there is something to do: outputs to fetch."""
    counts = summarise(plan)
    return bool(plan.changes) and not (counts.add or counts.change or counts.destroy)


def also(plan: Plan) -> str:
    """The line after the headline, empty when there is nothing more to say than that."""
    counts = summarise(plan)
    outputs = f"{counted(counts.outputs, 'output')} to fetch ({size(counts.output_bytes)})"
    later = f"outputs of {counted(counts.fetch_later, 'run')} to fetch when finished"
    parts = [
        f"{number} {text}" if text else str(number)
        for number, text in (
            (counts.superseded, "superseded"),
            (outputs if counts.outputs else 0, ""),
            (later if counts.fetch_later else 0, ""),
            (counts.available, "available to restore"),
            (counts.unchanged, "unchanged"),
            (counts.in_progress, "in progress"),
            *(_troubles(counts) if plan.changes else ()),
            (counts.undeclared, "undeclared"),
            (counted(counts.warnings, "warning") if counts.warnings else 0, ""),
        )
        if number
    ]
    sentences = [", ".join(parts)] if parts else []
    if counts.add:
        sentences.append(_hours(counts))
    access = [
        f"{number} {word}"
        for number, word in (
            (counts.gains, "gained"),
            (counts.changes, "changed"),
            (counts.loses, "lost"),
        )
        if number
    ]
    if access:
        sentences.append(f"Access: {', '.join(access)}")
    return f"Also: {'. '.join(sentences)}." if sentences else ""


def _hours(counts: Summary) -> str:
    unknown = node_hours.unknown_for(counts.unknown_hours)
    known = counts.add - counts.unknown_hours
    if not known:
        return f"Node-hours {unknown}"
    most = f"At most {node_hours.shown(counts.node_hours)} node-hours"
    return f"{most} for {counted(known, 'run')}, {unknown}" if counts.unknown_hours else most


def _standing_still(plan: Plan, counts: Summary) -> str:
    """Why nothing is to be done, said only of what was looked at."""
    scope = plan.scope
    if scope.left_out and len(scope.left_out) == scope.declared:
        return "No declared job is selected."
    if not plan.states:
        return "The manifests declare no jobs."
    limits = "" if scope.is_whole else f" ({_limits(scope)})"
    return f"{_why_nothing(plan, counts)}{limits}."


def _why_nothing(plan: Plan, counts: Summary) -> str:
    standings = [state.standing for state in plan.states]
    if wrong := _wrong(plan, counts):
        return f"Not everything is as declared: {', '.join(wrong)}. The rest needs no change"
    if pending := standings.count(Standing.PENDING):  # only what jobs were not asked for
        return f"Left unchanged: {pending} to submit or restore"
    if Standing.IN_PROGRESS in standings:
        which = "declared" if plan.scope.is_whole else "selected"
        return f"All {which} jobs have run or are running"
    if plan.scope.is_whole:
        return "Every job, permission and output is as declared"
    return "Everything selected is as declared"


def _wrong(plan: Plan, counts: Summary) -> list[str]:
    """What is not as declared, and no apply changes that by itself."""
    doubled = (len(plan.duplicates), "with several runs of one name")
    return [f"{number} {text}" for number, text in (*_troubles(counts), doubled) if number]


def _troubles(counts: Summary) -> tuple[tuple[int, str], ...]:
    return (
        (counts.failed, "failed"),
        (counts.stopped, "stopped"),
        (counts.incomplete, "incomplete"),
        (counts.blocked, "blocked"),
        (counts.unread, "could not be planned"),
    )


def _limits(scope: Scope) -> str:
    """``jobs only; 2 of 3 addresses left out``."""
    kinds = "" if scope.kinds == KINDS else f"{' and '.join(scope.kinds)} only"
    addresses = (
        f"{len(scope.left_out)} of {counted(scope.declared, 'address', 'addresses')} left out"
        if scope.left_out
        else ""
    )
    return "; ".join(part for part in (kinds, addresses) if part)
