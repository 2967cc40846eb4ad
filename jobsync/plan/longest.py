"""The critical path of a set: the chain of jobs whose time limits add up to most."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

from jobsync.model import Address, App, DesiredState
from jobsync.structs import Struct


class Longest(Struct, frozen=True):
    """The ``addresses`` of the chain, first one first, and their time limits together."""

    addresses: tuple[Address, ...]
    seconds: float


def longest_chain(
    desired: DesiredState,
    apps: Mapping[str, App | None],
    only: Collection[Address] | None = None,
) -> Longest | None:
    """The critical path of *desired*, or of the jobs *only*; None where there are no jobs, or a
    limit is unknown."""
    best: dict[Address, tuple[float, Address | None]] = {}
    platform = desired.platform
    chosen = set(desired.jobs if only is None else only)
    needs = {
        address: chosen.intersection(job.needs)
        for address, job in desired.jobs.items()
        if address in chosen
    }
    for address in TopologicalSorter(needs).static_order():
        job = desired.jobs[address]
        limit = platform.time_limit(job.request, apps.get(platform.app_id(job.request)))
        if limit is None:
            return None
        before = max(((best[one][0], one) for one in needs[address]), default=(0.0, None))
        best[address] = (before[0] + limit, before[1])
    if not best:
        return None
    at: Address | None = max(best, key=lambda address: best[address][0])
    seconds, chain = best[at][0] if at else 0.0, []
    while at is not None:
        chain.append(at)
        at = best[at][1]
    return Longest(tuple(reversed(chain)), seconds)
