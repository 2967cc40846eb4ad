"""The permissions of one declared address: what every run of it is held to."""

from __future__ import annotations

from collections.abc import Iterable

from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    Action,
    DeclaredJob,
    EffectiveAccess,
    Run,
    Standing,
    Unavailable,
)
from jobsync.permission_model import PermissionModel, Rows, effective, manages
from jobsync.plan import plan_permissions
from jobsync.plan.builder import PlanDraft, add_problem
from jobsync.plan.decide import Decision
from jobsync.plan.history import ref
from jobsync.structs import replace


def plan_access(draft: PlanDraft, job: DeclaredJob) -> None:
    """Plan the permissions of every visible run of *job*: the declared grants (product §5)."""
    decision = draft.decisions.get(job.address)
    if decision is None or job.address not in draft.scope:
        return
    if job.permissions is None or not draft.options.plans("permissions"):
        return
    images = {}
    for run in draft.histories[job.address].all:
        if run.visible:
            image = draft.snapshot.access.get(run.id)
            if image is None or isinstance(image, Unavailable):
                reason = f"cannot be read: {image.reason}" if image else "were not read"
                add_problem(draft, job, f"permissions of run {run.id} {reason}")
            else:
                images[run.id] = (run, image)
    changes = [_of_new_run(draft, job, decision)]
    changes += [_of_run(draft, job, decision, *image) for image in images.values()]
    found = [change for change in changes if change is not None]
    if found:
        draft.access.extend(found)
        model = draft.desired.platform.permissions
        draft.effective.extend(_effective(model, job, found, images.values()))


def _of_new_run(draft: PlanDraft, job: DeclaredJob, decision: Decision) -> AccessChange | None:
    """The grants of the run that is submitted or restored."""
    me, model = draft.snapshot.user, draft.desired.platform.permissions
    if decision.action is None:
        return None
    if decision.action is Action.RESTORE and decision.before is not None:
        return _safe(draft, job, plan_permissions.change_new(model, job, me, ref(decision.before)))
    return _safe(draft, job, plan_permissions.change_new(model, job, me))


def _of_run(
    draft: PlanDraft, job: DeclaredJob, decision: Decision, run: Run, image: Rows
) -> AccessChange | None:
    if plan_permissions.is_as_declared(job, image):
        return None
    me, model = draft.snapshot.user, draft.desired.platform.permissions
    for row, name in plan_permissions.other_spellings(model, job, image):
        draft.warnings.append(
            f"{job.address}: run {run.id} has an entry for {row}, which the service may not apply "
            f"to {name}; if {name} has no access, revoke it: "
            f"{draft.desired.platform.revoke_command(run.id, row)}"
        )
    change = (
        plan_permissions.change_current(model, job, run, image, me)
        if is_current(decision, run) or job.pinned == run.id
        else plan_permissions.change_reduced(model, job, run, image, me)
    )
    if change and me != run.owner and not manages(model, effective(model, image, run.owner, me)):
        add_problem(draft, job, _not_managed(model, run))
        return None
    return _safe(draft, job, change)


def _not_managed(model: PermissionModel, run: Run) -> str:
    if not model.managing:
        text = f"only {run.owner} can change the permissions of run {run.id}"
        return f"{text}: remove permissions from the job"
    text = f"you do not have {model.managing} on run {run.id}, so you cannot change its permissions"
    return f"{text}; ask {run.owner} for it, or remove permissions from the job"


def is_current(decision: Decision, run: Run) -> bool:
    """Whether *run* gets what is declared; all others are only reduced."""
    return (
        decision.action is None
        and decision.run is not None
        and run.id == decision.run.id
        and decision.standing not in (Standing.FAILED, Standing.STOPPED)
    )


def _safe(draft: PlanDraft, job: DeclaredJob, change: AccessChange | None) -> AccessChange | None:
    """*change*, None when nothing is left of it; what is left out of it is named."""
    if change is None:
        return None
    if change.left_out:
        run = f"run {change.run.id}" if change.run else "the new run"
        text = f"{', '.join(change.left_out)}: the access to {run} stays as it is"
        why = f"no order of the changes is safe for {draft.snapshot.user}"
        add_problem(draft, job, f"{text}, because {why}")
    return change if change.grants or change.image is None else None


def _effective(
    model: PermissionModel,
    job: DeclaredJob,
    changes: Iterable[AccessChange],
    images: Iterable[tuple[Run, Rows]],
) -> list[EffectiveAccess]:
    """What everybody can do with each run of the address, before and after *changes*.

    Before a run is there or can be seen, that is what they can do with the others: who has had
    access to the job gains nothing by its next run.
    """
    written = {change.run.id: change.grants for change in changes if change.run}
    found: list[EffectiveAccess] = []
    now: dict[str, Access] = {}
    for run, image in images:
        after = plan_permissions.outcome(image, written.pop(run.id, ()))
        found += plan_permissions.compare(model, job.address, run.id, run.owner, image, after)
    for row in found:
        now[row.user] = model.access(now.get(row.user, NO_ACCESS).gives | row.before.gives)
    for change in changes:
        if change.run is None or change.run.id in written:
            run_id = change.run.id if change.run else ""
            after = plan_permissions.outcome({}, change.grants)
            rows = plan_permissions.compare(model, job.address, run_id, change.owner, {}, after)
            found += [replace(row, before=now.get(row.user, NO_ACCESS)) for row in rows]
    return found
