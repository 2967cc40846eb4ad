"""Whose run is it: the runs of a snapshot sorted to the addresses whose names they carry.

Only runs that the acting user owns are matched by name: anyone can share a job with a name like
ours (product 2). A pinned run belongs to its declaration and to no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

from jobsync.identity import RunName
from jobsync.model import Address, DeclaredJob, DesiredState, Run, RunRef, RunState, Snapshot
from jobsync.records import Struct

Named = Mapping[tuple[str, Address], Sequence[Run]]
_NEVER = datetime(9999, 12, 31, tzinfo=timezone.utc)


class History(Struct, frozen=True):
    """The runs of one declared address, each tuple oldest first.

    ``exact`` carry the declared name, any attempt, visible or hidden. ``older`` are the visible
    ones of another fingerprint or of a former name.
    """

    exact: tuple[Run, ...] = ()
    older: tuple[Run, ...] = ()

    @property
    def all(self) -> tuple[Run, ...]:
        return (*self.exact, *self.older)


def ref(run: Run) -> RunRef:
    return RunRef(run.id, run.name, run.status)


def oldest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    found = tuple(runs)
    return found if len(found) < 2 else tuple(sorted(found, key=_age))


def attempt_of(run: Run) -> int:
    """The attempt that a run's name states; 1 for a name that is not ours."""
    name = RunName.parse(run.name)
    return name.attempt if name else 1


def base_of(text: str) -> str:
    """The name without its attempt; a name that is not ours stays as it is."""
    name = RunName.parse(text)
    return name.base if name else text


def by_base(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """*runs* by their names without attempts, each group by id."""
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        groups.setdefault(base_of(run.name), []).append(run)
    return groups


def live(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Visible runs that have finished or may still finish."""
    states = (RunState.FINISHED, RunState.ACTIVE)
    return tuple(run for run in runs if run.visible and run.state in states)


def by_address(desired: DesiredState, snapshot: Snapshot) -> Named:
    """My runs, pinned ones aside, by the project and address in their names."""
    pinned = _pinned_ids(desired)
    named: dict[tuple[str, Address], list[Run]] = {}
    for run in snapshot.runs:
        if run.owner != snapshot.user or run.id in pinned:
            continue
        if name := RunName.parse(run.name):
            named.setdefault((name.project, name.address), []).append(run)
    return named


def histories(
    desired: DesiredState, snapshot: Snapshot, named: Named | None = None
) -> dict[Address, History]:
    """The history of every declared address. *named* is what :func:`by_address` made of them."""
    if named is None:
        named = by_address(desired, snapshot)
    return {
        address: _history(desired, job, named, snapshot) for address, job in desired.jobs.items()
    }


def undeclared(desired: DesiredState, named: Named) -> tuple[Run, ...]:
    """Visible runs of mine in this project that no declaration and no ``formerly`` claims."""
    claimed = {(desired.project, address) for address in desired.jobs}
    for job in desired.jobs.values():
        claimed.update(former_names(desired.project, job))
    runs = [
        run
        for key, group in named.items()
        if key[0] == desired.project and key not in claimed
        for run in group
        if run.visible
    ]
    return tuple(sorted(runs, key=lambda run: (run.name, run.id)))


def former_names(project: str, job: DeclaredJob) -> tuple[tuple[str, Address], ...]:
    """``formerly`` as (project, address) pairs."""
    pairs = []
    for text in job.formerly:
        head, slash, tail = text.partition("/")
        pairs.append((head, tail) if slash else (project, head))
    return tuple(pairs)


def _history(
    desired: DesiredState,
    job: DeclaredJob,
    named: Named,
    snapshot: Snapshot,
) -> History:
    own = list(named.get((desired.project, job.address), ()))
    former = [
        run
        for key in former_names(desired.project, job)
        if key[0] != desired.project or key[1] not in desired.jobs
        for run in named.get(key, ())
    ]
    if job.pinned is not None:
        pinned = [run for run in snapshot.runs if run.id == job.pinned]  # pinned jobs are few
        return History(tuple(pinned), oldest_first(run for run in [*own, *former] if run.visible))
    exact = [run for run in own if _carries(run, job.name)]
    older = [run for run in own if run.visible and not _carries(run, job.name)]
    older += [run for run in former if run.visible]
    return History(oldest_first(exact), oldest_first(older))


def _carries(run: Run, name: str) -> bool:
    """Whether *run* is an attempt at *name*; most names are compared without taking them apart."""
    return run.name == name or (run.name.startswith(f"{name}.r") and base_of(run.name) == name)


def _pinned_ids(desired: DesiredState) -> frozenset[str]:
    return frozenset(job.pinned for job in desired.jobs.values() if job.pinned is not None)


def _age(run: Run) -> tuple[datetime, str]:
    created = run.created or _NEVER
    if created.tzinfo is None:
        created = created.replace(tzinfo=timezone.utc)
    return created, run.id
