"""What a plan decides, without how far things are and how it is told: what a reviewer agrees to.

The digest of it names a plan. Two clones come to the same one, and so does a later look, as long as
the same would be done: a run that goes on, ends or has its files fetched does not move it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from jobsync.model import AccessChange, Address, Change, JobChange, OutputChange, Plan, Reason


def deciding(changes: Iterable[Change]) -> dict[Address, tuple[Change, ...]]:
    """The changes that a reviewer decides on, by address, in their order.

    Fetches are left out. So are stops of superseded runs, where the plan may stop any: which of
    them are still active by then is no decision.
    """
    found: dict[Address, tuple[Change, ...]] = {}
    for change in changes:
        if isinstance(change, OutputChange):
            continue
        if isinstance(change, JobChange) and change.reason is Reason.SUPERSEDED:
            continue
        found[change.address] = (*found.get(change.address, ()), change)
    return found


def decision(change: Change) -> list[object]:
    """The part of *change* that a reviewer agrees to, as JSON values."""
    if isinstance(change, JobChange):
        run = change.before.id if change.before else None
        return ["job", str(change.action), str(change.reason), change.name, run]
    if isinstance(change, AccessChange):
        grants = [[grant.user, str(grant.before), str(grant.after)] for grant in change.grants]
        image = change.image
        before = None if image is None else {user: str(image[user]) for user in sorted(image)}
        return ["permissions", change.run.id if change.run else None, before, grants]
    return ["output"]


def digest(plan: Plan) -> str:
    """The SHA-256 of the decisions of *plan*: 64 hexadecimal digits."""
    document = {
        "manifests": plan.manifest_digest,
        "target": plan.target,
        "service": plan.base_url,
        "user": plan.user,
        "may_stop": plan.options.stop_superseded,
        "decisions": {
            address: list(map(decision, changes))
            for address, changes in deciding(plan.changes).items()
        },
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
