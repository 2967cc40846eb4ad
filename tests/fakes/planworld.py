"""A small pure world: a service of plain values that a plan can be carried out on.

Written from the contract, without the code under test: it judges plans by what they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar, cast

from jobsync.errors import Location
from jobsync.identity import fingerprint, old_fingerprint
from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    Action,
    App,
    Archived,
    DeclaredJob,
    DesiredState,
    FetchedFile,
    Grant,
    Guards,
    IdRef,
    JobChange,
    Mark,
    OutputChange,
    OutputRef,
    OutputRule,
    PermissionsMode,
    Plan,
    Presence,
    RemoteFile,
    Run,
    RunRef,
    RunState,
    Snapshot,
)
from jobsync.platform import Platform
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.run_names import read_mark, run_name
from jobsync.platforms.tapis.archive import JOB
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.structs import replace

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
STATUS = {
    RunState.ACTIVE: "RUNNING",
    RunState.FINISHED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.STOPPED: "STOPPED",
}
APPS: dict[str, dict[str, Any]] = {
    AGAVE.name: {"appId": "tool-1.0"},
    TAPIS.name: {"appId": "tool", "appVersion": "1.0"},
}
T = TypeVar("T")
ME = "alice"
PROJECT = "phylo"
FILES = (RemoteFile("out.txt", 12, "t1"), RemoteFile("logs/a.log", 3, "t1"))


def grants(**levels: str) -> dict[str, Grant]:
    return {user: Grant(LEVELS[level]) for user, level in levels.items()}


def rows(**levels: str) -> dict[str, Access]:
    return {user: LEVELS[level] for user, level in levels.items()}


@dataclass(frozen=True)
class Older:
    """What a job's fingerprints were under older schemes, whatever its address is."""

    found: tuple[str, ...] | None

    def of(self, address: str) -> tuple[str, ...] | None:
        return self.found


def job(
    address: str,
    request: Mapping[str, Any] | None = None,
    *,
    among: Mapping[str, DeclaredJob] | None = None,
    platform: Platform = AGAVE,
    **fields: Any,
) -> DeclaredJob:
    """A declared job with its fingerprint worked out. *among* has the jobs it takes things from."""
    request = {**APPS[platform.name], **(request or {})}
    upstream = tuple(sorted({found.address for found in _refs(request)}))
    known = among or {}
    prints = {up: known[up].pinned or known[up].fingerprint for up in upstream if up in known}
    mark = fingerprint(
        platform,
        request,
        upstream=prints,
        digests=fields.get("digests", {}),
        rerun=fields.get("rerun", 1),
    )
    then = {up: known[up].pinned or (known[up].older or ("",))[0] for up in upstream if up in known}
    was = old_fingerprint(
        platform,
        request,
        upstream={up: (up, mark) for up, mark in then.items()},
        digests=fields.get("digests", {}),
        rerun=fields.get("rerun", 1),
    )
    needs = tuple(sorted({*upstream, *fields.pop("needs", ())}))
    return DeclaredJob(
        address=address,
        fingerprint=mark,
        name=f"{PROJECT}.{address}.{mark}",
        request=request,
        upstream=upstream,
        needs=needs,
        **{
            "where": Location("jobs.yaml", 3, 3),
            "earlier": Older((was,)) if platform.scheme_before else None,
            **fields,
        },
    )


def names(one: DeclaredJob) -> set[str]:
    """Every name, without attempt, that a run of *one* may have."""
    addresses = {f"{PROJECT}/{one.address}"}
    addresses.update(f if "/" in f else f"{PROJECT}/{f}" for f in one.formerly)
    marks = {one.fingerprint, *(one.older or ())}
    return {f"{address.replace('/', '.')}.{mark}" for address in addresses for mark in marks}


def all_of(kind: type[T], changes: Iterable[object]) -> list[T]:
    """*changes*, each of which has to be of this kind."""
    found = list(changes)
    assert all(isinstance(change, kind) for change in found)
    return cast("list[T]", found)


def id_of(run: RunRef | None) -> str:
    """The id of a run that has to be there."""
    assert run is not None
    return run.id


def first_name(mark: Mark) -> str:
    """The name of the first attempt."""
    return f"{mark.project}.{mark.address}.{mark.fingerprint}"


def _refs(value: object) -> Iterable[OutputRef | IdRef]:
    if isinstance(value, (OutputRef, IdRef)):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def desired(
    *jobs: DeclaredJob, guards: Guards | None = None, platform: Platform = AGAVE
) -> DesiredState:
    return DesiredState(
        platform=platform,
        project=PROJECT,
        jobs={one.address: one for one in sorted(jobs, key=lambda one: one.address)},
        root="/set",
        outputs_root="/set",
        digest="d" * 64,
        guards=guards or Guards(),
    )


@dataclass
class World:
    """The runs of a service with their access lists, and a lock file."""

    runs: dict[str, Run] = field(default_factory=dict)
    acl: dict[str, dict[str, Access]] = field(default_factory=dict)
    files: dict[str, tuple[RemoteFile, ...]] = field(default_factory=dict)
    fetched: list[FetchedFile] = field(default_factory=list)
    expectations: set[tuple[str, str]] = field(default_factory=set)
    apps: dict[str, App | None] = field(default_factory=dict)
    log: list[tuple[str, ...]] = field(default_factory=list)
    ticks: int = 0
    platform: Platform = AGAVE

    def add(
        self,
        name: str,
        state: RunState = RunState.FINISHED,
        *,
        owner: str = ME,
        visible: bool = True,
        request: Mapping[str, Any] | None = None,
        acl: Mapping[str, Access] | None = None,
        message: str = "",
        files: tuple[RemoteFile, ...] = FILES,
    ) -> Run:
        self.ticks += 1
        run_id, record = self._record({**APPS[self.platform.name], **(request or {})}, owner)
        run = Run(
            id=run_id,
            name=name,
            owner=owner,
            app_id=str(record["appId"]),
            status=STATUS[state],
            state=state,
            visible=visible,
            created=START + timedelta(minutes=self.ticks),
            message=message,
            request=record,
        )
        self.runs[run_id] = run
        self.acl[run_id] = dict(acl or {})
        self.files[run_id] = files
        return run

    def _record(self, sent: dict[str, Any], owner: str) -> tuple[str, dict[str, Any]]:
        """The id of a new run, and its request with what the service adds."""
        if self.platform is TAPIS:
            run_id = f"00000000-0000-0000-0000-{self.ticks:012d}-007"
            places = {"archiveSystemId": "data", "archiveSystemDir": f"/jobs/{run_id}"}
            return run_id, {**sent, JOB: {"uuid": run_id, **places}}
        run_id = f"{self.ticks:04d}-007"
        sent.setdefault("archive", True)
        if sent["archive"]:
            sent.setdefault("archiveSystem", "data")
            sent.setdefault("archivePath", f"{owner}/archive/job-{run_id}")
        return run_id, sent

    def of(self, one: DeclaredJob, state: RunState = RunState.FINISHED, **fields: Any) -> Run:
        """A run of a declared job, as if it had been submitted."""
        attempt = fields.pop("attempt", 1)
        base = f"{PROJECT}.{one.address}.{fields.pop('mark', one.fingerprint)}"
        name = base if attempt == 1 else f"{base}.r{attempt}"
        fields.setdefault("request", self.resolved(one.request))
        return self.add(name, state, **fields)

    def resolved(self, value: object) -> Any:
        """References become what the service is sent."""
        if isinstance(value, OutputRef):
            sent = self.current(value.address).request or {}
            if self.platform is TAPIS:
                job = cast("dict[str, Any]", sent[JOB])
                return f"tapis://{job['archiveSystemId']}{job['archiveSystemDir']}/{value.path}"
            return f"agave://{sent['archiveSystem']}/{sent['archivePath']}/{value.path}"
        if isinstance(value, IdRef):
            return self.current(value.address).id
        if isinstance(value, Mapping):
            return {key: self.resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        return value

    def current(self, address: str) -> Run:
        mine = [
            run
            for run in self.runs.values()
            if run.owner == ME
            and run.visible
            and run.state is RunState.FINISHED
            and (name := read_mark(run.name))
            and name.address == address
        ]
        return mine[-1]

    def snapshot(self, wanted: DesiredState | None = None) -> Snapshot:
        """What a careful observer sees of this world for *wanted*."""
        jobs = wanted.jobs.values() if wanted else ()
        asked_for = {name for one in jobs for name in names(one)}
        pins = {one.pinned for one in jobs}
        runs, foreign = [], []
        for run in self.runs.values():
            parsed = read_mark(run.name)
            asked = parsed is not None and first_name(parsed) in asked_for
            if run.id in pins:
                runs.append(run)
            elif run.owner != ME:
                if asked:
                    foreign.append(run)
            elif run.visible or asked:
                runs.append(run)
        confirmed = {
            run_name(replace(first, attempt=attempt))
            for name in asked_for
            if (first := read_mark(name))
            for attempt in range(1, 12)
        }
        return Snapshot(
            user=ME,
            target="local",
            base_url="http://127.0.0.1:1",
            runs=tuple(runs),
            foreign=tuple(foreign),
            archived=tuple(
                Archived(run, archive)
                for run in self.runs.values()
                if run.owner == ME and (archive := self.platform.output_folder(run.request or {}))
            ),
            confirmed=frozenset(confirmed),
            access={run.id: dict(self.acl[run.id]) for run in runs if run.visible},
            outputs={
                run.id: self.files[run.id]
                for run in runs
                if run.visible and run.state is RunState.FINISHED
            },
            apps=dict(self.apps),
            fetched=tuple(self.fetched),
            expectations=frozenset(self.expectations),
        )

    # --- carrying out a plan ------------------------------------------------------------

    def apply(self, plan: Plan, *, ends: RunState = RunState.FINISHED) -> None:
        """Do what *plan* says; every new run ends in state *ends*."""
        made: dict[str, str] = {}
        for change in plan.changes:
            if isinstance(change, JobChange) and change.action is Action.RESTORE:
                self._manage(change)
        waiting = {
            c.address: c
            for c in plan.changes
            if isinstance(c, JobChange)
            and c.action in (Action.CREATE, Action.REPLACE, Action.RETRY)
        }
        self._wait_for({need for change in waiting.values() for need in change.needs})
        while waiting:
            ready = [a for a, c in waiting.items() if not set(c.needs) & set(waiting)]
            for address in ready:
                change = waiting.pop(address)
                made[address] = self._submit(change, ends)
        for change in plan.changes:
            if isinstance(change, JobChange) and change.action in (Action.STOP, Action.DELETE):
                self._manage(change)
        for change in plan.changes:
            if isinstance(change, AccessChange):
                self._permit(change, change.run.id if change.run else made[change.address])
        for change in (*plan.changes, *plan.awaiting):
            if isinstance(change, OutputChange):
                self._fetch(change, change.run.id if change.run else made[change.address])

    def _wait_for(self, addresses: set[str]) -> None:
        """What others need and is active comes to its end, where nothing of its name has yet."""
        names = {r.id: read_mark(r.name) for r in self.runs.values()}
        done = {
            first_name(name)
            for r in self.runs.values()
            if (name := names[r.id])
            and r.owner == ME
            and r.visible
            and r.state is RunState.FINISHED
        }
        for run in list(self.runs.values()):
            name = names[run.id]
            if name is None or name.address not in addresses or first_name(name) in done:
                continue
            if run.owner == ME and run.visible and run.state is RunState.ACTIVE:
                self._set(run, state=RunState.FINISHED, status="FINISHED")

    def _submit(self, change: JobChange, ends: RunState) -> str:
        if ends is not RunState.FINISHED and change.upstream:
            return self.add(change.name, ends, request=dict(change.request)).id
        run = self.add(change.name, ends, request=self.resolved(change.request))
        self.log.append(("submit", change.name))
        return run.id

    def _manage(self, change: JobChange) -> None:
        assert change.before is not None
        run = self.runs[change.before.id]
        if change.action is Action.RESTORE:
            self._set(run, visible=True)
        elif change.action is Action.DELETE:
            self._set(run, visible=False)
        elif change.action is Action.STOP:
            self._set(run, state=RunState.STOPPED, status="STOPPED")
        else:
            return
        self.log.append((str(change.action), run.id))

    def _set(self, run: Run, **fields: Any) -> None:
        self.runs[run.id] = replace(run, **fields)

    def folded(self, user: str) -> str:
        """Agave v2 takes two spellings of a name for one, Tapis v3 for two users."""
        return user if self.platform is TAPIS else user.lower()

    def _permit(self, change: AccessChange, run_id: str) -> None:
        acl = self.acl[run_id]
        names = {self.folded(user): user for user in acl}
        if change.image is not None:
            assert acl == dict(change.image), "the list moved"
            spelled = {grant.user: grant.user for grant in change.grants}
        else:
            spelled = {g.user: names.get(self.folded(g.user), g.user) for g in change.grants}
            if change.mode is PermissionsMode.EXACT:
                for user in set(acl) - set(spelled.values()):
                    del acl[user]
        for grant in change.grants:
            user = spelled[grant.user]
            taken = names.get(self.folded(user), user)
            assert taken == user, "a second spelling is refused"
            assert user != self.runs[run_id].owner, "the owner's row is never written"
            acl.pop(user, None)
            if grant.after != NO_ACCESS:
                acl[user] = grant.after
            self.log.append(("grant", run_id, grant.user))

    def _fetch(self, change: OutputChange, run_id: str) -> None:
        from jobsync.plan.output_rules import choose_files

        run = self.runs[run_id]
        if run.state is not RunState.FINISHED or not run.visible:
            return
        chosen = choose_files(change.rules, change.expect, self.files[run_id])
        known = {(line.address, line.job_id, line.path, line.to) for line in self.fetched}
        for file in chosen.fetches if change.files is None else change.files:
            key = (change.address, run_id, file.path, file.to)
            self.fetched = [
                replace(line, presence=Presence.HERE)
                if (line.address, line.job_id, line.path, line.to) == key
                else line
                for line in self.fetched
            ]
            if key not in known:
                self.fetched.append(FetchedFile(*key, size=file.length, sha256="0" * 64))
        if change.expect and not chosen.missing:
            self.expectations.add((change.address, run_id))


def rule(path: str = "out.txt", to: str = "results/", **fields: Any) -> OutputRule:
    return OutputRule(path, to, **fields)
