"""A real service, the real client, real manifests: one world of the model-based test.

What is right is worked out here from product §5 and agave-v2 §5, from the rows in the service's own
books, without the planner's or the applier's code.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsync.apply import ApplySettings, SubmitLimits, apply
from jobsync.cli import pipeline
from jobsync.http.retry import RetryPolicy
from jobsync.local.store.statuses import STATUSES
from jobsync.model import Access, Outcome, Plan, Snapshot, Target
from jobsync.plan import PlanOptions
from jobsync.platforms import loading
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.testing import LocalService
from tests.access.access_oracle import LEVELS, NOTHING, Rows

PEOPLE = ("amy", "bob", "worl", "worldly", "zed")
STRANGER = "stranger"
APP = {"appId": "wc-demo-1.00"}
SHORT = SubmitLimits(settle=3.0, visible=5.0, pause=0.02, longest_pause=0.1)
_numbers = itertools.count(1)

Pairs = dict[str, tuple[bool, bool]]


@dataclass
class Job:
    """What is declared of one address. ``permissions`` None leaves the key out."""

    permissions: dict[str, str] | None = None
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
    rows: Pairs


@dataclass
class Applied:
    """One apply: what was there, what was sent, what came of it."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    prior: dict[str, Pairs]
    sent: list[tuple[str, str, Access]]
    written: list[Written]


class World:
    """Two users with manifests between them: *me* applies, *olga* owns the pinned job."""

    def __init__(self, service: LocalService) -> None:
        number = next(_numbers)
        self.service, self.store = service, service.service.store
        self.me, self.olga = f"alice{number}", f"olga{number}"
        for user in (self.me, self.olga):
            service.add_user(user)
        self.folder = Path(tempfile.mkdtemp(prefix="jobsync-access-"))
        self.team: list[str] = ["bob"]
        pinned = service.submit(self.olga, name="by hand")["id"]
        self.finish(pinned)
        self.jobs = {"a": Job(), "b": Job(), "pin": Job(pinned=pinned)}
        self.written: list[Written] = []
        self.sent: list[tuple[str, str, Access]] = []
        how = agave.Connection(policy=RetryPolicy(attempts=3, first=0.01, longest=0.05))
        credentials = explicit(service.url, service.tokens[self.me])
        self.backend = agave.connect(service.url, credentials, how=how).__enter__()
        self._listen()

    def close(self) -> None:
        self.backend.close()
        del self.store.set_grant, self.store.drop_grants
        shutil.rmtree(self.folder)

    def _listen(self) -> None:
        """Remember each row as the service's books get it, and each grant as it is sent."""
        store, send = type(self.store), self.backend.grant

        def set_grant(job_id: str, user: str, permission: str | None, by: str) -> None:
            store.set_grant(self.store, job_id, user, permission, by)
            self.written.append(Written(job_id, by, user, self.rows(job_id)))

        def drop_grants(job_id: str, by: str) -> None:
            raise AssertionError(f"DELETE /pems for all on {job_id}")

        def grant(run_id: str, user: str, access: Access, *, is_new: bool = False) -> None:
            self.sent.append((run_id, user, access))
            send(run_id, user, access, is_new=is_new)

        self.store.set_grant, self.store.drop_grants = set_grant, drop_grants  # type: ignore
        self.backend.grant = grant  # type: ignore[method-assign]

    # --- the service's own books ------------------------------------------------------

    def rows(self, run: str) -> Pairs:
        return {user: LEVELS[word] for user, word in self.store.grants(run).items()}

    def mine(self) -> list[Any]:
        """My jobs, hidden ones too, in an order that does not hang on their ids."""
        rows = [row for row in self.store.jobs_in(STATUSES) if row.owner == self.me]
        return sorted(rows, key=lambda row: (row.name, row.created))

    def all_rows(self) -> dict[str, Pairs]:
        runs = [row.id for row in self.store.jobs_in(STATUSES) if row.owner in (self.me, self.olga)]
        return {run: self.rows(run) for run in runs}

    def finish(self, run: str, status: str = "FINISHED") -> None:
        message = {"message": "it broke"} if status == "FAILED" else {}
        self.store.update(run, status=status, **message)

    def by_hand(self, who: str, run: str, user: str, word: str) -> int:
        body = {"username": user, "permission": word}
        return self.service.call(who, "POST", f"/jobs/v2/{run}/pems", body).status

    # --- plan and apply -----------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        jobs: dict[str, Any] = {}
        for address, job in self.jobs.items():
            entry: dict[str, Any] = dict(APP)
            if job.pinned:
                entry |= {"id": job.pinned}
            else:
                entry |= {"parameters": {"lines": 1 + job.version}}
                entry |= {"onFailure": {"retries": job.retries}}
            if job.permissions is not None:
                entry |= {"permissions": job.permissions, "permissionsMode": job.mode}
            jobs[address] = entry
        return {"apiVersion": "jobsync/v1", "project": "access", "teams": {"lab": self.team},
                "jobs": jobs}  # fmt: skip

    def plan(self) -> tuple[Plan, Snapshot]:
        (self.folder / "set.yaml").write_text(json.dumps(self.manifest()))
        desired = loading.load((self.folder / "set.yaml",))
        self.names = {address: job.name for address, job in desired.jobs.items()}
        target = Target("env", self.service.url)
        return pipeline.decide(desired, target, self.backend, PlanOptions())

    def apply(self, plan: Plan) -> Applied:
        prior = self.all_rows()
        self.sent.clear()
        self.written.clear()
        settings = ApplySettings(self.folder / "state", submits=SHORT)
        outcomes = apply(plan, self.backend, settings, lambda event: None)
        return Applied(plan, outcomes, prior, list(self.sent), list(self.written))

    def declared(self, job: Job) -> Pairs:
        """The rows that are declared, teams spelled out, levels and NONE included."""
        words = job.permissions or {}
        found = {user: words["@lab"] for user in self.team if "@lab" in words}
        found |= {user: word for user, word in words.items() if user != "@lab"}
        return {user: LEVELS.get(word, NOTHING) for user, word in found.items()}

    def owner(self, run: str) -> str:
        row = self.store.job(run)
        assert row is not None
        return row.owner

    def told(self, run: str) -> list[str]:
        """The address of *run* in words, for a failure."""
        for address, job in self.jobs.items():
            if run in self.runs_of(address):
                runs = [row for row in self.mine() if f".{address}." in row.name]
                lines = [f"{r.id} {r.name} {r.status} {r.visible} {r.created}" for r in runs]
                return [f"{address}: {job}", f"now {self.names[address]}", *lines]
        return ["none of ours"]

    # --- what is right ------------------------------------------------------------------

    def right(self, prior: Mapping[str, Pairs]) -> dict[str, Pairs]:
        """For each visible run whose address declares permissions: the rows it is to have."""
        found = {}
        for address, job in self.jobs.items():
            if job.permissions is None:
                continue
            for run, is_current in self.runs_of(address).items():
                image = prior.get(run, {})
                keep = current_rows if is_current else old_rows
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
        live.sort(key=lambda row: (row.status != "FINISHED", int(row.created), row.id))
        return {row.id: bool(live) and row.id == live[0].id for row in runs}


def current_rows(declared: Rows, image: Rows, mode: str, owner: str) -> Pairs:
    wanted = {spelled(user, image): level for user, level in declared.items() if user != owner}
    kept = {
        user: level
        for user, level in image.items()
        if mode == "additive" or user.lower() == owner or (user in wanted and level == NOTHING)
    }
    return {u: level for u, level in {**kept, **wanted}.items() if level != NOTHING or u in kept}


def old_rows(declared: Rows, image: Rows, mode: str, owner: str) -> Pairs:
    wanted = {spelled(user, image): level for user, level in declared.items() if user != owner}
    rows: Pairs = {}
    for user, (read, write) in image.items():
        if user in wanted:
            level = (read and wanted[user][0], write and wanted[user][1])
            if level != NOTHING or (read, write) == NOTHING:
                rows[user] = level
        elif mode == "additive" or user.lower() == owner or (read, write) == NOTHING:
            rows[user] = (read, write)
    return rows


def spelled(user: str, image: Rows) -> str:
    """The service refuses a second spelling, so the one that is there is used (agave-v2 §5.3)."""
    if user in image:
        return user
    return next((name for name in sorted(image) if name.lower() == user.lower()), user)
