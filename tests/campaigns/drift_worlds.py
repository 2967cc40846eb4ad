"""Services that misbehave while a plan reads them: the jobs of one scan, and what is told of them.

A world of each api answers the questions of a plan from the same rows with the same faults.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar

USER = "alice"


@dataclass
class World:
    """The jobs of one scan, by id, and how the service misbehaves while they are read."""

    survivable: ClassVar[tuple[str, ...]]
    """Faults under which a reader can still learn the truth."""

    fatal: ClassVar[tuple[str, ...]]
    """Faults under which a reader may have to give up, beside those of a transport."""

    app: ClassVar[str]
    """The app of each job, as a manifest has it."""

    other: ClassVar[str]
    """The names of other runs in the lists that a plan reads."""

    dice: random.Random
    faults: frozenset[str]
    clip: int
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    moving: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, owner: str = USER, status: str = "FINISHED") -> str:
        """One more job; its id."""
        raise NotImplementedError

    def answer(self, path: str, terms: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the document for a GET."""
        raise NotImplementedError

    def drift(self) -> None:
        """Something that other people and programs do between two requests."""
        if "drift" not in self.faults:
            return
        for _ in range(self.dice.randrange(4)):
            if self.moving and self.dice.random() < 0.5:
                self.jobs.pop(self.moving.pop(self.dice.randrange(len(self.moving))), None)
            else:
                self.add_other()

    def add_other(self) -> None:
        self.moving.append(self.add(self.other.format(self.dice.randrange(99))))

    def window(
        self, rows: list[dict[str, Any]], by: str, names: set[str], skip: int, limit: int
    ) -> list[dict[str, Any]]:
        """The page of *rows* that was asked for, as the faults leave it."""
        if names != {""} and "no-search" not in self.faults:
            rows = [row for row in rows if row["name"] in names]
        if "no-order" in self.faults:
            self.dice.shuffle(rows)
        else:
            rows.sort(key=lambda row: row[by])
        start = 0 if "no-offset" in self.faults else skip
        page = rows[start : start + min(self.clip, limit)]
        if "repeat" in self.faults and page:
            again = self.dice.randrange(len(page))
            page = [*page[: again + 1], *page[again:]][: max(self.clip, 2)]
        return page


class AgaveWorld(World):
    """Agave v2: lists of visible and of hidden jobs, clipped without a word."""

    survivable = ("drift", "repeat", "clip", "cut", "no-filter")
    fatal = ("no-search", "no-visible", "no-order", "no-offset")
    app = "appId: wc-1.0"
    other = "other work {}"

    def add(self, name: str, owner: str = USER, status: str = "FINISHED") -> str:
        job_id = f"{self.dice.randrange(10**18):018d}-0001-007"
        created = f"2026-01-01T00:{self.dice.randrange(60):02d}:00.000-06:00"
        row = {"id": job_id, "name": name, "owner": owner, "appId": "wc-1.0", "status": status}
        self.jobs[job_id] = {**row, "created": created, "visible": True}
        return job_id

    def answer(self, path: str, terms: dict[str, str]) -> tuple[int, dict[str, Any]]:
        found = self._found(path.strip("/").split("/"), terms)
        frame = {"status": "success" if found is not None else "error", "message": None}
        return 404 if found is None else 200, {**frame, "version": "2", "result": found}

    def _found(self, parts: list[str], terms: dict[str, str]) -> Any:
        if parts[0] == "profiles":
            return {"username": USER}
        if parts[0] == "apps":
            return {"id": parts[-1], "inputs": [], "parameters": []}
        if parts[-1] == "pems":
            return self._permissions(parts[-2], int(terms.get("offset", "0")))
        if len(parts) == 2:
            return self._page(terms)
        job = self.jobs.get(parts[2])
        return _full(job) if job and job["visible"] else None

    def _permissions(self, job_id: str, offset: int) -> Any:
        if job_id not in self.jobs:
            return None
        users = [USER, *["bob"][offset : offset + self.clip]]
        return [
            {"username": user, "permission": {"read": True, "write": user == USER}}
            for user in users
        ]

    def _page(self, terms: dict[str, str]) -> list[dict[str, Any]]:
        rows = list(self.jobs.values())
        if "no-visible" not in self.faults:
            rows = [row for row in rows if row["visible"] == (terms.get("visible") != "false")]
        names = {*terms.get("name.in", terms.get("name.eq", "")).split(",")}
        skip, limit = int(terms.get("offset", "0")), int(terms.get("limit", "100"))
        page = self.window(rows, "id", names, skip, limit)
        if terms.get("filter") == "*" and "no-filter" not in self.faults:
            return [_full(row) for row in page]
        if "filter" in terms and "no-filter" not in self.faults:
            return page
        return [{key: row[key] for key in row if key not in ("visible", "message")} for row in page]


def _full(row: dict[str, Any]) -> dict[str, Any]:
    more = {"archive": True, "nodeCount": 1, "inputs": {}, "parameters": {}}
    return {**row, **more, "archiveSystem": "s", "archivePath": "p"}


class TapisWorld(World):
    """Tapis v3: one list with a count, whose columns are asked for, and shares by resource.

    A row that comes twice pushes another out of its page, which an ordered list never does
    (tapis-v3 §6.1).
    """

    survivable = ("drift", "clip", "cut", "no-filter")
    fatal = ("no-search", "no-count", "no-order", "no-offset", "repeat")
    app = 'appId: wc, appVersion: "1.0"'
    other = "p.old-{}.bh4txw5qcd"
    made = 0

    def add(self, name: str, owner: str = USER, status: str = "FINISHED") -> str:
        self.made += 1
        uuid = f"{self.dice.randrange(16**8):08x}-0000-4000-8000-{self.made:012d}-007"
        created = f"2026-01-01T00:{self.dice.randrange(60):02d}:00Z"
        self.jobs[uuid] = {
            "uuid": uuid, "id": self.made, "name": name, "owner": owner, "createdby": owner,
            "status": status, "condition": "NORMAL_COMPLETION", "created": created,
            "appId": "wc", "appVersion": "1.0", "visible": True, "tags": [],
            "execSystemId": "s", "archiveSystemId": "s", "archiveSystemDir": f"/jobs/{uuid}",
            "archiveMode": "ALWAYS", "execSystemOutputDir": f"/work/{uuid}/output",
        }  # fmt: skip
        return uuid

    def answer(self, path: str, terms: dict[str, str]) -> tuple[int, dict[str, Any]]:
        _, service, *parts = path.strip("/").split("/")
        metadata: dict[str, Any] = {}
        if service == "oauth2":
            found: Any = {"username": parts[-1] if parts[0] == "profiles" else USER}
        elif service == "apps":
            found = {"id": parts[0], "version": parts[-1], "jobAttributes": {}}
        elif parts[0] == "search":
            found, metadata = self._page(terms)
        else:
            found = self._of_job(self.jobs.get(parts[0]), parts[1:])
        message = "JOBS_FOUND found" if found is not None else "JOBS_JOB_SELECT_UUID_ERROR no job"
        frame = {"status": "error" if found is None else "success", "message": message}
        told = {**frame, "version": "1", "result": found, "metadata": metadata}
        return 500 if found is None else 200, told

    def _of_job(self, job: dict[str, Any] | None, below: list[str]) -> Any:
        if job is None or not below:
            return job
        if below == ["share"]:
            return [
                {"grantee": "bob", "jobResource": name, "jobPermission": "READ"}
                for name in ("JOB_HISTORY", "JOB_OUTPUT")
            ]
        return {key: job[key] for key in ("name", "appId", "appVersion")}

    def _page(self, terms: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        # Only my jobs: the list type is not asked for (tapis-v3 §6.1).
        rows = [row for row in self.jobs.values() if row["owner"] == USER]
        names = {*terms.get("name.in", terms.get("name.eq", "")).split(",")}
        if like := terms.get("name.like"):
            rows = [row for row in rows if row["name"].startswith(like.rstrip("*"))]
        skip, limit = int(terms.get("skip", "0")), int(terms.get("limit", "100"))
        counted = terms.get("computeTotal") == "true" and "no-count" not in self.faults
        has = [row for row in rows if names == {""} or "no-search" in self.faults
               or row["name"] in names]  # fmt: skip
        page = self.window(rows, "id", names, skip, limit)
        columns = terms.get("select", "").split(",")
        if "no-filter" in self.faults:
            columns = [*SUMMARY]
        told = {"totalCount": len(has) if counted else -1, "recordLimit": min(limit, self.clip)}
        return [{key: row[key] for key in columns if key in row} for row in page], told


SUMMARY = (
    "uuid", "id", "name", "owner", "appId", "appVersion", "created", "status", "execSystemId",
    "archiveSystemId",
)  # fmt: skip
"""The members of a row of a service that does not hear which were asked for."""

WORLDS: dict[str, type[World]] = {"agave/v2": AgaveWorld, "tapis/v3": TapisWorld}
