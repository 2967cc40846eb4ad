"""What has to be asked so that a plan can be made, by what is declared and what is known so far.

Pure. The rules by which a plan is made say what it will want to know; they are asked here and
nowhere else in ``observe``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from jobsync.archives import Folders
from jobsync.backend import Listed
from jobsync.errors import Unreadable
from jobsync.model import (
    Address,
    DeclaredJob,
    DesiredState,
    Mark,
    Run,
    RunState,
    Snapshot,
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
    """What is known once *seen* has been observed."""
    return Known(desired, seen, histories(desired, seen))


def with_runs(before: Known, runs: Iterable[Run]) -> Known:
    """*before* and *runs*."""
    merged = merged_runs(before.seen.runs, runs)
    if merged == before.seen.runs:
        return before
    return known(before.desired, replace(before.seen, runs=merged))


def merged_runs(runs: Iterable[Run], more: Iterable[Run]) -> tuple[Run, ...]:
    """Both, by id: a full record replaces a summary row, never the other way round."""
    merged = {run.id: run for run in runs}
    for run in more:
        if run.request is not None or run.id not in merged:
            merged[run.id] = run
    return tuple(sorted(merged.values(), key=lambda run: run.id))


def at_present_addresses(before: Known) -> Known:
    """*before* with what the lock has of a run at the address whose run it is now."""
    return replace(before, seen=with_present_addresses(before.seen, before.histories))


class Names:
    """Which runs of a listing a set is about, by their names."""

    def __init__(self, desired: DesiredState) -> None:
        jobs, project = desired.jobs.values(), desired.project
        former = {job.address: former_names(project, job) for job in jobs}
        self._platform = desired.platform
        self._project = project
        self._former = {pair for pairs in former.values() for pair in pairs}
        self._declared = {name for job in jobs for name in names_of(desired, job)}
        self._pinned = set(pinned(desired))
        self._managed = {
            pair
            for job in jobs
            if job.permissions is not None
            for pair in ((project, job.address), *former[job.address])
        }
        projects = {project, *(former_project for former_project, _ in self._former)}
        self.prefixes = tuple(map(desired.platform.name_prefix, projects))

    def mark(self, run: Listed) -> Mark | None:
        """What the name of *run* says, where it may be one of ours."""
        if not run.name.startswith(self.prefixes):
            return None
        return self._platform.read_mark(run.name)

    def is_wanted(self, run: Listed, mark: Mark, user: str) -> bool:
        """Whether *user*, who is acting, has to know of *run*."""
        if run.owner != user:
            return base_of(self._platform, run.name) in self._declared
        return mark.project == self._project or mark.job in self._former

    def is_managed(self, run: Listed, mark: Mark, user: str) -> bool:
        """Whether the permissions of *run* will be wanted."""
        mine = run.owner == user and run.visible
        return mine and mark.job in self._managed and run.id not in self._pinned


def pinned(desired: DesiredState) -> list[str]:
    """The runs that are declared by their ids."""
    return sorted({job.pinned for job in desired.jobs.values() if job.pinned})


def archive_folders(desired: DesiredState) -> Folders[Address]:
    """The folders that declared jobs name as their own, which most jobs do not."""
    folder = desired.platform.output_folder
    return Folders(
        (archive, job.address)
        for job in desired.jobs.values()
        if job.pinned is None and (archive := folder(job.request)) is not None
    )


def may_be_submitted(now: Known) -> set[Address]:
    """The jobs of which no run is active, or has finished and has, as far as is known by now, what
    it must have produced."""
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
    """The highest attempt of a job that is known; 0 when none is.

    Raises :class:`Unreadable` when its name is none that a run could be known by.
    """
    platform, name = now.desired.platform, now.desired.jobs[address].name
    if platform.read_mark(name) is None:
        raise Unreadable(f"{name!r} is not a name that jobsync makes")
    exact = now.histories[address].exact
    return max((attempt_of(platform, run) for run in exact), default=0)


def names_of_attempt(now: Known, address: Address, attempt: int) -> list[str]:
    """Every name that a run of that attempt of a job may have."""
    platform = now.desired.platform
    return [attempt_name(platform, name, attempt) for name in now.histories[address].names]


def records(now: Known) -> list[str]:
    """Whose full records are wanted: replaced runs, and those that pinned and replaced runs take
    things from. Only there a difference is going to be shown."""
    wanted: list[Run] = []
    for address, job in now.desired.jobs.items():
        history = now.histories[address]
        if job.pinned is None and not history.exact and history.older:
            wanted.append((live(history.older) or history.older)[-1])
        elif job.pinned is None:
            continue
        wanted += [run for up in job.upstream for run in now.histories[up].all]
    return sorted({run.id for run in wanted if run.visible and run.request is None})


def managed_runs(now: Known) -> list[str]:
    """The runs whose access lists are wanted."""
    return [
        run.id
        for address, job in now.desired.jobs.items()
        if job.permissions is not None
        for run in now.histories[address].all
        if run.visible
    ]


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
    """The apps of jobs that may be submitted, so that what they would refuse is said first.

    Also of pinned runs that lack something: only their apps tell whether it was dropped.
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
    """The private apps of jobs that have a run: that one was changed is a note, and nothing more.

    Apps that run in the folder of the set are files of it.
    """
    platform = now.desired.platform
    wanted = {
        platform.app_id(job.request)
        for address, job in now.desired.jobs.items()
        if job.pinned is None and job.app is None and live(now.histories[address].exact)
    }
    private = (app_id for app_id in wanted if not platform.is_fixed_app(app_id))
    return sorted(app_id for app_id in private if app_id not in now.seen.missing_apps)
