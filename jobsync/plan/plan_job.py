"""One declared address: its run, its outputs, and how it stands after all."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.errors import Problem
from jobsync.model import (
    HOW_STUCK,
    SUBMITS,
    Action,
    AddressState,
    Basis,
    DeclaredJob,
    JobChange,
    OutputChange,
    Reason,
    Run,
    RunState,
    Standing,
)
from jobsync.plan import plan_outputs
from jobsync.plan.builder import PlanDraft, add_problem, on_run
from jobsync.plan.decide import Decision, unconfirmed
from jobsync.plan.deciding import FINISHED, decision_of
from jobsync.plan.history import History, attempt_name, copies, live, ref
from jobsync.plan.node_hours import attempts
from jobsync.plan.notes import notes_on
from jobsync.plan.reasons import why_replaced
from jobsync.plan.renames import former_name, former_note, renamed_notes
from jobsync.plan.retrying import RETRIED, can_retry
from jobsync.platform import Platform
from jobsync.structs import replace

_RUNS = frozenset({Standing.CURRENT, Standing.IN_PROGRESS})


def plan_address(draft: PlanDraft, job: DeclaredJob) -> None:
    """All of one address but its permissions."""
    history = draft.histories[job.address]
    decision = decision_of(draft, job, history)
    if decision is None:
        return
    draft.decisions[job.address] = decision
    if job.address in draft.scope:
        decision = _plan_run(draft, job, history, decision)
        _plan_outputs(draft, job, decision)
        _plan_stops(draft, job, history, decision)
        _note_duplicates(draft, job, history)
        draft.basis[job.address] = _basis(decision, history)
        _set_state(draft, job, decision)
    draft.decisions[job.address] = decision


def note_needs(draft: PlanDraft) -> None:
    """The needed jobs out of scope that have a run: what takes their outputs has to know it."""
    jobs = draft.desired.jobs
    for address in sorted(draft.scope & jobs.keys()):
        for need in jobs[address].needs:
            decision = draft.decisions.get(need)
            if need not in draft.states and decision and decision.standing in _RUNS:
                _set_state(draft, jobs[need], decision)


def _plan_run(draft: PlanDraft, job: DeclaredJob, history: History, decision: Decision) -> Decision:
    """Add the submit or restore that *decision* asks for, unless something stands in its way."""
    if decision.action is None:
        if decision.run is not None:
            notes = notes_on(draft, job, decision.run)
            if notes:
                decision = replace(decision, notes=(*decision.notes, *notes))
        return decision
    if not draft.options.plans("jobs"):
        return replace(decision, action=None)
    if decision.action in SUBMITS and (blockers := _blockers(draft, job)):
        return replace(decision, action=None, standing=Standing.BLOCKED, notes=blockers)
    for name in unconfirmed(decision, draft.snapshot):
        draft.problems.append(
            Problem(
                job.where,
                f"{job.address}: the service was not asked whether it has a run named {name}",
                "the snapshot is incomplete, so nothing was submitted",
            )
        )
    draft.jobs.append(_job_change(draft, job, decision))
    return decision


def _blockers(draft: PlanDraft, job: DeclaredJob) -> tuple[str, ...]:
    """Why a job cannot be submitted: what it needs has failed, is not known to have produced what
    it must, or is not run by this plan."""
    notes = []
    for need in sorted(set(job.needs) & draft.desired.jobs.keys()):
        decision = draft.decisions.get(need)
        if decision is None:
            continue
        if decision.standing in HOW_STUCK:
            notes.append(f"needs {need}, which {HOW_STUCK[decision.standing]}")
        elif decision.standing is Standing.PENDING and need not in draft.scope:
            notes.append(f"needs {need}, which has not run and is excluded")
        elif need in draft.found and draft.found[need].unread:
            notes.append(f"needs {need}, whose {draft.found[need].unread}")
    return tuple(notes)


def _job_change(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> JobChange:
    before = decision.before
    change = JobChange(
        address=job.address,
        action=decision.action or Action.CREATE,
        reason=decision.reason,
        # A restored run keeps the name that it was submitted with, also a former one.
        name=before.name
        if decision.action is Action.RESTORE and before
        else attempt_name(draft.desired.platform, job.name, decision.attempt),
        attempt=decision.attempt,
        upstream=job.upstream,
        needs=job.needs,
        before=ref(before) if before else None,
        retries=job.retries,
        notes=decision.notes,
        where=job.where,
    )
    desired = draft.desired
    if decision.action is Action.RESTORE:
        notes = former_note(desired, job, before) if before else ()
        return replace(change, notes=(*change.notes, *notes))
    if before and (was := former_name(desired, job, before)):
        change = replace(change, notes=(*change.notes, f"was {was}"))
    app = draft.snapshot.apps.get(desired.platform.app_id(job.request))
    hours = desired.platform.node_hours(job.request, app)
    # An upper bound: every attempt that the declaration allows may fail at its very end.
    if hours is not None:
        hours *= attempts(decision.attempt, job.retries)
    change = replace(
        change,
        request=job.request,
        digests=_submit_digests(desired.platform, job),
        node_hours=hours,
        places=job.places,
    )
    # A new job may be an old one that was renamed; its finished run would be lost from sight.
    if decision.action is Action.CREATE:
        notes = renamed_notes(desired.platform, job, draft.undeclared)
        return replace(change, notes=(*change.notes, *notes))
    if decision.action is not Action.REPLACE or before is None:
        return change
    why = why_replaced(job, before, desired, draft.histories, draft.decisions, draft.snapshot)
    notes = (*change.notes, *why.notes, *_still_active(draft, job))
    return replace(change, reason=why.reason, fields=why.fields, notes=notes)


def _submit_digests(platform: Platform, job: DeclaredJob) -> Mapping[str, str]:
    """What is read again just before *job* is submitted: its inputs, and its app."""
    app = {f"apps/{platform.app_id(job.request)}": job.app.digest} if job.app else {}
    return {**job.digests, **app}


def _still_active(draft: PlanDraft, job: DeclaredJob) -> tuple[str, ...]:
    if draft.options.stop_superseded:
        return ()
    return tuple(
        f"run {run.id} is still {run.status}; --stop-superseded stops it"
        for run in draft.histories[job.address].older
        if run.state is RunState.ACTIVE
    )


def _plan_outputs(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> None:
    """Add what is to fetch."""
    wanted = draft.options.plans("outputs")
    change: OutputChange | None = None
    if decision.action is Action.RESTORE and decision.before is not None:
        change = plan_outputs.of_hidden(
            job, decision.before, draft.snapshot, draft.lines, draft.places
        )
    elif decision.action is not None:
        change = plan_outputs.later(job, None)
    elif decision.standing is Standing.IN_PROGRESS and decision.run is not None:
        if (awaited := plan_outputs.later(job, decision.run)) and wanted:
            draft.awaiting.append(awaited)
    elif decision.standing in FINISHED and job.address in draft.found:
        found = draft.found[job.address]
        change = found.change
        for problem in found.problems:
            add_problem(draft, job, problem)
    if change is not None and wanted:
        draft.outputs.append(change)
        told = plan_outputs.kept_back(change, draft.lines)
        draft.warnings.extend(f"{job.address}: {text}" for text in told)


def _plan_stops(draft: PlanDraft, job: DeclaredJob, history: History, decision: Decision) -> None:
    """Stop superseded runs that are still active, when that was asked for."""
    if not (draft.options.stop_superseded and draft.options.plans("jobs")):
        return
    if decision.standing is Standing.BLOCKED or job.pinned is not None:
        return
    for run in history.older:
        if run.state is RunState.ACTIVE:
            draft.jobs.append(on_run(job.address, Action.STOP, Reason.SUPERSEDED, run, job))


def _note_duplicates(draft: PlanDraft, job: DeclaredJob, history: History) -> None:
    copied = copies((*history.exact, *history.again)) if job.pinned is None else {}
    named: dict[str, list[Run]] = {}
    for run in live(history.exact) if job.pinned is None else ():
        if run.id not in copied:
            named.setdefault(run.name, []).append(run)
    for runs in named.values():
        ids = [run.id for run in runs]
        if len(ids) > 1:
            draft.duplicates[job.address] = (*draft.duplicates.get(job.address, ()), *ids)
            # Without its tags a run that a person submitted again cannot be told from a double.
            untold = any(run.number and not run.sent for run in runs)
            draft.warnings.append(
                f"{job.address}: {len(ids)} runs with the same name: {', '.join(ids)} "
                f"(the first is current{'; hide those that you do not want' if untold else ''})"
            )
    _note_copies(draft, job, history, copied)
    for name in history.names if draft.foreign else ():
        for run in draft.foreign.get(name, ()):
            draft.warnings.append(
                f"{job.address}: run {run.id} of {run.owner} has exactly this name"
            )


def _note_copies(
    draft: PlanDraft, job: DeclaredJob, history: History, copied: Mapping[str, Run]
) -> None:
    """Say which runs a person has submitted again; *copied* has what each is a copy of."""
    for run in (*history.exact, *history.again):
        if run.visible and run.id in copied:
            other = " with another request, so it never becomes the current run"
            draft.warnings.append(
                f"{job.address}: run {run.id} is run {copied[run.id].id}, which a person submitted "
                f"again{other if run in history.again else ''}"
            )


def _basis(decision: Decision, history: History) -> Basis:
    return Basis(
        decision.names,
        {run.id: (run.state, run.visible) for run in sorted(history.all, key=lambda r: r.id)},
    )


def _set_state(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> None:
    known = draft.states.get(job.address)
    notes = decision.notes
    if decision.standing in RETRIED and job.pinned is not None:
        notes = (*notes, "it is pinned to this run: remove id to run the job again")
    draft.states[job.address] = AddressState(
        job.address,
        decision.standing,
        ref(decision.run) if decision.run else None,
        notes=notes,
        problems=known.problems if known else (),
        retriable=can_retry(job, decision) and not draft.snapshot.owner,
    )
