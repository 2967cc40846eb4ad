"""How long runs of a job took before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from jobsync.model import Address, DesiredState, Run, RunState, Snapshot
from jobsync.plan.history import histories


def typical_times(desired: DesiredState, seen: Snapshot) -> dict[Address, float]:
    """The median of the seconds that finished runs of each address took, of older declarations too.

    An address without one has the median of its matrix; without that it is left out.
    """
    found = {address: _seconds(one.all) for address, one in histories(desired, seen).items()}
    of_key: dict[str, list[float]] = {}
    for address, times in found.items():
        of_key.setdefault(address.partition(".")[0], []).extend(times)
    medians: Mapping[str, float] = {key: median(times) for key, times in of_key.items() if times}
    return {
        address: median(times) if times else medians[key]
        for address, times in found.items()
        if (key := address.partition(".")[0]) in medians
    }


def _seconds(runs: Iterable[Run]) -> list[float]:
    return [
        (run.ended - run.started).total_seconds()
        for run in runs
        if run.state is RunState.FINISHED and run.started and run.ended
    ]
