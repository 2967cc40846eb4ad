"""Why an address is planned as it is: the rule of the table, the runs, and each field twice."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.errors import Usage
from jobsync.model import (
    Action,
    Address,
    AddressState,
    Change,
    DeclaredJob,
    DesiredState,
    JobChange,
    Plan,
    Run,
    Snapshot,
    Standing,
)
from jobsync.plan.diff import FieldView, side_by_side
from jobsync.plan.history import History, copies, histories
from jobsync.plan.references import References
from jobsync.structs import Struct, replace

_ACTION_RULES = {
    Action.CREATE: "no run has this name and the address has no older run: jobsync submits it",
    Action.REPLACE: (
        "no run has this name, but the address has an older run: jobsync submits a new one and "
        "keeps the old one as history"
    ),
    Action.RETRY: (
        "the runs of this name have failed and another attempt is due: jobsync submits it"
    ),
    Action.RESTORE: "a finished run of this name is hidden: jobsync makes it visible again",
}
_STANDING_RULES = {
    Standing.CURRENT: "a visible run of this name has finished: nothing is submitted",
    Standing.IN_PROGRESS: "a run of this name is active: nothing is submitted",
    Standing.FAILED: (
        "the runs of this name have failed and no retry is left: nothing is submitted"
    ),
    Standing.STOPPED: "a person stopped or hid the run of this name: nothing is submitted",
    Standing.INCOMPLETE: (
        "a run of this name has finished, but did not produce what it must, or another run "
        "has overwritten its files: nothing is submitted"
    ),
    Standing.BLOCKED: "jobsync would submit it, but what it needs is not there",
    Standing.PENDING: "jobsync would submit it, but this plan excludes jobs",
    Standing.NOT_VISIBLE: "no run of this name is visible to you, which proves nothing",
}
_PINNED = "the declaration is pinned to one run by id: jobsync never submits it"


class SeenRun(Struct, frozen=True):
    """A run of the address. ``role``: current, duplicate, another attempt, failed, stopped, hidden,
    superseded."""

    run: Run
    role: str


class Explanation(Struct, frozen=True):
    """``rule`` is the row of the decision table; ``compared`` the run that ``fields`` show."""

    job: DeclaredJob
    state: AddressState
    rule: str
    changes: tuple[Change, ...]
    runs: tuple[SeenRun, ...] = ()
    compared: Run | None = None
    fields: tuple[FieldView, ...] = ()


def explain(desired: DesiredState, snapshot: Snapshot, plan: Plan, address: Address) -> Explanation:
    """What *plan* rests on for *address*. Raises :class:`Usage` when it is not declared."""
    states = {state.address: state for state in plan.states}
    if address not in desired.jobs or address not in states:
        raise Usage(f"{address} is not declared, or this plan excludes it")
    job, state = desired.jobs[address], states[address]
    known = histories(desired, snapshot)
    changes = tuple(change for change in plan.changes if change.address == address)
    submit = next(
        (c for c in changes if isinstance(c, JobChange) and c.action in _ACTION_RULES), None
    )
    compared_id = (
        submit.before.id if submit and submit.before else state.run.id if state.run else ""
    )
    compared = next((run for run in known[address].all if run.id == compared_id), None)
    upstream = References(
        desired.platform, {up: known[up].all for up in job.upstream if up in known}
    )
    return Explanation(
        job,
        state,
        _rule(job, state, submit),
        changes,
        tuple(_roles(known[address], state, job)),
        compared,
        _as_planned(side_by_side(job, compared, upstream), submit) if compared else (),
    )


def _as_planned(views: Iterable[FieldView], submit: JobChange | None) -> tuple[FieldView, ...]:
    """*views*, in which what the plan names as a reason differs: a fingerprint sees spelling too,
    when nothing else is different."""
    paths = {change.path.partition("[")[0] for change in submit.fields} if submit else set()
    return tuple(
        replace(view, same=False) if view.path in paths and view.declared is not None else view
        for view in views
    )


def _rule(job: DeclaredJob, state: AddressState, submit: JobChange | None) -> str:
    if job.pinned is not None:
        return _PINNED
    return _ACTION_RULES[submit.action] if submit else _STANDING_RULES[state.standing]


def _roles(history: History, state: AddressState, job: DeclaredJob) -> Iterable[SeenRun]:
    current = state.run.id if state.run else ""
    copied = copies(history.exact)
    for run in history.exact:
        if not run.visible:
            role = "hidden"
        elif job.pinned == run.id:
            role = "pinned"
        elif str(run.state) in ("failed", "stopped"):
            role = str(run.state)
        elif run.id == current:
            role = "current"
        elif run.id in copied:
            role = "submitted again"
        else:
            role = "duplicate" if state.run and run.name == state.run.name else "another attempt"
        yield SeenRun(run, role)
    for run in history.again:
        yield SeenRun(run, "submitted again")
    for run in history.older:
        yield SeenRun(run, "superseded")
