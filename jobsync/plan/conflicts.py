"""Declarations that exclude each other: one run, claimed by two addresses."""

from __future__ import annotations

from jobsync.errors import Problem
from jobsync.model import Address, DesiredState, Snapshot
from jobsync.plan.history import base_of, former_names, names_of


def conflicts(desired: DesiredState, snapshot: Snapshot) -> tuple[Problem, ...]:
    """A problem for each declaration of *desired* that contradicts another one."""
    return (
        *_shared_runs(desired),
        *_pinned_elsewhere(desired, snapshot),
    )


def _shared_runs(desired: DesiredState) -> list[Problem]:
    """Two addresses that claim the same runs would each hold them to their own grants."""
    claims: dict[str, list[Address]] = {}
    for address, job in sorted(desired.jobs.items()):
        for project, former in former_names(desired.project, job):
            if project != desired.project or former not in desired.jobs:
                claims.setdefault(f"formerly {project}/{former}", []).append(address)
        if job.pinned is not None:
            claims.setdefault(f"id {job.pinned}", []).append(address)
    return [
        Problem(
            desired.jobs[addresses[-1]].where,
            f"{' and '.join(addresses)} claim the same run: {claim}",
            "keep it in one of them",
        )
        for claim, addresses in claims.items()
        if len(addresses) > 1
    ]


def _pinned_elsewhere(desired: DesiredState, snapshot: Snapshot) -> list[Problem]:
    """A run that one declaration pins and another one knows by its name would be run twice."""
    pins = {job.pinned: job for job in desired.jobs.values() if job.pinned is not None}
    if not pins:
        return []
    names = {
        name: job.address
        for job in desired.jobs.values()
        if job.pinned is None
        for name in names_of(desired, job)
    }
    return [
        Problem(
            pins[run.id].where,
            f"{pins[run.id].address}: run {run.id} is already the run of {owner} by its name",
            f"remove id, or remove {owner} from the manifests",
        )
        for run in snapshot.runs
        if run.id in pins
        and run.owner == snapshot.owned_by
        and (owner := names.get(base_of(desired.platform, run.name))) is not None
    ]
