"""A plan that was reviewed, against what would be planned now. Pure.

Nothing in a saved plan is believed. The plan is made anew, and what is carried out is taken from
the new one: of it, what the saved one has as well. So a file can only leave things out.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.errors import PlanFileError, StalePlan
from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    Action,
    Address,
    Change,
    DesiredState,
    JobChange,
    OutputChange,
    Plan,
    Snapshot,
)
from jobsync.plan.check import refuse_api
from jobsync.plan.decisions import deciding, decision, digest
from jobsync.plan.guards import hazards
from jobsync.plan.history import histories
from jobsync.plan.seal import sealed
from jobsync.structs import Struct, replace

VARIABLE = "variable "
"""What the name of a variable begins with among the sources of a plan."""


class Stale(Struct, frozen=True):
    """A change of a saved plan that would not be planned now, and what has changed since."""

    change: Change
    why: str


def reviewed(
    saved: Plan, fresh: Plan, desired: DesiredState, snapshot: Snapshot, allow: frozenset[str]
) -> tuple[Plan, tuple[Stale, ...]]:
    """The part of *saved* that is still to be done, and the changes that are stale.

    *fresh* was built from *desired* and *snapshot* with the options of *saved*. The returned plan
    is a part of *fresh*, with the hazards of that part, which only *allow* and the manifests can
    accept. Raises :class:`PlanFileError` when *saved* is for another target, service or user, and
    :class:`StalePlan` when it is for another kind of service.
    """
    refuse_api(saved, desired.platform)
    _same_place(saved, fresh)
    moved = _moved(sealed(saved), sealed(fresh))
    known: set[Address] = set()
    fetched: set[Address] = set()
    for change in (*saved.changes, *saved.awaiting):
        if change.address not in moved:
            (fetched if isinstance(change, OutputChange) else known).add(change.address)
    changes = tuple(
        change
        for change in fresh.changes
        if change.address in (fetched if isinstance(change, OutputChange) else known)
    )
    part = replace(
        fresh,
        changes=changes,
        awaiting=tuple(change for change in fresh.awaiting if change.address in fetched),
        hazards=hazards(desired, snapshot, histories(desired, snapshot), changes, allow),
        effective=tuple(row for row in fresh.effective if row.address in known),
        superseded=sum(isinstance(c, JobChange) and c.action is Action.REPLACE for c in changes),
    )
    stale = (Stale(c, moved[c.address]) for c in saved.changes if c.address in moved)
    return part, tuple(stale)


def refuse_other_manifests(saved: Plan, desired: DesiredState) -> None:
    """Raise :class:`StalePlan`, with the differences, when *saved* was made from other
    manifests."""
    if saved.manifest_digest == desired.digest:
        return
    before, now = saved.sources, desired.sources
    told = [f"{name} is missing" for name in sorted(before.keys() - now.keys())]
    told += [f"{name} is new" for name in sorted(now.keys() - before.keys())]
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            how = "another value" if name.startswith(VARIABLE) else "changed"
            told.append(f"{name} has {how}")
    raise StalePlan(
        f"the manifests differ from those of this plan: {'; '.join(told) or 'they have changed'}",
        hint="plan again, or check out the commit that was planned and pass the same --var",
    )


def refuse_other_plan(plan: Plan, expected: str) -> None:
    """Raise :class:`StalePlan` when the digest of *plan* is not *expected*."""
    if (found := digest(plan)) != expected:
        raise StalePlan(
            f"this is not the plan that was reviewed: its digest is {found}, not {expected}",
            hint="review the new plan, or pass the reviewed one with --plan to see what differs",
        )


def _same_place(saved: Plan, fresh: Plan) -> None:
    for what, planned, here in (
        ("project", saved.project, fresh.project),
        ("target", saved.target, fresh.target),
        ("service", saved.base_url, fresh.base_url),
        ("user", saved.user, fresh.user),
    ):
        if planned != here:
            raise PlanFileError(
                f"this plan was made for {what} {planned}, not for {here}",
                hint="plan again here",
            )


# --- what has moved ------------------------------------------------------------------------


def _moved(saved: Plan, fresh: Plan) -> dict[Address, str]:
    """The addresses of which *saved* decides what *fresh* does not, and how they differ."""
    planned, known = deciding(saved.changes), deciding(fresh.changes)
    return {
        address: _differ(was, now)
        for address, was in planned.items()
        if list(map(_all, was)) != list(map(_all, now := known.get(address, ())))
    }


def _all(change: Change) -> object:
    """What is decided in *change*, what else it sends, and what that depends on."""
    if isinstance(change, JobChange):
        more: object = (
            *(change.request, change.digests, change.needs, change.upstream),
            *(change.attempt, change.retries),
        )
    elif isinstance(change, AccessChange):
        more = (change.mode, change.owner, change.left_out)
    else:
        more = None
    return decision(change), more


def _differ(planned: tuple[Change, ...], now: tuple[Change, ...]) -> str:
    told = [*_inputs(planned, now), *_lists(planned, now)]
    if not told:
        told = [f"the decision has changed: it was to {_told(planned)}, and is now to {_told(now)}"]
    return "; ".join(told)


def _inputs(planned: tuple[Change, ...], now: tuple[Change, ...]) -> list[str]:
    """The inputs in the workspace that are not what they were."""
    before, after = _digests(planned), _digests(now)
    return [
        f"{uri} has changed since the plan"
        for uri in sorted(before.keys() & after.keys())
        if before[uri] != after[uri]
    ]


def _digests(changes: tuple[Change, ...]) -> dict[str, str]:
    return {u: d for c in changes if isinstance(c, JobChange) for u, d in c.digests.items()}


def _lists(planned: tuple[Change, ...], now: tuple[Change, ...]) -> list[str]:
    """What moved in the access lists that both look at."""
    before, after = _images(planned), _images(now)
    return [
        f"the permissions of run {run} have changed: {text}"
        for run in sorted(before.keys() & after.keys())
        if (text := _rows(before[run], after[run]))
    ]


def _images(changes: tuple[Change, ...]) -> dict[str, Mapping[str, Access]]:
    return {
        change.run.id: change.image
        for change in changes
        if isinstance(change, AccessChange) and change.run and change.image is not None
    }


def _rows(before: Mapping[str, Access], after: Mapping[str, Access]) -> str:
    pairs = (
        (user, before.get(user, NO_ACCESS), after.get(user, NO_ACCESS))
        for user in sorted(before.keys() | after.keys())
    )
    return ", ".join(f"{user} {was} -> {now}" for user, was, now in pairs if was != now)


def _told(changes: tuple[Change, ...]) -> str:
    return " and ".join(map(_one, changes)) or "do nothing"


def _one(change: Change) -> str:
    if isinstance(change, JobChange):
        run = f" run {change.before.id}" if change.before else ""
        return f"{change.action}{run} as {change.name}"
    if isinstance(change, AccessChange) and change.run:
        return f"change the permissions of run {change.run.id}"
    return "set the permissions of the new run"
