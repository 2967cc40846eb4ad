"""The decision for one address, once its finished runs were looked through: some miss files."""

from __future__ import annotations

from jobsync.errors import Problem
from jobsync.model import DeclaredJob, RunState, Standing
from jobsync.plan import overwriting, plan_outputs
from jobsync.plan.builder import PlanDraft
from jobsync.plan.decide import Decision, decide, decide_pinned
from jobsync.plan.diff import drift
from jobsync.plan.history import History
from jobsync.plan.records import request_of, untold
from jobsync.plan.references import References
from jobsync.plan.retrying import asks_again
from jobsync.plan.viewing import as_seen, not_seen
from jobsync.structs import replace

FINISHED = frozenset({Standing.CURRENT, Standing.INCOMPLETE})
"""How an address may stand whose run has finished."""


def decision_of(draft: PlanDraft, job: DeclaredJob, history: History) -> Decision | None:
    """The decision for *job*; None when it cannot be made, and ``draft.problems`` says why.

    Afterwards ``draft.found`` has the state of the outputs of its finished run.
    """
    owner = draft.snapshot.owner
    if job.pinned is None:
        decision = _decided(draft, job, history)
        return as_seen(job, history, decision, owner) if owner else decision
    found = decide_pinned(job, history, draft.desired.platform)
    if isinstance(found, Problem):
        if owner:  # the owner of the set may see it
            return not_seen(job, history, owner)
        draft.problems.append(found)
        return None
    return _looked_through(draft, job, _checked_pin(draft, job, found))


def _decided(draft: PlanDraft, job: DeclaredJob, history: History) -> Decision:
    """The row of the table, and the retry that was asked for."""
    seen, lines, platform = draft.snapshot, draft.lines, draft.desired.platform
    finished = plan_outputs.finished(history.exact) if plan_outputs.declares_outputs(job) else ()
    recorded = frozenset(r.id for r in finished if plan_outputs.is_recorded(job, r, seen, lines))
    incomplete = {r.id for r in finished if plan_outputs.is_incomplete(job, r, seen, lines)}
    accepted = draft.options.allow | draft.desired.guards.allow
    overwritten: dict[str, Decision] = {}
    while True:
        decision = decide(
            job, history, platform, recorded=recorded, incomplete=frozenset(incomplete)
        )
        decision = overwriting.checked(job, history, decision, draft.writers, accepted)
        run = decision.run
        if run is None or decision.standing is not Standing.INCOMPLETE or run.id in incomplete:
            break
        overwritten[run.id] = decision
        if run.state is not RunState.FINISHED:
            break
        incomplete.add(run.id)
    if run is not None and run.id in overwritten:
        decision = overwritten[run.id]
    else:
        decision = _looked_through(draft, job, decision)
    if not asks_again(draft.options, job, decision):
        return decision
    draft.retried.add(job.address)
    again = decide(job, history, platform, retry_asked=True, incomplete=frozenset(incomplete))
    missing = decision.notes if decision.standing is Standing.INCOMPLETE else ()
    return replace(again, notes=(*again.notes, *missing))


def _looked_through(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> Decision:
    """*decision*, and what the outputs of its finished run say: that may be ``incomplete``."""
    if decision.run is None or decision.standing not in FINISHED:
        return decision
    found = plan_outputs.of_finished(job, decision.run, draft.snapshot, draft.lines, draft.places)
    draft.found[job.address] = found
    if not found.missing:
        return decision
    notes = (*decision.notes, *found.missing)
    return replace(decision, standing=Standing.INCOMPLETE, notes=notes)


def _checked_pin(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> Decision:
    """A pinned run that is not what is declared is an error; what the service dropped is a note."""
    run = decision.run
    if run is None or not job.request:
        return decision
    if request_of(run, draft.desired.platform) is None:
        note = f"{untold(run)}, so it is not compared"
        return replace(decision, notes=(*decision.notes, note))
    upstream = {up: draft.histories[up].all for up in job.upstream if up in draft.histories}
    app = draft.snapshot.apps.get(run.app_id)
    drifted, dropped = drift(job, run, References(draft.desired.platform, upstream), app)
    for change in drifted:
        draft.problems.append(
            Problem(
                change.where,
                f"{job.address}: {change.path} is {change.after!r}, but run {run.id} was made "
                + ("without it" if change.before is None else f"with {change.before!r}"),
                "remove id to run it again",
            )
        )
    why = "was dropped by the service"
    if app is None:
        why = "is not in the run's record: the service dropped it, or the run was made without it"
    notes = tuple(f"{change.path} {why}" for change in dropped)
    return replace(decision, notes=(*decision.notes, *notes))
