"""A real service, the real client, real manifests: one world of the model-based test.

What is right is worked out here from product §5, and in ``access_apis`` from what each api says of
permissions, from the rows in the service's own books, without the planner's or the applier's code.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from jobsync.apply import ApplySettings, SubmitLimits, apply
from jobsync.backend import Backend
from jobsync.cli import pipeline
from jobsync.local.store.statuses import STATUSES
from jobsync.model import Access, Outcome, Plan, Snapshot, Target
from jobsync.plan import PlanOptions
from jobsync.platforms import loading
from jobsync.testing import LocalService

PEOPLE = ("amy", "bob", "worl", "worldly", "zed")
STRANGER = "stranger"
SHORT = SubmitLimits(settle=3.0, visible=5.0, pause=0.02, longest_pause=0.1)
_numbers = itertools.count(1)

Level = tuple[bool, ...]
"""What a row gives, each thing that can be given on its own."""
Rows = Mapping[str, Level]
Levels = dict[str, Level]


@dataclass
class Job:
    """What is declared of one address. ``permissions`` None leaves the key out."""

    permissions: dict[str, Any] | None = None
    mode: str = "exact"
    version: int = 0
    retries: int = 0
    pinned: str = ""


@dataclass
class Written:
    """One row that somebody changed, and the whole list after it."""

    run: str
    by: str
    user: str
    rows: Levels


@dataclass
class Applied:
    """One apply: what was there, what was sent, what came of it."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    prior: dict[str, Levels]
    sent: list[tuple[str, str, Access]]
    written: list[Written]


class World:
    """Two users with manifests between them: *me* applies, *olga* owns the pinned job, and may be
    me. What hangs on the api, the worlds of ``access_apis`` say."""

    app: ClassVar[dict[str, Any]]
    nothing: ClassVar[Level]
    id: ClassVar[str]

    def __init__(self, service: LocalService) -> None:
        self.service, self.store = service, service.service.store
        self.me, self.olga = self.users(next(_numbers))
        for user in {self.me, self.olga}:
            service.add_user(user)
        self.folder = Path(tempfile.mkdtemp(prefix="jobsync-access-"))
        self.team: list[str] = ["bob"]
        pinned = service.submit(self.olga, name="by hand")[self.id]
        self.finish(pinned)
        self.jobs = {"a": Job(), "b": Job(), "pin": Job(pinned=pinned)}
        self.written: list[Written] = []
        self.sent: list[tuple[str, str, Access]] = []
        self.backend = self.connect()
        self.target = Target("env", service.url, api=self.backend.platform.name)
        self.listen()
        self._hear_grants()

    def close(self) -> None:
        self.backend.close()
        self.forget()
        shutil.rmtree(self.folder)

    def _hear_grants(self) -> None:
        """Remember each grant as it is sent."""
        send = self.backend.grant

        def grant(run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
            self.sent.append((run_id, user, access))
            send(run_id, user, access, is_new=is_new)

        self.backend.grant = grant  # type: ignore[method-assign]

    # --- what each api says ---------------------------------------------------------------

    def users(self, number: int) -> tuple[str, str]:
        """Me, and the owner of the pinned job."""
        raise NotImplementedError

    def connect(self) -> Backend:
        raise NotImplementedError

    def listen(self) -> None:
        """Remember each row as the service's books get it."""
        raise NotImplementedError

    def forget(self) -> None:
        """Leave the service's books as they were before :meth:`listen`."""
        raise NotImplementedError

    def rows(self, run: str) -> Levels:
        """Who has what, in the service's own books."""
        raise NotImplementedError

    def by_hand(self, who: str, run: str, user: str, word: Any) -> int:
        """Somebody changes a row of *run*."""
        raise NotImplementedError

    def hide(self, run: str) -> int:
        raise NotImplementedError

    def let_me_in(self) -> None:
        """Olga lets me in first, in case that I have given up her job."""

    def twin(self, row: Any) -> str:
        """Another run of the name of *row*, younger than it."""
        raise NotImplementedError

    def requested(self, version: int) -> dict[str, Any]:
        """The part of a request that differs from version to version."""
        raise NotImplementedError

    def level(self, access: Access) -> Level:
        raise NotImplementedError

    def level_of(self, word: Any) -> Level:
        """What a word of a manifest gives."""
        raise NotImplementedError

    def folded(self, user: str) -> str:
        """What all spellings of one user have in common."""
        return user

    def spelled(self, user: str, image: Rows) -> str:
        """How a list spells a user whom a manifest names."""
        return user

    def may(self, rows: Rows, owner: str, user: str) -> Level:
        """What a user can do with a run of *owner* that has *rows*."""
        raise NotImplementedError

    def may_in_between(self, was: Level, will: Level) -> tuple[Level, ...]:
        """What somebody can do while a list is being changed."""
        return (was, will)

    def is_unseen(self, outcome: Outcome) -> bool:
        """Whether what was done cannot be proven, so that it is reported as not done."""
        return False

    def gave_up(self) -> bool:
        """Whether I have taken my own access to the pinned run."""
        return False

    # --- the service's own books ------------------------------------------------------

    def mine(self) -> list[Any]:
        """My jobs but the pinned one, hidden ones too; their order does not hang on their ids."""
        pinned = self.jobs["pin"].pinned
        jobs = [row for row in self.store.jobs_in(STATUSES) if row.owner == self.me]
        rows = [row for row in jobs if row.id != pinned]
        return sorted(rows, key=lambda row: (row.name, row.created, row.number))

    def all_rows(self) -> dict[str, Levels]:
        runs = [row.id for row in self.store.jobs_in(STATUSES) if row.owner in (self.me, self.olga)]
        return {run: self.rows(run) for run in runs}

    def finish(self, run: str, status: str = "FINISHED") -> None:
        message = {"message": "it broke"} if status == "FAILED" else {}
        self.store.update(run, status=status, **message)

    # --- plan and apply -----------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        jobs: dict[str, Any] = {}
        for address, job in self.jobs.items():
            entry: dict[str, Any] = dict(self.app)
            if job.pinned:
                entry |= {"id": job.pinned}
            else:
                entry |= self.requested(job.version)
                entry |= {"onFailure": {"retries": job.retries}}
            if job.permissions is not None:
                entry |= {"permissions": job.permissions, "permissionsMode": job.mode}
            jobs[address] = entry
        return {"apiVersion": "jobsync/v1", "project": "access", "teams": {"lab": self.team},
                "jobs": jobs}  # fmt: skip

    def plan(self) -> tuple[Plan, Snapshot]:
        (self.folder / "set.yaml").write_text(json.dumps(self.manifest()))
        desired = loading.load((self.folder / "set.yaml",), target=self.target)
        self.names = {address: job.name for address, job in desired.jobs.items()}
        environ = {"JOBSYNC_STATE_DIR": str(self.folder / "state")}
        return pipeline.decide(desired, self.target, self.backend, PlanOptions(), environ)

    def apply(self, plan: Plan) -> Applied:
        prior = self.all_rows()
        self.sent.clear()
        self.written.clear()
        settings = ApplySettings(self.folder / "state", submits=SHORT)
        outcomes = apply(plan, self.backend, settings, lambda event: None)
        return Applied(plan, outcomes, prior, list(self.sent), list(self.written))

    def declared(self, job: Job) -> Levels:
        """The rows that are declared, teams spelled out, levels and NONE included."""
        words = job.permissions or {}
        found = {user: words["@lab"] for user in self.team if "@lab" in words}
        found |= {user: word for user, word in words.items() if user != "@lab"}
        return {user: self.level_of(word) for user, word in found.items()}

    def owner(self, run: str) -> str:
        row = self.store.job(run)
        assert row is not None
        return row.owner

    def age(self, row: Any) -> tuple[Any, ...]:
        """What tells which of two runs is older."""
        raise NotImplementedError

    def told(self, run: str) -> list[str]:
        """The address of *run* in words, for a failure."""
        for address, job in self.jobs.items():
            if run in self.runs_of(address):
                runs = [row for row in self.mine() if f".{address}." in row.name]
                lines = [f"{r.id} {r.name} {r.status} {r.visible} {r.created}" for r in runs]
                return [f"{address}: {job}", f"now {self.names[address]}", *lines]
        return ["none of ours"]

    # --- what is right ------------------------------------------------------------------

    def right(self, prior: Mapping[str, Levels]) -> dict[str, Levels]:
        """For each visible run whose address declares permissions: the rows it is to have."""
        found = {}
        for address, job in self.jobs.items():
            if job.permissions is None:
                continue
            for run, is_current in self.runs_of(address).items():
                image = prior.get(run, {})
                keep = self.current_rows if is_current else self.old_rows
                owner = self.owner(run)
                found[run] = keep(self.declared(job), image, job.mode, owner)
        return found

    def runs_of(self, address: str) -> dict[str, bool]:
        """The visible runs of an address, and whether each is the current one."""
        job = self.jobs[address]
        if job.pinned:
            return {job.pinned: True}
        runs = [
            row for row in self.mine() if row.visible and row.name.startswith(f"access.{address}.")
        ]
        name = self.names[address]
        exact = [row for row in runs if row.name == name or row.name.startswith(f"{name}.r")]
        live = [row for row in exact if row.status != "FAILED"]
        live.sort(key=lambda row: (row.status != "FINISHED", *self.age(row)))
        return {row.id: bool(live) and row.id == live[0].id for row in runs}

    def current_rows(self, declared: Rows, image: Rows, mode: str, owner: str) -> Levels:
        nothing = self.nothing
        wanted = {self.spelled(u, image): level for u, level in declared.items() if u != owner}
        kept = {
            user: level
            for user, level in image.items()
            if mode == "additive"
            or self.folded(user) == owner
            or (user in wanted and level == nothing)
        }
        both = {**kept, **wanted}
        return {u: level for u, level in both.items() if level != nothing or u in kept}

    def old_rows(self, declared: Rows, image: Rows, mode: str, owner: str) -> Levels:
        nothing = self.nothing
        wanted = {self.spelled(u, image): level for u, level in declared.items() if u != owner}
        rows: Levels = {}
        for user, has in image.items():
            if user in wanted:
                level = tuple(a and b for a, b in zip(has, wanted[user], strict=True))
                if level != nothing or has == nothing:
                    rows[user] = level
            elif mode == "additive" or self.folded(user) == owner or has == nothing:
                rows[user] = has
        return rows
