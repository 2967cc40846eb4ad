"""A plan for somebody who may only look at the owner's runs (product §9): nothing is decided.

That no run is to be seen never means that there is none: its owner may not share it.
"""

from __future__ import annotations

from jobsync.errors import Usage
from jobsync.model import (
    Action,
    DeclaredJob,
    PlanOptions,
    Run,
    Snapshot,
    Standing,
    Unavailable,
    View,
)
from jobsync.permission_model import Rows
from jobsync.plan import plan_permissions
from jobsync.plan.address_access import is_current
from jobsync.plan.builder import PlanDraft
from jobsync.plan.decide import Decision
from jobsync.plan.history import History
from jobsync.structs import replace


def nothing_visible(owner: str) -> str:
    """What to say of a job of which no run of *owner* is to be seen."""
    return f"not visible: {owner} shares no run of it with you, or there is none"


def refuse_decisions(options: PlanOptions, snapshot: Snapshot) -> None:
    """Raise :class:`Usage` for options that only an apply has a use for."""
    asked = {
        "--retry": options.retry,
        "--retry-failed": options.retry_failed,
        "--prune": options.prune,
        "--stop-superseded": options.stop_superseded,
    }
    names = [name for name, value in asked.items() if value]
    if snapshot.owner and names:
        raise Usage(
            f"{', '.join(names)}: only {snapshot.owner} changes anything on target "
            f"{snapshot.target}, and the credentials are {snapshot.user}'s",
            hint="leave it out to look at what is shared with you",
        )


def not_seen(job: DeclaredJob, history: History, owner: str) -> Decision:
    """The decision for a job of which no run of the present declaration is to be seen."""
    notes = [nothing_visible(owner)]
    if history.older:
        newest = history.older[-1]
        notes.append(f"run {newest.id}, which you can see, is of an older declaration")
    return Decision(Standing.NOT_VISIBLE, names=(job.name,), notes=tuple(notes))


def as_seen(job: DeclaredJob, history: History, decision: Decision, owner: str) -> Decision:
    """*decision*, of which only what can be seen is left: nothing is submitted or restored."""
    if decision.action is None:
        return decision
    if decision.action is Action.RETRY and decision.before is not None:
        notes = (*decision.notes, f"{owner} has attempts left")
        failed = replace(decision, action=None, standing=Standing.FAILED, notes=notes)
        return replace(failed, run=decision.before, before=None)
    return not_seen(job, history, owner)


def view_of(draft: PlanDraft) -> View | None:
    """Who applies, and what is known of the permissions; None where whoever acts may apply."""
    if not draft.snapshot.owner:
        return None
    differing, unknown = set(), set()
    jobs = draft.desired.jobs.values() if draft.options.plans("permissions") else ()
    for job in jobs:
        if job.permissions is None or job.address not in draft.scope:
            continue
        for run in (one for one in draft.histories[job.address].all if one.visible):
            rows = draft.snapshot.access.get(run.id)
            if rows is None or isinstance(rows, Unavailable):
                unknown.add(job.address)
            elif not _is_as_declared(draft, job, run, rows):
                differing.add(job.address)
    owner = draft.snapshot.owner
    return View(owner, tuple(sorted(differing)), tuple(sorted(unknown)))


def _is_as_declared(draft: PlanDraft, job: DeclaredJob, run: Run, rows: Rows) -> bool:
    decision, model = draft.decisions.get(job.address), draft.desired.platform.permissions
    keeps = job.pinned == run.id or (decision is not None and is_current(decision, run))
    plan = plan_permissions.change_current if keeps else plan_permissions.change_reduced
    return plan(model, job, run, rows, run.owner) is None
