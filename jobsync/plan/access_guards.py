"""Guards on access: to everybody, for too many at once, for oneself (product 6)."""

from __future__ import annotations

from jobsync.model import (
    WORLD,
    AccessChange,
    Hazard,
)
from jobsync.plan.access import effective, holders, outcome
from jobsync.plan.case import Case, hazard

MASS_REVOKE_PERCENT = 30
MASS_REVOKE_HOLDERS = 10


def public_access(case: Case) -> Hazard | None:
    found = {
        change.address
        for change in case.access
        for grant in change.grants
        if grant.user.lower() == WORLD
        and ((grant.after.read > grant.before.read) or (grant.after.write > grant.before.write))
    }
    if not found:
        return None
    return hazard("public-access", "grants access to everybody (world)", found, "none", len(found))


def mass_revoke(case: Case) -> Hazard | None:
    limit = case.desired.guards.mass_revoke
    users = {
        grant.user
        for change in case.access
        for grant in change.grants
        if grant.before != grant.after and not (grant.after.read or grant.after.write)
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
    me = case.snapshot.user
    owners = {run.id: run.owner for run in case.snapshot.runs}
    found = set()
    for change in case.access:
        if change.run is None or change.image is None:
            continue
        owner = owners.get(change.run.id, me)
        before = effective(change.image, owner, me)
        after = effective(outcome(change.image, change.grants), owner, me)
        if before.write and not after.write:
            found.add(change.address)
    if not found:
        return None
    message = f"{me} will no longer be able to manage a run of somebody else"
    return hazard("self-lockout", message, found, "none", len(found))
