"""Guards on jobs: hidden, stopped, too many, too long, over earlier files (product §6)."""

from __future__ import annotations

from jobsync.archives import Folders
from jobsync.model import Action, Address, Hazard, JobChange, RunState
from jobsync.plan.guard_context import Case, addresses_of, count, hazard
from jobsync.plan.history import base_of, by_address, by_base, undeclared
from jobsync.plan.node_hours import shown, total, unknown_for
from jobsync.plan.renames import find_twins

_SHOWN = 3
"""How many of the jobs that would write over files a hazard names."""


def delete_jobs(case: Case) -> Hazard | None:
    """The hazard ``delete-jobs``: the plan hides jobs that no manifest declares."""
    found = [change for change in case.jobs if change.action is Action.DELETE]
    if not found:
        return None
    message = f"hides {count(found, 'job')} that no manifest declares"
    return hazard("delete-jobs", message, addresses_of(found), "none", len(found))


def stop_running(case: Case) -> Hazard | None:
    """The hazard ``stop-running``: the plan stops or hides runs that are still active."""
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
    message = f"stops {count(found, 'job')} that may still be running"
    return hazard("stop-running", message, addresses_of(found), "none", len(found))


def mass_submit(case: Case) -> Hazard | None:
    """The hazard ``mass-submit``: the plan submits more jobs than the limit of the set allows."""
    limit, count = case.desired.guards.mass_submit, len(case.submits)
    if count <= limit:
        return None
    message = f"submits {count} jobs"
    return hazard("mass-submit", message, addresses_of(case.submits), limit, count)


def over_budget(case: Case) -> Hazard | None:
    """The hazard ``over-budget``: the submits may use more node-hours than the limit, or an unknown
    number."""
    limit = case.desired.guards.max_node_hours
    known, unknown = total(case.jobs)
    if limit is None or (known <= limit and not unknown):
        return None
    message = f"may use {_hours(case.desired.platform.time_field, known, unknown)}"
    limit_text = f"{limit:g} (guards.maxNodeHours)"
    found = addresses_of(case.submits)
    return hazard("over-budget", message, found, limit_text, _actual(known, unknown))


def rerun_finished(case: Case) -> Hazard | None:
    """The hazard ``rerun-finished``: jobs run again, above the limit, that already have a finished
    run."""
    limit = case.desired.guards.rerun_node_hours
    finished = {run.id for run in case.snapshot.runs if run.state is RunState.FINISHED}
    found = [
        change
        for change in case.submits
        if change.action is Action.REPLACE and change.before and change.before.id in finished
    ]
    found += _finished_elsewhere(case, finished)
    known, unknown = total(found)
    if known <= limit and not unknown:
        return None
    hours = _hours(case.desired.platform.time_field, known, unknown)
    message = f"runs {count(found, 'finished job')} again, which may use {hours}"
    limit_text = f"{limit:g} (guards.rerunNodeHours)"
    actual = _actual(known, unknown)
    return hazard("rerun-finished", message, addresses_of(found), limit_text, actual)


def _finished_elsewhere(case: Case, finished: set[str]) -> list[JobChange]:
    """New jobs of which a finished run stands under a name that no manifest declares."""
    created = [change for change in case.submits if change.action is Action.CREATE]
    if not created:
        return []
    known = undeclared(case.desired, by_address(case.desired, case.snapshot))
    done = [run for run in known if run.id in finished]
    jobs, platform = case.desired.jobs, case.desired.platform
    return [change for change in created if find_twins(platform, jobs[change.address], done)]


def _hours(field: str, known: float, unknown: int) -> str:
    if not unknown:
        return f"{shown(known)} node-hours"
    amount = f"{shown(known)} node-hours and more" if known else "any number of node-hours"
    them = f"its {field}" if unknown == 1 else f"their {field}"
    return f"{amount} ({unknown_for(unknown)}: declare {them})"


def _actual(known: float, unknown: int) -> str:
    parts = [shown(known)] if known or not unknown else []
    return " and ".join([*parts, unknown_for(unknown)] if unknown else parts)


def overwrite_archive(case: Case) -> Hazard | None:
    """The hazard ``overwrite-archive``: a submit would write to the output folder of another run,
    or of another submit."""
    submits = {
        change.address: archive
        for change in case.submits
        if (archive := case.desired.platform.output_folder(change.request)) is not None
    }
    runs = Folders((one.archive, one.run) for one in case.snapshot.archived)
    others = Folders((archive, address) for address, archive in submits.items())
    found: dict[Address, str] = {}
    for address, archive in submits.items():
        if run := next(runs.meeting(archive), None):
            found[address] = f"{address} into that of run {run.id} ({run.name})"
        elif other := next((o for o in others.meeting(archive) if o != address), None):
            found[address] = f"{address} into that of {other}"
    if not found:
        return None
    field = case.desired.platform.output_folder_field
    shown = list(found.values())[:_SHOWN]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    message = (
        f"{count(found, 'job')} would write to the folder of another run ({field}): "
        f"{', '.join(shown)}{more}"
    )
    return hazard("overwrite-archive", message, found, "none", len(found))


def foreign_owner(case: Case) -> Hazard | None:
    """The hazard ``foreign-owner``: another user has a run with the name of a planned submit."""
    platform = case.desired.platform
    ours = {base_of(platform, change.name): change.address for change in case.submits}
    theirs = by_base(platform, case.snapshot.foreign)
    found = {address for name, address in ours.items() if name in theirs}
    if not found:
        return None
    owners = sorted({run.owner for name in ours for run in theirs.get(name, ())})
    verb = "has a run" if len(owners) == 1 else "have runs"
    message = f"{', '.join(owners)} already {verb} of exactly this name"
    return hazard("foreign-owner", message, found, "none", len(found))


def empty(case: Case) -> Hazard | None:
    """The hazard ``empty``: the manifests declare no job."""
    if case.desired.jobs:
        return None
    return hazard("empty", "the manifests declare no jobs", (), "1 job", 0)
