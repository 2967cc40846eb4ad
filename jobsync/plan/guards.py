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
    Plan,
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
from jobsync.structs import replace

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

NO_JOURNAL = "no-journal"
_NO_JOURNAL = (
    "this runner forgets what it has submitted, so that another one may submit it again; run "
    "`jobsync journal init` once and add the line that it prints to the set, like "
    "`journal: {git: origin, ref: refs/jobsync/journal}`, or set JOBSYNC_STATE_DIR to a folder "
    "that lasts"
)


def without_journal(plan: Plan, accepted: frozenset[str]) -> Plan:
    """*plan* with the hazard that its submits would not be recorded anywhere that lasts.

    The command calls this, because only it knows the place of the journal. *accepted* are the names
    of accepted hazards.
    """
    addresses = tuple(sorted({change.address for change in plan.submits}))
    if not addresses or any(hazard.name == NO_JOURNAL for hazard in plan.hazards):
        return plan
    hazard = Hazard(NO_JOURNAL, _NO_JOURNAL, addresses, NO_JOURNAL in accepted, "a journal", "none")
    found = sorted((*plan.hazards, hazard), key=lambda hazard: hazard.name)
    return replace(plan, hazards=tuple(found))


def hazards(
    desired: DesiredState,
    snapshot: Snapshot,
    histories: Mapping[Address, History],
    changes: Iterable[Change],
    allow: frozenset[str],
) -> tuple[Hazard, ...]:
    """Every hazard of *changes*, by name. ``accepted`` is set where *allow* or the manifest accepts
    it."""
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
