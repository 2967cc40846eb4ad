"""What has to be asked so that a plan can be made, by what is declared and what is known so far.

Pure. The rules by which a plan is made say what it will want to know; they are asked here and
nowhere else in ``observe``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from jobsync.archives import Folders
from jobsync.backend import Listed
from jobsync.errors import Unreadable
from jobsync.model import (
    Access,
    Address,
    DeclaredJob,
    DesiredState,
    Mark,
    Run,
    RunState,
    Snapshot,
    Unavailable,
)
from jobsync.plan.diff import lacking
from jobsync.plan.history import (
    History,
    attempt_name,
    attempt_of,
    base_of,
    former_names,
    histories,
    live,
    names_of,
)
from jobsync.plan.overwriting import Writers
from jobsync.plan.plan_outputs import (
    declares_outputs,
    fetched_lines,
    finished,
    is_incomplete,
    is_recorded,
    to_list,
    with_present_addresses,
)
from jobsync.structs import Struct, replace


class Known(Struct, frozen=True):
    """What is declared and what is known so far. ``histories`` are the runs of each address."""

    desired: DesiredState
    seen: Snapshot
    histories: dict[Address, History]


def known(desired: DesiredState, seen: Snapshot) -> Known:
    """The starting knowledge: *desired*, and what *seen* shows."""
    return Known(desired, seen, histories(desired, seen))


def with_runs(before: Known, runs: Iterable[Run]) -> Known:
    """*before*, with *runs* added."""
    merged = merged_runs(before.seen.runs, runs)
    if merged == before.seen.runs:
        return before
    return known(before.desired, replace(before.seen, runs=merged))


def merged_runs(runs: Iterable[Run], more: Iterable[Run]) -> tuple[Run, ...]:
    """The runs of both, by id. A full record replaces a summary row, never the reverse."""
    merged = {run.id: run for run in runs}
    for run in more:
        if run.request is not None or run.id not in merged:
            merged[run.id] = run
    return tuple(sorted(merged.values(), key=lambda run: run.id))


def at_present_addresses(before: Known) -> Known:
    """*before*, with the lock's lines of a run moved to the address that the run belongs to now."""
    return replace(before, seen=with_present_addresses(before.seen, before.histories))


class Names:
    """Decides by their names which runs of a listing concern a set."""

    def __init__(self, desired: DesiredState) -> None:
        jobs, project = desired.jobs.values(), desired.project
        former = {job.address: former_names(project, job) for job in jobs}
        self._platform = desired.platform
        self._project = project
        self._former = {pair for pairs in former.values() for pair in pairs}
        self._desired = desired
        self._pinned = set(pinned(desired))
        self._managed = {
            pair
            for job in jobs
            if job.permissions is not None
            for pair in ((project, job.address), *former[job.address])
        }
        projects = {project, *(former_project for former_project, _ in self._former)}
        self.prefixes = tuple(map(desired.platform.name_prefix, projects))

    @cached_property
    def _declared(self) -> frozenset[str]:
        """The names that runs of the jobs may have. Few lists show a run of somebody else."""
        jobs = self._desired.jobs.values()
        return frozenset(name for job in jobs for name in names_of(self._desired, job))

    def mark(self, run: Listed) -> Mark | None:
        """The mark in the name of *run*; None when the run cannot be one of the set."""
        if not run.name.startswith(self.prefixes):
            return None
        return self._platform.read_mark(run.name)

    def is_wanted(self, run: Listed, mark: Mark, user: str) -> bool:
        """Whether a plan of the runs of *user* needs *run*."""
        if run.owner != user:
            return base_of(self._platform, run.name) in self._declared
        return mark.project == self._project or mark.job in self._former

    def is_managed(self, run: Listed, mark: Mark, user: str) -> bool:
        """Whether the plan will need the permissions of *run*."""
        mine = run.owner == user and run.visible
        return mine and mark.job in self._managed and run.id not in self._pinned


def pinned(desired: DesiredState) -> list[str]:
    """The ids of the runs that are declared by id."""
    return sorted({job.pinned for job in desired.jobs.values() if job.pinned})


def archive_folders(desired: DesiredState) -> Folders[Address]:
    """The output folders that declared jobs name. Most jobs name none."""
    folder = desired.platform.output_folder
    return Folders(
        (archive, job.address)
        for job in desired.jobs.values()
        if job.pinned is None and (archive := folder(job.request)) is not None
    )


def may_be_submitted(now: Known) -> set[Address]:
    """The jobs that may have to be submitted, by what is known so far.

    A job is left out when one of its runs is active, or has finished with everything that it must
    produce.
    """
    lines = fetched_lines(now.seen)
    writers = Writers(now.desired.platform, now.seen.archived)

    def is_lost(job: DeclaredJob, run: Run) -> bool:
        if run.state is not RunState.FINISHED:
            return False
        twins = frozenset(twin.id for twin in now.histories[job.address].exact)
        return is_incomplete(job, run, now.seen, lines) or bool(writers.after(run, twins))

    return {
        address
        for address, job in now.desired.jobs.items()
        if job.pinned is None
        and all(is_lost(job, run) for run in live(now.histories[address].exact))
    }


def highest_attempt(now: Known, address: Address) -> int:
    """The highest known attempt of a job; 0 when none is known.

    Raises :class:`Unreadable` when no run could carry the job's name.
    """
    platform, name = now.desired.platform, now.desired.jobs[address].name
    if platform.read_mark(name) is None:
        raise Unreadable(f"{name!r} is not a name that jobsync makes")
    exact = now.histories[address].exact
    return max((attempt_of(platform, run) for run in exact), default=0)


def names_of_attempt(now: Known, address: Address, attempt: int) -> list[str]:
    """Every name that a run of this attempt of a job may have."""
    platform = now.desired.platform
    return [attempt_name(platform, name, attempt) for name in now.histories[address].names]


def unseen_runs(now: Known, address: Address) -> frozenset[str]:
    """The ids of runs of a job that ``jobsync.lock`` knows and no listing has shown: they may be
    hidden. The job's former addresses count, under which their files may still be recorded."""
    job, project = now.desired.jobs[address], now.desired.project
    former = {was for named, was in former_names(project, job) if named == project}
    addresses = {address, *former - now.desired.jobs.keys()}
    lock = [(line.address, line.job_id) for line in now.seen.fetched]
    recorded = {run_id for at, run_id in (*lock, *now.seen.expectations) if at in addresses}
    return frozenset(recorded.difference(run.id for run in now.seen.runs))


def hidden_originals(now: Known, journals: Mapping[str, Collection[str]]) -> list[str]:
    """The ids of runs that may be hidden while one is shown that a person may have made of them.

    Such a run has the name of the first, though it may have been given other values. These are the
    runs that the journals know by that name, and that ``jobsync.lock`` knows of the job.
    """
    shown = {run.id for run in now.seen.runs}
    lock = [(line.address, line.job_id) for line in now.seen.fetched]
    unseen: dict[Address, set[str]] = {}
    for address, run_id in (*lock, *now.seen.expectations):
        if run_id not in shown:
            unseen.setdefault(address, set()).add(run_id)
    found: set[str] = set()
    for address, job in now.desired.jobs.items():
        copies = [run for run in live(now.histories[address].exact) if run.sent]
        if job.pinned is None and copies:
            found.update(unseen.get(address, ()))
            found.update(one for run in copies for one in journals.get(run.name, ()))
    return sorted(found - shown)


def records(now: Known) -> list[str]:
    """The ids of the runs whose full records are needed to show a difference.

    These are replaced and pinned runs, and the runs from which those take outputs; also those that
    a person submitted again, and what came of that.
    """
    wanted: list[Run] = []
    for address, job in now.desired.jobs.items():
        history = now.histories[address]
        if history.again:
            sends = {run.sent for run in history.again}
            wanted += [run for run in history.all if run.sent in sends]
        if job.pinned is None and not history.exact and history.older:
            wanted.append((live(history.older) or history.older)[-1])
        elif job.pinned is None:
            continue
        wanted += [run for up in job.upstream for run in now.histories[up].all]
    return sorted({run.id for run in wanted if run.visible and run.request is None})


def managed_runs(now: Known) -> list[str]:
    """The runs whose access lists are needed."""
    return [
        run.id
        for address, job in now.desired.jobs.items()
        if job.permissions is not None
        for run in now.histories[address].all
        if run.visible
    ]


def unmanaged_runs(now: Known) -> list[str]:
    """The owner's visible runs of the jobs that declare no permissions."""
    return [
        run.id
        for address, job in now.desired.jobs.items()
        if job.permissions is None
        for run in now.histories[address].all
        if run.visible and run.owner == now.seen.owned_by
    ]


def users_to_check(
    now: Known, access: Mapping[str, Mapping[str, Access] | Unavailable]
) -> set[str]:
    """The users who are to get access to something and have none yet, where the service can be
    asked about them. *access* are the lists that were read, by the ids of runs."""
    if not now.desired.platform.tells_users:
        return set()
    found: set[str] = set()
    for address, job in now.desired.jobs.items():
        wanted = {user for user, grant in (job.permissions or {}).items() if grant.access.gives}
        for run in now.histories[address].all:
            rows = access.get(run.id)
            wanted -= set() if rows is None or isinstance(rows, Unavailable) else rows.keys()
        found |= wanted
    return found - {now.seen.user}


def runs_to_walk(now: Known, addresses: Collection[Address]) -> list[str]:
    """The runs of *addresses* whose outputs the lock does not prove to be here."""
    lines = fetched_lines(now.seen)
    found: list[str] = []
    for address, job in now.desired.jobs.items():
        if address not in addresses or not declares_outputs(job):
            continue
        ended = finished(now.histories[address].exact)
        # Of several, the oldest that has produced what it must is the current one.
        recorded = [run for run in ended if is_recorded(job, run, now.seen, lines)]
        current = recorded[:1] or ended
        found += [run.id for run in current if to_list(job, run, now.seen, lines)]
    return found


def apps_to_check(now: Known) -> list[str]:
    """The apps of jobs that may be submitted, so that the plan shows what they would refuse.

    Also the apps of pinned runs that lack a declared value: only the app shows whether the service
    dropped it.
    """
    submits, wanted = may_be_submitted(now), set[str]()
    for address, job in now.desired.jobs.items():
        if job.pinned is not None:
            runs = [run for run in now.histories[address].exact if run.request]
            wanted.update(run.app_id for run in runs if lacking(job, run, now.desired.platform))
        elif address in submits:
            wanted.add(now.desired.platform.app_id(job.request))
    return sorted(wanted - {""})


def apps_that_change(now: Known) -> list[str]:
    """The private apps of jobs that have a run: a change of such an app becomes a note in the plan.

    Apps in the folder of the set are left out, because their files are digested.
    """
    platform = now.desired.platform
    wanted = {
        platform.app_id(job.request)
        for address, job in now.desired.jobs.items()
        if job.pinned is None and job.app is None and live(now.histories[address].exact)
    }
    private = (app_id for app_id in wanted if not platform.is_fixed_app(app_id))
    return sorted(app_id for app_id in private if app_id not in now.seen.missing_apps)
