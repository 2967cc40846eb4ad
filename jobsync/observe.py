"""Observe: ask a service all that one decision rests on, and nothing else.

Floor 4. Reads only, in parallel, through the :class:`~jobsync.backend.Reader` seam. What cannot be
read raises: an incomplete observation is never "nothing there". Only the outputs and the access
list of a single run may be handed on as :class:`~jobsync.model.Unavailable`, because that marks
the run's own address and must not hide the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import TypeVar, Union

from jobsync.archives import Folders
from jobsync.backend import Listed, Reader
from jobsync.base_url import base_url
from jobsync.errors import (
    Forbidden,
    NotFound,
    Refused,
    SettingsError,
    Throttled,
    Unauthorized,
    Unreadable,
)
from jobsync.lock_format import Lock
from jobsync.manifest.settings import is_this_machine
from jobsync.model import (
    Access,
    AccessChange,
    Address,
    App,
    Archived,
    DeclaredJob,
    DesiredState,
    Plan,
    RemoteFile,
    Run,
    RunState,
    Snapshot,
    Target,
    Unavailable,
)
from jobsync.outputs import lockfile
from jobsync.outputs.listing import walk
from jobsync.outputs.reasons import unavailable
from jobsync.plan.check import refuse_api
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
from jobsync.structs import replace

K = TypeVar("K")
T = TypeVar("T")
Grants = Union[Mapping[str, Access], Unavailable]
"""The access list of one run, or why it cannot be read."""

LOCAL = "local"
"""What names the embedded service in plans and journals: its URL is another one each time."""


def observe(
    desired: DesiredState,
    reader: Reader,
    lock: Lock,
    target: Target,
    outputs_of: Collection[Address] | None = None,
) -> Snapshot:
    """Everything that planning *desired* rests on, from one service and from ``jobsync.lock``.

    Costs the pages of one listing, and of two more where a job names its archive folder; an
    exact question, visible and hidden, for each name of each job without a finished or active run
    (two for most: one under the scheme before); a permission
    read for each run whose job declares permissions; a walk for each finished run whose outputs the
    lock does not prove to be here, of the addresses *outputs_of* (all of them when None) and of
    what those of them need that may be submitted.

    Raises :class:`SettingsError` when somebody else than the target's ``owner`` is acting, and when
    *desired* was loaded for another kind of target.
    """
    _same_apps(desired, target)
    with _threads(reader) as pool, _threads(reader) as access_pool:
        # Asked while the first page is on its way: nothing is decided before it is answered.
        user = pool.submit(_acting, reader, target)
        asking = _Asking(desired, reader, lock, target, pool, access_pool)
        return asking.take(user, desired.jobs if outputs_of is None else outputs_of)


def _same_apps(desired: DesiredState, target: Target) -> None:
    """Apps of the workspace count where they run: names would differ, and jobs would run again."""
    if desired.service_here not in (None, is_this_machine(target.base_url)):
        raise SettingsError(
            f"the manifests were loaded for another target than {target.name}",
            hint="load them for it: jobsync.load(paths, target=target)",
        )


def lock_of(desired: DesiredState) -> Lock:
    """What ``jobsync.lock`` of a set records, and whether each file lies where it was put."""
    return lockfile.load(desired.root, desired.outputs_root)


def ask_apps(
    reader: Reader, app_ids: Iterable[str]
) -> tuple[dict[str, App | None], dict[str, str]]:
    """The apps that the service tells about (None where it does not), and what it says of those
    that it has not."""
    apps: dict[str, App | None] = {}
    missing: dict[str, str] = {}
    for app_id in app_ids:
        try:
            apps[app_id] = reader.app(app_id)
        except NotFound as error:
            missing[app_id] = error.said
    return apps, missing


def observe_again(plan: Plan, reader: Reader, target: Target) -> Snapshot:
    """What the decisions of a saved *plan* rest on, as it is now; nothing else is asked.

    Raises :class:`StalePlan` when *plan* is for a service of another kind.
    """
    refuse_api(plan, reader.platform)
    bases = {
        change.address: plan.basis[change.address]
        for change in plan.changes
        if change.address in plan.basis
    }
    names = sorted({name for basis in bases.values() for name in basis.names})
    ids = {run_id for basis in bases.values() for run_id in basis.runs}
    listed = sorted(
        change.run.id
        for change in plan.changes
        if isinstance(change, AccessChange) and change.run and change.image is not None
    )
    with _threads(reader) as pool:
        found = _ask(pool, reader.runs_named, names)
        runs = {run.id: run for rows in found.values() for run in rows}
        pinned = _ask(pool, lambda run_id: _run(reader, run_id), sorted(ids - runs.keys()))
        runs.update({run.id: run for run in pinned.values() if run is not None})
        access = _ask(pool, lambda run_id: _access(reader, run_id), listed)
    return Snapshot(
        user=reader.whoami(),
        target=target.name,
        base_url=service_name(target),
        runs=tuple(sorted(runs.values(), key=lambda run: run.id)),
        confirmed=frozenset(names),
        access=access,
    )


def service_name(target: Target) -> str:
    """What names the service in a plan or a journal: the one spelling of its base URL."""
    return base_url(target.base_url) if target.base_url else LOCAL


@contextmanager
def _threads(reader: Reader) -> Iterator[ThreadPoolExecutor]:
    """As many as the service may be asked at once.

    When one fails, or Ctrl-C is pressed, what has not begun never does, and what is under way is
    not waited for: closing the reader ends it.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, reader.concurrency))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=True)


class _Asking:
    """One observation under way: each step asks what the step before showed to be needed."""

    def __init__(
        self,
        desired: DesiredState,
        reader: Reader,
        lock: Lock,
        target: Target,
        pool: ThreadPoolExecutor,
        access_pool: ThreadPoolExecutor,
    ) -> None:
        self._desired = desired
        self._target = target
        self._jobs = desired.jobs
        self._reader = reader
        self._pool = pool
        # Permissions are read in threads of their own: thousands of lists, before which nobody who
        # has something else to ask has to queue.
        self._access_pool = access_pool
        self._known: dict[Address, History] | None = None
        self._access: dict[str, Future[Grants]] = {}
        self._seen = Snapshot(
            user="",
            target=target.name,
            base_url=service_name(target),
            runs=(),
            fetched=lock.files,
            expectations=lock.expectations,
        )

    def take(self, user: Future[str], outputs_of: Collection[Address]) -> Snapshot:
        archived = self._begin_archived(user)
        self._list(user)
        self._read_pinned()
        submits = self._open()
        self._ask_by_name(submits)
        self._read_records()
        access = self._read_access()
        needs = {need for one in submits.intersection(outputs_of) for need in self._jobs[one].needs}
        self._walk_outputs(needs.union(outputs_of))
        if archived is not None:
            found = sorted(archived.result(), key=lambda one: one.run.id)
            self._seen = replace(self._seen, archived=tuple(found))
        self._ask_by_name(self._open() - submits)
        self._read_apps()
        return replace(self._seen, access={run_id: got.result() for run_id, got in access.items()})

    def _list(self, acting: Future[str]) -> None:
        ours = self._our_names()
        declared = {n for job in self._jobs.values() for n in names_of(self._desired, job)}
        managed = self._managed_names()
        pinned = {job.pinned for job in self._jobs.values() if job.pinned}
        platform = self._desired.platform
        projects = {own if isinstance(own, str) else own[0] for own in ours}
        prefixes = tuple(map(platform.name_prefix, projects))

        def keep(run: Listed) -> bool:
            if not run.name.startswith(prefixes):
                return False
            mark = platform.read_mark(run.name)
            if mark is None:
                return False
            if run.owner != acting.result():
                return base_of(platform, run.name) in declared
            if run.visible and mark.job in managed and run.id not in pinned:
                # Its permissions will be wanted: asked for now, while the listing goes on.
                self._access[run.id] = self._access_of(run.id)
            return mark.project in ours or mark.job in ours

        rows = self._reader.runs(keep)
        user = acting.result()
        self._seen = replace(self._seen, user=user)
        self._add([run for run in rows if run.owner == user and run.visible])
        foreign = sorted((run for run in rows if run.owner != user), key=lambda run: run.id)
        self._seen = replace(self._seen, foreign=tuple(foreign))

    def _begin_archived(self, acting: Future[str]) -> Future[list[Archived]] | None:
        """Who else has files where a declared job archives. None is asked where no path is named,
        which is what most jobs do."""
        folder = self._desired.platform.output_folder
        named = Folders(
            (archive, job.address)
            for job in self._jobs.values()
            if job.pinned is None and (archive := folder(job.request)) is not None
        )
        if not named:
            return None
        reader = self._reader
        return self._pool.submit(
            lambda: reader.archived(acting.result(), lambda one: any(named.meeting(one)))
        )

    def _our_names(self) -> set[str | tuple[str, Address]]:
        """The project, and each former (project, address)."""
        former = (
            pair for job in self._jobs.values() for pair in former_names(self._desired.project, job)
        )
        return {self._desired.project, *former}

    def _managed_names(self) -> set[tuple[str, Address]]:
        """Whose runs have their permissions managed, by what their names say."""
        return {
            pair
            for job in self._jobs.values()
            if job.permissions is not None
            for pair in (
                (self._desired.project, job.address),
                *former_names(self._desired.project, job),
            )
        }

    def _read_pinned(self) -> None:
        pins = sorted({job.pinned for job in self._jobs.values() if job.pinned})
        found = _ask(self._pool, lambda run_id: _run(self._reader, run_id), pins)
        self._add(run for run in found.values() if run is not None)

    def _open(self) -> set[Address]:
        """The jobs that may be submitted: no run is active, or has finished and has, as far as is
        known by now, what it must have produced."""
        known, lines = self._histories(), fetched_lines(self._seen)
        writers = Writers(self._desired.platform, self._seen.archived)

        def is_lost(job: DeclaredJob, run: Run) -> bool:
            if run.state is not RunState.FINISHED:
                return False
            twins = frozenset(twin.id for twin in known[job.address].exact)
            return is_incomplete(job, run, self._seen, lines) or bool(writers.after(run, twins))

        return {
            address
            for address, job in self._jobs.items()
            if job.pinned is None and all(is_lost(job, run) for run in live(known[address].exact))
        }

    def _ask_by_name(self, addresses: Collection[Address]) -> None:
        """The listing may only find. That a name does not exist takes a question of its own."""
        known = self._histories()
        answers = _ask(
            self._pool,
            lambda address: self._attempts(self._jobs[address], known[address]),
            sorted(addresses),
        )
        user = self._seen.user
        rows = [run for _, found in answers.values() for run in found]
        self._add(run for run in rows if run.owner == user)
        foreign = {run.id: run for run in self._seen.foreign}
        foreign.update({run.id: run for run in rows if run.owner != user and run.visible})
        self._seen = replace(
            self._seen,
            confirmed=self._seen.confirmed
            | {name for names, _ in answers.values() for name in names},
            foreign=tuple(sorted(foreign.values(), key=lambda run: run.id)),
        )

    def _attempts(self, job: DeclaredJob, known: History) -> tuple[list[str], list[Run]]:
        """Ask for every attempt under every name, up to the first that no run of mine carries."""
        platform = self._desired.platform
        if platform.read_mark(job.name) is None:
            raise Unreadable(f"{job.name!r} is not a name that jobsync makes")
        highest = max((attempt_of(platform, run) for run in known.exact), default=0)
        names: list[str] = []
        runs: list[Run] = []
        for attempt in count(1):
            asked = [attempt_name(platform, name, attempt) for name in known.names]
            rows = [run for name in asked for run in self._reader.runs_named(name)]
            names += asked
            runs += rows
            if attempt > highest and all(run.owner != self._seen.user for run in rows):
                break
        return names, runs

    def _read_records(self) -> None:
        """Full records, only where a difference is going to be shown: replaced and pinned runs."""
        known = self._histories()
        wanted: dict[str, Run] = {}
        for address, job in self._jobs.items():
            history = known[address]
            if job.pinned is None and not history.exact and history.older:
                runs = [(live(history.older) or history.older)[-1]]
                runs += [run for up in job.upstream for run in known[up].all]
                wanted.update({run.id: run for run in runs if run.visible and run.request is None})
            elif job.pinned is not None:
                runs = [run for up in job.upstream for run in known[up].all]
                wanted.update({run.id: run for run in runs if run.visible and run.request is None})
        found = _ask(self._pool, lambda run_id: _run(self._reader, run_id), sorted(wanted))
        self._add(run for run in found.values() if run is not None)

    def _read_access(self) -> dict[str, Future[Grants]]:
        """Of every run whose permissions are managed. Most are asked for already."""
        known = self._histories()
        managed = [
            run.id
            for address, job in self._jobs.items()
            if job.permissions is not None
            for run in known[address].all
            if run.visible
        ]
        return {run_id: self._access.get(run_id) or self._access_of(run_id) for run_id in managed}

    def _access_of(self, run_id: str) -> Future[Grants]:
        return self._access_pool.submit(_access, self._reader, run_id)

    def _walk_outputs(self, addresses: Collection[Address]) -> None:
        known = self._histories()
        self._seen = seen = with_present_addresses(self._seen, known)
        lines = fetched_lines(seen)
        runs: list[str] = []
        for address, job in self._jobs.items():
            if address not in addresses or not declares_outputs(job):
                continue
            ended = finished(known[address].exact)
            # Of several, the oldest that has produced what it must is the current one.
            recorded = [run for run in ended if is_recorded(job, run, seen, lines)]
            current = recorded[:1] or ended
            runs += [run.id for run in current if to_list(job, run, seen, lines)]
        with _threads(self._reader) as walkers:
            found = _ask(walkers, lambda run_id: _files(self._reader, run_id, self._pool), runs)
        self._seen = replace(self._seen, outputs={**self._seen.outputs, **found})

    def _read_apps(self) -> None:
        """The apps of jobs that may be submitted, so that what they would refuse is said first.

        Also of pinned runs that lack something: only their apps tell whether it was dropped.
        """
        known, submits = self._histories(), self._open()
        platform, wanted = self._desired.platform, set()
        for address, job in self._jobs.items():
            if job.pinned is None:
                if "appId" in job.request and address in submits:
                    wanted.add(str(job.request["appId"]))
            else:
                runs = known[address].exact
                wanted.update(
                    run.app_id for run in runs if run.request and lacking(job, run, platform)
                )
        apps, missing = ask_apps(self._reader, sorted(wanted))
        self._seen = replace(self._seen, apps=apps, missing_apps=missing)
        self._read_changed_apps()

    def _read_changed_apps(self) -> None:
        """When the private apps of jobs that have a run were changed: a note, and nothing more.

        What cannot be read of them is left out. Apps that run in this folder are files of it.
        """
        if self._target.base_url == "":
            return
        known = self._histories()
        wanted = {
            str(job.request.get("appId"))
            for address, job in self._jobs.items()
            if job.pinned is None and job.app is None and live(known[address].exact)
        }
        asked = sorted(a for a in wanted if a not in self._seen.missing_apps and not _is_public(a))
        found = _ask(self._pool, lambda app_id: _changed(self._reader, app_id), asked)
        changed = {app_id: when for app_id, when in found.items() if when is not None}
        self._seen = replace(self._seen, changed_apps=changed)

    def _histories(self) -> dict[Address, History]:
        if self._known is None:
            self._known = histories(self._desired, self._seen)
        return self._known

    def _add(self, runs: Iterable[Run]) -> None:
        """Merge by id; a full record replaces a summary row, never the other way round."""
        merged = {run.id: run for run in self._seen.runs}
        for run in runs:
            if run.request is not None or run.id not in merged:
                merged[run.id] = run
        ordered = tuple(sorted(merged.values(), key=lambda run: run.id))
        if ordered != self._seen.runs:
            self._seen = replace(self._seen, runs=ordered)
            self._known = None


def _ask(pool: ThreadPoolExecutor, question: Callable[[K], T], about: Iterable[K]) -> dict[K, T]:
    """Ask one question about many things at once; the first failure is raised."""
    keys = list(dict.fromkeys(about))
    return dict(zip(keys, pool.map(question, keys), strict=True))


def _acting(reader: Reader, target: Target) -> str:
    user = reader.whoami()
    if target.owner and target.owner != user:
        raise SettingsError(
            f"target {target.name} is for {target.owner}, but the credentials are {user}'s",
            hint=f"log in as {target.owner}, or change targets.{target.name}.owner",
        )
    return user


def _is_public(app_id: str) -> bool:
    """Whether the id is that of a public app, which ends with its revision and never changes."""
    return re.search(r"u[0-9]+$", app_id) is not None


def _changed(reader: Reader, app_id: str) -> datetime | None:
    try:
        app = reader.app(app_id)
    except (Unauthorized, Throttled):
        raise
    except (Refused, Unreadable):
        return None
    return app.changed if app else None


def _run(reader: Reader, run_id: str) -> Run | None:
    try:
        return reader.run(run_id)
    except (NotFound, Forbidden):
        return None


def _access(reader: Reader, run_id: str) -> Grants:
    try:
        return reader.access(run_id)
    except (Unauthorized, Throttled):
        raise
    except Refused as error:
        return Unavailable(str(error))


def _files(
    reader: Reader, run_id: str, pool: ThreadPoolExecutor
) -> tuple[RemoteFile, ...] | Unavailable:
    try:
        return walk(reader, run_id, pool)
    except (Unauthorized, Throttled):
        raise
    except (Refused, Unreadable) as error:
        return Unavailable(unavailable(run_id, error, reader.platform))
