"""Runs against users: what everybody can do with every run of a declared address."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.model import (
    AccessChange,
    Address,
    DesiredState,
    EffectiveAccess,
    Plan,
    Snapshot,
    Unavailable,
)
from jobsync.permission_model import Rows, effective
from jobsync.plan.history import histories
from jobsync.plan.plan_permissions import outcome


def matrix(desired: DesiredState, snapshot: Snapshot, plan: Plan) -> tuple[EffectiveAccess, ...]:
    """What each known user can do with each visible run, now and once *plan* is carried out.

    Users are all those with a row on any of the runs, now or after. A run whose list was not or
    could not be read is left out; ``AddressState.problems`` of the plan names it.
    """
    grants = {
        change.run.id: change.grants
        for change in plan.changes
        if isinstance(change, AccessChange) and change.run is not None
    }
    sides: dict[tuple[Address, str, str], tuple[Rows, Rows]] = {}
    for address, history in sorted(histories(desired, snapshot).items()):
        for run in history.all:
            rows = snapshot.access.get(run.id)
            if run.visible and isinstance(rows, Mapping):
                after = outcome(rows, grants.get(run.id, ()))
                sides[address, run.id, run.owner] = (rows, after)
    model = desired.platform.permissions
    users = sorted({user for both in sides.values() for one in both for user in one})
    return tuple(
        EffectiveAccess(
            address,
            run_id,
            user,
            effective(model, before, owner, user),
            effective(model, after, owner, user),
        )
        for (address, run_id, owner), (before, after) in sides.items()
        for user in users
    )


def unlisted(desired: DesiredState, snapshot: Snapshot) -> tuple[tuple[Address, str], ...]:
    """The visible runs, by address and id, of which it could not be read who has access."""
    return tuple(
        (address, run.id)
        for address, history in sorted(histories(desired, snapshot).items())
        for run in history.all
        if run.visible and isinstance(snapshot.access.get(run.id), Unavailable)
    )
