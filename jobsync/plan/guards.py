"""Guards: what a person has to accept by name before a plan is carried out.

Planning is never blocked. A hazard says its limit, what the plan comes to, and how to accept it
(product 6). Consent is by name, on the command line or in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jobsync.identity import RunName
from jobsync.model import (
    SUBMITS,
    WORLD,
    AccessChange,
    Action,
    Address,
    Change,
    DesiredState,
    Hazard,
    JobChange,
    RunState,
    Snapshot,
)
from jobsync.plan.access import effective, holders, outcome
from jobsync.plan.history import History
from jobsync.plan.hours import total

MASS_REVOKE_PERCENT = 30
MASS_REVOKE_HOLDERS = 10


@dataclass(frozen=True, slots=True)
class Case:
    """All that a guard may look at."""

    desired: DesiredState
    snapshot: Snapshot
    histories: Mapping[Address, History]
    jobs: tuple[JobChange, ...]
    access: tuple[AccessChange, ...]

    @property
    def submits(self) -> tuple[JobChange, ...]:
        return tuple(change for change in self.jobs if change.action in SUBMITS)


def hazards(
    desired: DesiredState,
    snapshot: Snapshot,
    histories: Mapping[Address, History],
    changes: Iterable[Change],
    allow: frozenset[str],
) -> tuple[Hazard, ...]:
    """Every hazard of *changes*, by name; accepted where *allow* or the manifest says so."""
    listed = tuple(changes)
    case = Case(
        desired,
        snapshot,
        histories,
        tuple(change for change in listed if isinstance(change, JobChange)),
        tuple(change for change in listed if isinstance(change, AccessChange)),
    )
    accepted = allow | desired.guards.allow
    found = [hazard for guard in GUARDS if (hazard := guard(case)) is not None]
    return tuple(
        Hazard(h.name, h.message, h.addresses, h.name in accepted, h.limit, h.actual)
        for h in sorted(found, key=lambda hazard: hazard.name)
    )


# --- the guards, one function each ------------------------------------------------------


def _public_access(case: Case) -> Hazard | None:
    found = {
        change.address
        for change in case.access
        for grant in change.grants
        if grant.user == WORLD
        and ((grant.after.read > grant.before.read) or (grant.after.write > grant.before.write))
    }
    if not found:
        return None
    return _hazard("public-access", "grants access to everybody (world)", found, "none", len(found))


def _mass_revoke(case: Case) -> Hazard | None:
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
        return _hazard("mass-revoke", message, addresses, f"{limit} users", f"{len(users)} users")
    shares = {change.address: share for change in case.access if (share := _share_lost(change))}
    if not shares:
        return None
    most = max(shares.values())
    message = f"{most} % of those who hold access to a run lose it"
    limit_text = f"{MASS_REVOKE_PERCENT} % of {MASS_REVOKE_HOLDERS} or more"
    return _hazard("mass-revoke", message, set(shares), limit_text, f"{most} %")


def _lost(change: AccessChange) -> frozenset[str]:
    before = change.image or {}
    return holders(before) - holders(outcome(before, change.grants))


def _share_lost(change: AccessChange) -> int:
    """The percentage of holders who lose all, when it is over the limit; else 0."""
    held = len(holders(change.image or {}))
    lost = len(_lost(change))
    over = held >= MASS_REVOKE_HOLDERS and lost * 100 > MASS_REVOKE_PERCENT * held
    return -(-lost * 100 // held) if over else 0


def _self_lockout(case: Case) -> Hazard | None:
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
    return _hazard("self-lockout", message, found, "none", len(found))


def _delete_jobs(case: Case) -> Hazard | None:
    found = [change for change in case.jobs if change.action is Action.DELETE]
    if not found:
        return None
    message = f"hides {_count(found, 'job')} that nothing declares"
    return _hazard("delete-jobs", message, _addresses(found), "none", len(found))


def _stop_running(case: Case) -> Hazard | None:
    active = {run.id for run in case.snapshot.runs if run.state is RunState.ACTIVE}
    found = [
        change
        for change in case.jobs
        if change.action in (Action.STOP, Action.DELETE)
        and change.before is not None
        and change.before.id in active
    ]
    if not found:
        return None
    message = f"stops {_count(found, 'job')} that may still be running"
    return _hazard("stop-running", message, _addresses(found), "none", len(found))


def _mass_submit(case: Case) -> Hazard | None:
    limit, count = case.desired.guards.mass_submit, len(case.submits)
    if count <= limit:
        return None
    message = f"submits {count} jobs"
    return _hazard("mass-submit", message, _addresses(case.submits), limit, count)


def _over_budget(case: Case) -> Hazard | None:
    limit = case.desired.guards.max_node_hours
    known, unknown = total(case.jobs)
    if limit is None or (known <= limit and not unknown):
        return None
    actual = f"{known:.1f}" + (f" and {unknown} unknown" if unknown else "")
    message = f"may use {actual} node-hours"
    return _hazard(
        "over-budget", message, _addresses(case.submits), f"{limit:g} (guards.maxNodeHours)", actual
    )


def _rerun_finished(case: Case) -> Hazard | None:
    limit = case.desired.guards.rerun_node_hours
    finished = {run.id for run in case.snapshot.runs if run.state is RunState.FINISHED}
    found = [
        change
        for change in case.submits
        if change.action is Action.REPLACE and change.before and change.before.id in finished
    ]
    known, _ = total(found)
    if known <= limit:
        return None
    message = f"runs {_count(found, 'finished job')} again for up to {known:.1f} node-hours"
    limit_text = f"{limit:g} (guards.rerunNodeHours)"
    return _hazard("rerun-finished", message, _addresses(found), limit_text, f"{known:.1f}")


def _overwrite_archive(case: Case) -> Hazard | None:
    found = [change for change in case.submits if _archive_used(change, case)]
    if not found:
        return None
    message = f"{_count(found, 'job')} would write where an earlier run has its files (archivePath)"
    return _hazard("overwrite-archive", message, _addresses(found), "none", len(found))


def _archive_used(change: JobChange, case: Case) -> bool:
    if (path := literal_archive(change.request)) is None:
        return False
    earlier = case.histories[change.address].all if change.address in case.histories else ()
    if any(run.request is None and _same_meaning(run.name, change.name) for run in earlier):
        return True
    return any(
        run.request is not None and _stripped(run.request.get("archivePath")) == path[1]
        for run in case.snapshot.runs
    )


def literal_archive(request: Mapping[str, object]) -> tuple[str, str] | None:
    """(system, path) that a run would archive to, when the manifest names it without a macro."""
    path = _stripped(request.get("archivePath"))
    if not path or "${" in path or request.get("archive") is False:
        return None
    return str(request.get("archiveSystem") or ""), path


def _stripped(value: object) -> str:
    return value.strip("/") if isinstance(value, str) else ""


def _same_meaning(one: str, other: str) -> bool:
    first, second = RunName.parse(one), RunName.parse(other)
    return bool(first and second and first.fingerprint == second.fingerprint)


def _foreign_owner(case: Case) -> Hazard | None:
    ours = {_base(change.name): change.address for change in case.submits}
    theirs = [run for run in case.snapshot.foreign if _base(run.name) in ours]
    if not theirs:
        return None
    owners = ", ".join(sorted({run.owner for run in theirs}))
    found = {ours[_base(run.name)] for run in theirs}
    message = f"{owners} already has a run of exactly this name"
    return _hazard("foreign-owner", message, found, "none", len(found))


def _base(text: str) -> str:
    name = RunName.parse(text)
    return name.base if name else text


def _empty(case: Case) -> Hazard | None:
    if case.desired.jobs:
        return None
    return _hazard("empty", "the manifests declare no job at all", (), "1 job", 0)


GUARDS: tuple[Callable[[Case], Hazard | None], ...] = (
    _public_access,
    _mass_revoke,
    _self_lockout,
    _delete_jobs,
    _stop_running,
    _mass_submit,
    _over_budget,
    _rerun_finished,
    _overwrite_archive,
    _foreign_owner,
    _empty,
)
"""Every guard. A new hazard is one function and one row here."""

HAZARDS = frozenset(
    {
        "public-access",
        "mass-revoke",
        "self-lockout",
        "delete-jobs",
        "stop-running",
        "mass-submit",
        "over-budget",
        "rerun-finished",
        "overwrite-archive",
        "foreign-owner",
        "empty",
    }
)
"""The names that ``--allow`` and ``guards.allow`` know."""


def _hazard(
    name: str, message: str, addresses: Iterable[Address], limit: object, actual: object
) -> Hazard:
    return Hazard(name, message, tuple(sorted(addresses)), limit=str(limit), actual=str(actual))


def _addresses(changes: Iterable[JobChange]) -> set[Address]:
    return {change.address for change in changes}


def _count(changes: Iterable[object], noun: str) -> str:
    number = len(tuple(changes))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
