"""Declarations that exclude each other: one archive path, one run, claimed by two addresses."""

from __future__ import annotations

from collections import Counter

from jobsync.errors import Problem
from jobsync.model import Address, DesiredState
from jobsync.plan.history import former_names
from jobsync.plan.job_guards import literal_archive


def conflicts(desired: DesiredState) -> tuple[Problem, ...]:
    """Everything of *desired* that cannot be planned whatever is there."""
    return (*_shared_archives(desired), *_shared_runs(desired))


def _shared_archives(desired: DesiredState) -> list[Problem]:
    """Two addresses that archive to one literal path would overwrite each other."""
    paths = {
        address: path
        for address, job in desired.jobs.items()
        if job.pinned is None and (path := literal_archive(job.request)) is not None
    }
    counted = Counter(paths.values())
    return [
        Problem(
            desired.jobs[address].places.get("archivePath", desired.jobs[address].where),
            f"{address}: archivePath {path[1]!r} is also that of "
            + ", ".join(a for a, p in sorted(paths.items()) if p == path and a != address),
            "leave archivePath out, or put ${matrix...} or a macro such as ${JOB_ID} into it",
        )
        for address, path in sorted(paths.items())
        if counted[path] > 1
    ]


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
            f"{' and '.join(addresses)} all say {claim}",
            "leave it with one of them",
        )
        for claim, addresses in claims.items()
        if len(addresses) > 1
    ]
