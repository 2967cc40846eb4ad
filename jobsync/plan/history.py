"""Whose run is it: the runs of a snapshot sorted to the addresses whose names they carry.

Only runs of one user are matched by name, of whoever is acting or of the owner of the target:
anyone can share a job with a name like ours (product §2, §9). A pinned run belongs to its
declaration and to no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

from jobsync.model import (
    Address,
    DeclaredJob,
    DesiredState,
    Mark,
    Run,
    RunRef,
    RunState,
    Snapshot,
)
from jobsync.plan.records import request_of
from jobsync.platform import Platform
from jobsync.structs import Struct, replace

Named = Mapping[tuple[str, Address], Sequence[Run]]
_NEVER = datetime(9999, 12, 31, tzinfo=timezone.utc)


class History(Struct, frozen=True):
    """The runs of one declared address, each tuple from oldest to newest.

    ``exact`` has the runs, visible or hidden, with one of the names of the job, of any attempt.
    ``again`` has visible runs that a person made by submitting one of those once more, where it is
    not known that they mean the same: none of them is ever the current run. ``older`` has visible
    runs of its addresses with another fingerprint.
    """

    desired: DesiredState
    job: DeclaredJob
    exact: tuple[Run, ...] = ()
    older: tuple[Run, ...] = ()
    again: tuple[Run, ...] = ()

    @property
    def all(self) -> tuple[Run, ...]:
        """All runs: those of the present declaration, then the others."""
        return (*self.exact, *self.again, *self.older)

    @property
    def names(self) -> tuple[str, ...]:
        """The job's names, without attempt, the present one first."""
        return names_of(self.desired, self.job)


def ref(run: Run) -> RunRef:
    """The reference to *run* that plans contain."""
    return RunRef(run.id, run.name, run.status)


def oldest_first(platform: Platform, runs: Iterable[Run]) -> tuple[Run, ...]:
    """*runs*, sorted from the oldest to the newest; of one moment, by their attempts."""
    found = tuple(runs)
    if len(found) < 2:
        return found
    # Times have a resolution of one second, in which a run can fail and be tried again.
    return tuple(sorted(found, key=lambda run: (*_when(run), attempt_of(platform, run), run.id)))


def copies(runs: Iterable[Run]) -> dict[str, Run]:
    """The runs that a person made by submitting another one again, by id, each with that one.

    Both tell the same send, and the one with the lower number was there first.
    """
    found: dict[str, Run] = {}
    first: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=_age):
        original = first.setdefault((run.name, run.sent), run) if run.sent else run
        if original is not run:
            found[run.id] = original
    return found


def attempt_of(platform: Platform, run: Run) -> int:
    """The attempt that a run's name states; 1 for a name that is not ours."""
    mark = platform.read_mark(run.name)
    return mark.attempt if mark else 1


def base_of(platform: Platform, name: str) -> str:
    """The name of the first attempt; a name that is not ours stays as it is."""
    mark = platform.read_mark(name)
    return platform.run_name(replace(mark, attempt=1)) if mark and mark.attempt > 1 else name


def by_base(platform: Platform, runs: Iterable[Run]) -> dict[str, list[Run]]:
    """*runs* by the names of their first attempts, each group by id."""
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        groups.setdefault(base_of(platform, run.name), []).append(run)
    return groups


def live(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The visible runs that have finished or may still finish."""
    states = (RunState.FINISHED, RunState.ACTIVE)
    return tuple(run for run in runs if run.visible and run.state in states)


def by_address(desired: DesiredState, snapshot: Snapshot) -> Named:
    """The runs of the one owner by the project and address in their names, without pinned ones."""
    pinned = _pinned_ids(desired)
    named: dict[tuple[str, Address], list[Run]] = {}
    for run in snapshot.runs:
        if run.owner != snapshot.owned_by or run.id in pinned:
            continue
        if mark := desired.platform.read_mark(run.name):
            named.setdefault(mark.job, []).append(run)
    return named


def histories(
    desired: DesiredState, snapshot: Snapshot, named: Named | None = None
) -> dict[Address, History]:
    """The history of every declared address. *named* is the result of :func:`by_address`."""
    if named is None:
        named = by_address(desired, snapshot)
    return {
        address: _history(desired, job, named, snapshot) for address, job in desired.jobs.items()
    }


def visible_runs(desired: DesiredState, snapshot: Snapshot) -> list[str]:
    """The ids of all visible runs of declared addresses."""
    known = histories(desired, snapshot)
    return [run.id for history in known.values() for run in history.all if run.visible]


def undeclared(desired: DesiredState, named: Named) -> tuple[Run, ...]:
    """The one owner's visible runs in this project that no declaration and no ``formerly``
    claims."""
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


def fingerprints(job: DeclaredJob) -> tuple[str, ...]:
    """The fingerprints of *job* under the present scheme and the older ones."""
    return (job.fingerprint, *(job.older or ()))


def names_of(desired: DesiredState, job: DeclaredJob) -> tuple[str, ...]:
    """Every name, without attempt, that a run of *job* may have; the present one first.

    Its address and its former ones, each with its fingerprint under every scheme (product §2).
    """
    if job.pinned is not None:
        return (job.name,)
    pairs = ((desired.project, job.address), *_free(desired, job))
    others = [
        desired.platform.run_name(Mark(*pair, fingerprint))
        for pair in pairs
        for fingerprint in fingerprints(job)
    ]
    return tuple(dict.fromkeys((job.name, *others)))


def attempt_name(platform: Platform, name: str, attempt: int) -> str:
    """The exact name of *attempt*, where *name* is that of the first attempt."""
    mark = platform.read_mark(name)
    if mark is None:
        raise ValueError(f"{name!r} is not a name that jobsync makes")
    return platform.run_name(replace(mark, attempt=attempt))


def attempts_of(platform: Platform, names: Iterable[str], highest: int) -> tuple[str, ...]:
    """The exact names of the attempts 1 to *highest* of each of *names*."""
    return tuple(
        attempt_name(platform, name, attempt) for name in names for attempt in range(1, highest + 1)
    )


def _free(desired: DesiredState, job: DeclaredJob) -> list[tuple[str, Address]]:
    """The former (project, address) of *job* that no other declaration has now."""
    return [
        pair
        for pair in former_names(desired.project, job)
        if pair[0] != desired.project or pair[1] not in desired.jobs
    ]


def _history(
    desired: DesiredState,
    job: DeclaredJob,
    named: Named,
    snapshot: Snapshot,
) -> History:
    pairs = ((desired.project, job.address), *_free(desired, job))
    runs = [run for pair in pairs for run in named.get(pair, ())]
    if job.pinned is not None:
        pinned = [run for run in snapshot.runs if run.id == job.pinned]  # pinned jobs are few
        others = oldest_first(desired.platform, (run for run in runs if run.visible))
        return History(desired, job, tuple(pinned), others)
    platform = desired.platform
    exact, older = [], []
    for run in runs:
        mark = platform.read_mark(run.name)
        was = mark.fingerprint if mark else ""
        unsure = is_before(platform, was) and _may_be_before_its_app(job, run)
        if is_of(platform, job, was) and not unsure:
            exact.append(run)
        elif run.visible:
            older.append(run)
    copied = copies(exact) if len(exact) > 1 else {}
    again = [run for run in exact if run.id in copied and not _same(platform, run, copied[run.id])]
    exact = [run for run in exact if run not in again]
    return History(
        desired,
        job,
        oldest_first(platform, exact),
        oldest_first(platform, older),
        oldest_first(platform, (run for run in again if run.visible)),
    )


def _same(platform: Platform, one: Run, other: Run) -> bool:
    """Whether the requests of both runs are known and mean the same."""
    first, second = (request_of(run, platform) for run in (one, other))
    if first is None or second is None:
        return False
    return platform.canonical(first) == platform.canonical(second)


def is_of(platform: Platform, job: DeclaredJob, fingerprint: str) -> bool:
    """Whether *fingerprint* is one of *job*, under any scheme."""
    if fingerprint == job.fingerprint:
        return True
    return is_before(platform, fingerprint) and fingerprint in (job.older or ())


def is_before(platform: Platform, fingerprint: str) -> bool:
    """Whether *fingerprint* was made by the previous scheme."""
    return bool(platform.scheme_before) and fingerprint.startswith(platform.scheme_before)


def _may_be_before_its_app(job: DeclaredJob, run: Run) -> bool:
    """Whether the app in the workspace may be another than *run* had, whose fingerprint does not
    tell: it may when a file of it was changed later."""
    return job.app is not None and (run.created is None or bool(changed_since(job, run)))


def changed_since(job: DeclaredJob, run: Run) -> tuple[str, ...]:
    """The files of the job's app in the workspace that changed after *run* was created."""
    if job.app is None or run.created is None:
        return ()
    made = moment(run).timestamp()
    return tuple(sorted(path for path, at in job.app.changed.items() if at > made))


def arranged_since(job: DeclaredJob, run: Run) -> bool:
    """Whether a file of the job's app in the workspace was added, renamed or removed after *run*
    was created."""
    if job.app is None or run.created is None:
        return False
    return job.app.arranged > moment(run).timestamp()


def _pinned_ids(desired: DesiredState) -> frozenset[str]:
    return frozenset(job.pinned for job in desired.jobs.values() if job.pinned is not None)


def moment(run: Run) -> datetime:
    """When *run* was created; the latest possible time when that is not known."""
    created = run.created or _NEVER
    return created if created.tzinfo else created.replace(tzinfo=timezone.utc)


def _age(run: Run) -> tuple[int, datetime, str]:
    return *_when(run), run.id


def _when(run: Run) -> tuple[int, datetime]:
    """Numbers rise from run to run, where a service has them; clocks may differ."""
    return run.number, moment(run)
