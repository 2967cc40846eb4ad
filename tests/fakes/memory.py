"""An honest jobs service in memory, with the quirks that matter to an apply, and a clock.

Time only passes when somebody sleeps. Every call is counted in ``calls``. Faults are put into
``script[verb]``, a list that is used up from the front: each a callable that is given the call to
make and may make it or not.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from jobsync.backend import Content, HiddenRun, HistoryEvent
from jobsync.errors import Forbidden, NotFound, SubmitRejected
from jobsync.model import NO_ACCESS, Access, App, Archive, Archived, RemoteFile, Run, RunState
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.archive import JOB as RESOLVED
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.structs import replace
from tests.fakes.memory_outputs import Outputs

STATES = {
    "FINISHED": RunState.FINISHED,
    "FAILED": RunState.FAILED,
    "STOPPED": RunState.STOPPED,
    "KILLED": RunState.STOPPED,
}
START = 1_700_000_000.0


class FakeClock:
    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []
        self._guard = threading.Lock()

    def now(self) -> float:
        return START + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._guard:
            self.time += max(0.0, seconds)
            self.slept.append(seconds)


@dataclass
class Job:
    id: str
    name: str
    owner: str
    request: dict[str, Any]
    born: float
    life: tuple[tuple[float, str], ...]
    visible: bool = True
    final: str = ""
    message: str = ""
    grants: dict[str, Access] = field(default_factory=dict)

    def status(self, now: float) -> str:
        if self.final:
            return self.final
        status = "PENDING"
        for after, word in self.life:
            if now >= self.born + after:
                status = word
        return status


def _reached(job: Job, now: float, wanted: Callable[[str], bool]) -> datetime | None:
    """When the life of *job* first came to a status that is *wanted*."""
    past = [after for after, word in job.life if wanted(word) and now >= job.born + after]
    return _moment(job.born + past[0]) if past else None


def archiving(job: Job) -> dict[str, Any]:
    """The record of the request: where the outputs go is filled in."""
    request = dict(job.request)
    if request.get("archive", True):
        request.setdefault("archiveSystem", "archive")
        request.setdefault("archivePath", f"{job.owner}/archive/jobs/job-{job.id}")
    return request


def resolving(job: Job) -> dict[str, Any]:
    """The full record of a job of Tapis v3: its request, and the job as it was resolved."""
    place = {"archiveSystemId": "archive", "archiveSystemDir": f"/jobs/{job.id}/archive"}
    return {**job.request, RESOLVED: {**place, "status": "FINISHED"}}


RECORDS = {TAPIS.name: resolving}
"""What makes the record of a request on each platform; :func:`archiving` on the others."""


class MemoryService:
    """The service itself. ``fates`` maps an exact name, or "" for the rest, to a life.

    ``outputs`` has those of each run by its id; ``apps`` None: it does not tell of any;
    ``resolved`` makes the record of a request.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.jobs: dict[str, Job] = {}
        self.fates: dict[str, tuple[tuple[float, str], ...]] = {
            "": ((1, "RUNNING"), (5, "FINISHED"))
        }
        self.read_lag = 0.0
        self.search_lag = 0.0
        self.calls: list[tuple[Any, ...]] = []
        self.script: dict[str, list[Callable[[Callable[[], Any]], Any]]] = defaultdict(list)
        self.ignore_grants_to: set[str] = set()
        self.outputs: Callable[[str], Outputs] = lambda run_id: Outputs({})
        self.apps: dict[str, App] | None = None
        self.login_over = ""
        self.resolved: Callable[[Job], dict[str, Any]] = archiving
        self.no_users: set[str] = set()
        self.untold_users: set[str] = set()
        self.guard = threading.RLock()

    def named(self, name: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.name == name]

    def posts(self, name: str = "") -> int:
        return sum(1 for c in self.calls if c[0] == "submit" and (not name or c[1] == name))

    def make(self, name: str, owner: str, request: Mapping[str, Any], **more: Any) -> Job:
        with self.guard:
            number = len(self.jobs) + 1
            life = self.fates.get(name, self.fates[""])
            job = Job(
                f"{number:04d}-mem-0001-007", name, owner, dict(request), self.clock.time, life
            )
            for key, value in more.items():
                setattr(job, key, value)
            self.jobs[job.id] = job
            return job


class MemoryBackend:
    """The service as *user* sees it."""

    def __init__(
        self, service: MemoryService, user: str = "alice", platform: Platform = AGAVE
    ) -> None:
        self.service = service
        self.user = user
        self.platform = platform

    base_url = "https://memory.example"
    concurrency = 4

    def close(self) -> None:
        """Nothing waits here."""

    def _call(self, verb: str, *arguments: Any, do: Callable[[], Any]) -> Any:
        with self.service.guard:
            self.service.calls.append((verb, *arguments))
            script = self.service.script[verb]
            fault = script.pop(0) if script else None
        if fault is not None:
            return fault(do)
        with self.service.guard:
            return do()

    def _shown(self, job: Job, *, full: bool) -> Run:
        now = self.service.clock.time
        status = job.status(now)
        request = self.service.resolved(job) if full else None
        return Run(
            id=job.id,
            name=job.name,
            owner=job.owner,
            app_id=str(job.request.get("appId", "")),
            status=status,
            state=STATES.get(status, RunState.ACTIVE),
            visible=job.visible,
            created=_moment(job.born),
            started=_reached(job, now, lambda word: word != "PENDING"),
            ended=_reached(job, now, lambda word: word in STATES),
            message=job.message,
            request=request,
        )

    def _sees(self, job: Job) -> bool:
        return job.owner == self.user or "read" in self._level(job).gives

    def _level(self, job: Job) -> Access:
        for name in sorted(job.grants):
            if name in (self.user, "world"):
                return job.grants[name]
        return NO_ACCESS

    def _visible(self, run_id: str) -> Job:
        job = self.service.jobs.get(run_id)
        lag = self.service.read_lag
        if job is None or not job.visible or self.service.clock.time < job.born + lag:
            raise NotFound(f"no job {run_id}", status=404)
        return job

    def _readable(self, run_id: str) -> Job:
        job = self._visible(run_id)
        if not self._sees(job):
            raise Forbidden("no READ", status=403)
        return job

    def _writable(self, run_id: str) -> Job:
        job = self.service.jobs.get(run_id)
        if job is None:
            raise NotFound(f"no job {run_id}", status=404)
        if job.owner != self.user and "write" not in self._level(job).gives:
            raise Forbidden("no WRITE", status=403)
        return job

    # --- Reader -----------------------------------------------------------------------

    def served_at(self) -> float | None:
        return None

    def whoami(self) -> str:
        return self.user

    def runs(self, keep: Callable[[Run], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        def do() -> list[Run]:
            now, lag = self.service.clock.time, self.service.search_lag
            jobs = [
                job
                for job in self.service.jobs.values()
                if job.visible and self._sees(job) and now >= job.born + lag
            ]
            rows = [self._shown(job, full=False) for job in jobs]
            if prefixes:  # as a service that can search does
                rows = [run for run in rows if run.name.startswith(tuple(prefixes))]
            return [run for run in rows if keep(run)]

        return list(self._call("runs", do=do))

    def shared_runs(self, keep: Callable[[Run], bool], prefixes: Sequence[str] = ()) -> list[Run]:
        return self.runs(keep, prefixes)

    def archived(self, owner: str, wanted: Callable[[Archive], bool]) -> list[Archived]:
        def do() -> list[Archived]:
            found = []
            for job in self.service.jobs.values():
                run = self._shown(job, full=True)
                folder = self.platform.output_folder(run.request or {})
                if job.owner == owner and folder is not None and wanted(folder):
                    found.append(Archived(replace(run, request=None), folder))
            return found

        return list(self._call("archived", do=do))

    def login_over(self) -> str:
        return self.service.login_over

    def runs_by_id(self, run_ids: Collection[str]) -> list[Run]:
        return self.runs(lambda run: run.id in run_ids)

    def runs_named(
        self, name: str, known: Collection[str] = (), *, brief: bool = False
    ) -> list[Run]:
        def do() -> list[Run]:
            now, lag = self.service.clock.time, self.service.search_lag
            return [
                self._shown(job, full=not brief)
                for job in self.service.named(name)
                if self._sees(job)
                and now >= job.born + lag
                and (job.visible or self.platform.finds_hidden or job.id in known)
            ]

        return list(self._call("runs_named", name, do=do))

    def run(self, run_id: str, *, brief: bool = False) -> Run:
        def do() -> Run:
            job = self.service.jobs.get(run_id)
            if job and not job.visible and not self.platform.finds_hidden:
                raise HiddenRun(self._shown(job, full=not brief))
            return self._shown(self._readable(run_id), full=not brief)

        run: Run = self._call("run", run_id, do=do)
        return run

    def access(self, run_id: str) -> dict[str, Access]:
        def do() -> dict[str, Access]:
            job = self._readable(run_id)
            return {user: job.grants[user] for user in sorted(job.grants)}

        return dict(self._call("access", run_id, do=do))

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        self._call("files", run_id, do=lambda: self._readable(run_id))
        return self.service.outputs(run_id).files(folder)

    @contextmanager
    def open(
        self, run_id: str, path: str, offset: int = 0, size: int | None = None
    ) -> Iterator[Content]:
        self._call("open", run_id, path, do=lambda: self._readable(run_id))
        with self.service.outputs(run_id).open(path, offset) as content:
            yield content

    def history(self, run_id: str) -> list[HistoryEvent]:
        def do() -> list[HistoryEvent]:
            job, now = self._readable(run_id), self.service.clock.time
            past = [(0.0, "PENDING"), *(step for step in job.life if now >= job.born + step[0])]
            if job.final:
                past = [(after, word) for after, word in past if word not in STATES]
                past.append((now - job.born, job.final))
            return [
                HistoryEvent(word, str(_moment(job.born + after)), job.owner, word.lower())
                for after, word in past
            ]

        return list(self._call("history", run_id, do=do))

    def has_user(self, name: str) -> bool | None:
        return None if name in self.service.untold_users else name not in self.service.no_users

    def app(self, app_id: str) -> App | None:
        if self.service.apps is None:
            return None
        if app_id not in self.service.apps:
            raise NotFound(f"no app {app_id}", status=404, said=f"no app {app_id}")
        return self.service.apps[app_id]

    def app_ids(self) -> list[str]:
        return sorted(self.service.apps or ())

    # --- Backend ----------------------------------------------------------------------

    def submit(self, name: str, request: Mapping[str, Any]) -> Run:
        def do() -> Run:
            if self.service.apps is not None and request.get("appId") not in self.service.apps:
                raise SubmitRejected(f"no app {request.get('appId')}", status=400)
            return self._shown(self.service.make(name, self.user, request), full=True)

        run: Run = self._call("submit", name, do=do)
        return run

    def grant(self, run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
        def do() -> None:
            job = self._writable(run_id)
            if user == job.owner or user in self.service.ignore_grants_to:
                return
            if access == NO_ACCESS:
                job.grants.pop(user, None)
            else:
                job.grants[user] = access

        self._call("grant", run_id, user, access, do=do)

    def restore(self, run_id: str) -> None:
        def do() -> None:
            self._writable(run_id).visible = True

        self._call("restore", run_id, do=do)

    def hide(self, run_id: str) -> None:
        def do() -> None:
            if run_id in self.service.jobs:
                job = self._writable(run_id)
                self._end(job)
                job.visible = False

        self._call("hide", run_id, do=do)

    def stop(self, run_id: str) -> None:
        def do() -> None:
            self._end(self._writable(run_id))

        self._call("stop", run_id, do=do)

    def _end(self, job: Job) -> None:
        if job.status(self.service.clock.time) not in STATES:
            job.final = "STOPPED"


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(START + time, timezone.utc)


def as_run_state(run: Run, status: str) -> Run:
    return replace(run, status=status, state=STATES.get(status, RunState.ACTIVE))


JOB = "0001-test-007"


def finished_run(job_id: str = JOB) -> Run:
    return Run(job_id, "p.a.aaaaaaaaaa", "alice", "app", "FINISHED", RunState.FINISHED)


class OneRun(MemoryBackend):
    """A service on which every id is that of one finished run with these outputs."""

    def __init__(self, files: Mapping[str, bytes], *, chunk: int = 256 * 1024) -> None:
        super().__init__(MemoryService())
        self.outputs = Outputs(files, chunk=chunk)
        self.service.outputs = lambda run_id: self.outputs
        self._job = self.service.make("p.a.aaaaaaaaaa", "alice", {}, final="FINISHED")

    def _readable(self, run_id: str) -> Job:
        return self._job
