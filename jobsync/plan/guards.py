"""Guards: what a person has to accept by name before a plan is carried out.

Planning is never blocked. A hazard says its limit, what the plan comes to, and how to accept it
(product §6). Consent is by name, on the command line or in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jobsync.model import (
    AccessChange,
    Address,
    Change,
    DesiredState,
    Hazard,
    JobChange,
    Snapshot,
)
from jobsync.plan.access_guards import mass_revoke, public_access, self_lockout
from jobsync.plan.guard_context import Case
from jobsync.plan.history import History
from jobsync.plan.job_guards import (
    delete_jobs,
    empty,
    foreign_owner,
    mass_submit,
    over_budget,
    overwrite_archive,
    rerun_finished,
    stop_running,
)

GUARDS: tuple[Callable[[Case], Hazard | None], ...] = (
    public_access,
    mass_revoke,
    self_lockout,
    delete_jobs,
    stop_running,
    mass_submit,
    over_budget,
    rerun_finished,
    overwrite_archive,
    foreign_owner,
    empty,
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
