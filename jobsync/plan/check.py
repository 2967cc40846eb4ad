"""The last look before a plan is carried out: accepted, here, and still as it was."""

from __future__ import annotations

from jobsync.errors import Blocked, PlanFileError, StalePlan
from jobsync.model import (
    SUBMITS,
    AccessChange,
    Address,
    Basis,
    JobChange,
    Plan,
    RunState,
    Snapshot,
)
from jobsync.permission_model import is_named
from jobsync.platform import Platform


def check(plan: Plan, snapshot: Snapshot, allow: frozenset[str]) -> tuple[Address, ...]:
    """Refuse what nobody accepted; then say which addresses are no longer as they were.

    *snapshot* has been read again for the addresses of *plan*. Returns the stale addresses, to be
    left alone. Raises :class:`Blocked` for hazards that neither the plan nor *allow* accepts, and
    :class:`PlanFileError` when *snapshot* is of another target or user.
    """
    _same_place(plan, snapshot)
    refuse_hazards(plan, allow)
    touched = {change.address for change in plan.changes}
    stale = {
        address
        for address in touched & plan.basis.keys()
        if _moved(plan.basis[address], address, plan, snapshot)
    }
    stale.update(
        change.address
        for change in plan.changes
        if isinstance(change, AccessChange) and _image_moved(change, snapshot)
    )
    return tuple(sorted(stale))


def refuse_api(plan: Plan, platform: Platform) -> None:
    """Raise :class:`StalePlan` for a plan of jobs of another platform: nothing in it would mean the
    same here. Raise :class:`PlanFileError` where a word for permissions is not the one for what it
    gives: hazards look at the one, and the service is sent the other."""
    if plan.api != platform.name:
        raise StalePlan(
            f"this plan was made for a service of api {plan.api}, and target {plan.target} is now "
            f"one of {platform.name}",
            hint="plan again",
        )
    model = platform.permissions
    for change in plan.changes:
        for grant in change.grants if isinstance(change, AccessChange) else ():
            if not (is_named(model, grant.before) and is_named(model, grant.after)):
                text = f"{change.address}: {grant.after} for {grant.user} means something else"
                raise PlanFileError(text, hint="this plan was edited: plan again")


def refuse_hazards(plan: Plan, allow: frozenset[str]) -> None:
    """Raise :class:`Blocked` for hazards that neither the plan nor *allow* accepts."""
    still_open = [h for h in plan.hazards if not h.accepted and h.name not in allow]
    if still_open:
        raise Blocked(
            "\n".join(f"{hazard.name}: {hazard.message}" for hazard in still_open),
            hint="accept with " + " ".join(hazard.accept for hazard in still_open),
        )


def _same_place(plan: Plan, snapshot: Snapshot) -> None:
    for what, planned, here in (
        ("target", plan.target, snapshot.target),
        ("service", plan.base_url, snapshot.base_url),
        ("user", plan.user, snapshot.user),
    ):
        if planned != here:
            raise PlanFileError(
                f"this plan was made for {what} {planned}, not for {here}",
                hint="plan again here",
            )


def _moved(basis: Basis, address: Address, plan: Plan, snapshot: Snapshot) -> bool:
    now = {run.id: run for run in snapshot.runs}
    for run_id, (state, visible) in basis.runs.items():
        run = now.pop(run_id, None)
        if run is None or run.visible != visible:
            return True
        finished = (state, run.state) == (RunState.ACTIVE, RunState.FINISHED)
        if run.name in basis.names and run.state is not state and not finished:
            return True  # how a superseded run ends decides nothing
    if any(run.owner == plan.user and run.name in basis.names for run in now.values()):
        return True
    submits = any(
        isinstance(change, JobChange) and change.address == address and change.action in SUBMITS
        for change in plan.changes
    )
    return submits and not snapshot.confirmed.issuperset(basis.names)


def _image_moved(change: AccessChange, snapshot: Snapshot) -> bool:
    if change.run is None or change.image is None:
        return False
    return snapshot.access.get(change.run.id) != change.image
