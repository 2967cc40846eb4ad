"""Guards on access: to everybody, for too many at once, for oneself (product §6)."""

from __future__ import annotations

from jobsync.model import (
    NO_ACCESS,
    AccessChange,
    Hazard,
)
from jobsync.permission_model import PermissionModel, holders
from jobsync.plan.guard_context import Case, hazard
from jobsync.plan.plan_permissions import outcome
from jobsync.plan.write_order import Aim, can_write, certain, level

MASS_REVOKE_PERCENT = 30
MASS_REVOKE_HOLDERS = 10


def public_access(case: Case) -> Hazard | None:
    """The hazard ``public-access``: the plan gives everybody more access than before."""
    model = case.desired.platform.permissions
    found = {
        change.address
        for change in case.access
        for grant in change.grants
        if model.everybody
        and model.folded(grant.user) == model.everybody
        and not grant.after.gives <= grant.before.gives
    }
    if not found:
        return None
    message = f"grants access to everybody ({model.everybody})"
    return hazard("public-access", message, found, "none", len(found))


def mass_revoke(case: Case) -> Hazard | None:
    """The hazard ``mass-revoke``: too many users lose all their access.

    They are too many when they are more than the limit of the set, over all runs, or a large share
    of the users of one run.
    """
    limit = case.desired.guards.mass_revoke
    users = {
        grant.user
        for change in case.access
        for grant in change.grants
        if grant.before != grant.after == NO_ACCESS
    }
    addresses = {change.address for change in case.access if _lost(change)}
    if len(users) > limit:
        message = f"{len(users)} users lose their access"
        return hazard("mass-revoke", message, addresses, f"{limit} users", f"{len(users)} users")
    shares = {change.address: share for change in case.access if (share := _share_lost(change))}
    if not shares:
        return None
    most = max(shares.values())
    message = f"{most} % of those who hold access to a run lose it"
    limit_text = f"{MASS_REVOKE_PERCENT} % of {MASS_REVOKE_HOLDERS} or more"
    return hazard("mass-revoke", message, set(shares), limit_text, f"{most} %")


def _lost(change: AccessChange) -> frozenset[str]:
    before = change.image or {}
    return holders(before) - holders(outcome(before, change.grants))


def _share_lost(change: AccessChange) -> int:
    """The percentage of holders who lose all, when it is over the limit; else 0."""
    held = len(holders(change.image or {}))
    lost = len(_lost(change))
    over = held >= MASS_REVOKE_HOLDERS and lost * 100 > MASS_REVOKE_PERCENT * held
    return -(-lost * 100 // held) if over else 0


def self_lockout(case: Case) -> Hazard | None:
    """The hazard ``self-lockout``: the acting user loses control of another user's run."""
    me, model = case.snapshot.user, case.desired.platform.permissions
    found = {change.address for change in case.access if _locks_out(model, change, me)}
    if not found:
        return None
    message = f"{me} will no longer be able to manage another user's run"
    return hazard("self-lockout", message, found, "none", len(found))


def _locks_out(model: PermissionModel, change: AccessChange, me: str) -> bool:
    """Whether *me* can make no further change after any of the writes."""
    if change.run is None or change.image is None:
        return False
    aim = Aim(model, change.image, outcome(change.image, change.grants), change.owner, me)
    known = certain(change.image)
    for grant in change.grants:
        known[grant.user] = frozenset({level(grant)})
        if not can_write(aim, known):
            return True
    return False
