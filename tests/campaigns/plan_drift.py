"""Plans made while a service misbehaves: is an existing job ever taken for missing?

    python tests/campaigns/plan_drift.py [--count 10000] [--seed 1]

The real observation and the real decision, over HTTP, of a service on which rows come, go and
change places while they are read, pages are clipped, rows repeat, answers are cut short, filters
and search terms are ignored, and pages of HTML come with 200. Each plan is right or refused. Exits
1 when a job that was there all the time was planned to be submitted, or when fewer than 99 % of the
plans under faults that a reader can survive were made and right.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jobsync
from jobsync.errors import ServiceError
from jobsync.http.retry import RetryPolicy, Timing
from jobsync.model import DesiredState, JobChange, Target
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit

SURVIVABLE = ("drift", "repeat", "clip", "cut", "no-filter")
"""Faults under which a reader can still learn the truth."""

FATAL = ("html", "half-json", "no-search", "no-visible", "no-order", "no-offset")
"""Faults under which it may have to give up."""

USER = "alice"
SET = """\
apiVersion: jobsync/v1
project: p
target: env
jobs:
""" + "".join(
    f"  job-{number}: {{appId: wc-1.0, permissions: {{bob: READ}}}}\n" for number in range(8)
)


@dataclass
class World:
    """The jobs of one scan, by id, and how the service misbehaves while they are read."""

    dice: random.Random
    faults: frozenset[str]
    clip: int
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    moving: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, owner: str = USER, status: str = "FINISHED", **more: Any) -> str:
        job_id = f"{self.dice.randrange(10**18):018d}-0001-007"
        created = f"2026-01-01T00:{self.dice.randrange(60):02d}:00.000-06:00"
        row = {"id": job_id, "name": name, "owner": owner, "appId": "wc-1.0", "status": status}
        self.jobs[job_id] = {**row, "created": created, "visible": True, **more}
        return job_id

    def drift(self) -> None:
        """Something that other people and programs do between two requests."""
        if "drift" not in self.faults:
            return
        for _ in range(self.dice.randrange(4)):
            if self.moving and self.dice.random() < 0.5:
                self.jobs.pop(self.moving.pop(self.dice.randrange(len(self.moving))), None)
            else:
                self.moving.append(self.add(f"other work {self.dice.randrange(99)}"))

    def answer(self, path: str, terms: dict[str, str]) -> Any:
        """The result for a GET, or None for what is not there."""
        parts = path.strip("/").split("/")
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
        if names != {""} and "no-search" not in self.faults:
            rows = [row for row in rows if row["name"] in names]
        if "no-order" in self.faults:
            self.dice.shuffle(rows)
        else:
            rows.sort(key=lambda row: str(row["id"]))
        start = 0 if "no-offset" in self.faults else int(terms.get("offset", "0"))
        page = rows[start : start + min(self.clip, int(terms.get("limit", "100")))]
        if "repeat" in self.faults and page:
            again = self.dice.randrange(len(page))
            page = [*page[: again + 1], *page[again:]][: max(self.clip, 2)]
        if terms.get("filter") == "*" and "no-filter" not in self.faults:
            return [_full(row) for row in page]
        if "filter" in terms and "no-filter" not in self.faults:
            return page
        return [{key: row[key] for key in row if key not in ("visible", "message")} for row in page]


def _full(row: dict[str, Any]) -> dict[str, Any]:
    more = {"archive": True, "nodeCount": 1, "inputs": {}, "parameters": {}}
    return {**row, **more, "archiveSystem": "s", "archivePath": "p"}


class Service:
    """Serves the world of the scan under way."""

    def __init__(self) -> None:
        self.world = World(random.Random(0), frozenset(), 100)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                while request := lines.readline():
                    while lines.readline() not in (b"\r\n", b""):
                        pass
                    text, whole = self._told(request.split(b" ")[1].decode())
                    connection.sendall(text)
                    if not whole:
                        return
            except OSError:
                return

    def _told(self, target: str) -> tuple[bytes, bool]:
        """The bytes of an answer, and whether they are all of it."""
        parts = urlsplit(target)
        terms = {key: values[0] for key, values in parse_qs(parts.query).items()}
        world = self.world
        with world.lock:
            world.drift()
            odd = world.dice.random()
            found = world.answer(parts.path, terms)
        status, kind = (200, "application/json") if found is not None else (404, "application/json")
        frame = {"status": "success" if status == 200 else "error", "message": None}
        body = json.dumps({**frame, "version": "2", "result": found}).encode()
        if "html" in world.faults and odd < 0.1:
            body, kind = b"<html><body>Service temporarily down</body></html>", "text/html"
        if "half-json" in world.faults and odd < 0.1:
            body = body[: len(body) // 2]
        length, whole = len(body), True
        if "cut" in world.faults and odd < 0.1:
            body, whole = body[: len(body) // 2], False
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        return head.encode() + body, whole


def world_of(desired: DesiredState, dice: random.Random) -> tuple[World, set[str]]:
    """A world for one scan, and the addresses whose jobs are there all the time."""
    faults = set(dice.sample(SURVIVABLE, dice.randrange(1, 4)))
    if dice.random() < 0.4:
        faults.add(dice.choice(FATAL))
    world = World(dice, frozenset(faults), dice.choice((2, 3, 7, 20)) if "clip" in faults else 50)
    there = set()
    for address, job in desired.jobs.items():
        if dice.random() < 0.7:
            there.add(address)
            world.add(job.name, status=dice.choice(("FINISHED", "FINISHED", "RUNNING")))
        elif dice.random() < 0.3:
            world.add(job.name, owner="mallory")
    for _ in range(dice.randrange(60)):
        world.moving.append(world.add(f"other work {dice.randrange(99)}"))
    return world, there


def planned(desired: DesiredState, reader: agave.AgaveReader) -> set[str]:
    """The addresses that a plan would submit now."""
    target = Target("env", reader.base_url, concurrency=4)
    seen = jobsync.observe(desired, reader, jobsync.lock(desired), target)
    plan = jobsync.build(desired, seen, jobsync.PlanOptions())
    return {change.address for change in plan.changes if isinstance(change, JobChange)}


def campaign(count: int, seed: int, share: float = 0.99) -> int:
    dice = random.Random(seed)
    tally: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "set.yaml").write_text(SET)
        desired = jobsync.load([name])
        service = Service()
        timing = Timing(sleep=lambda seconds, wake: None)
        how = agave.Connection(
            concurrency=4, timing=timing, policy=RetryPolicy(attempts=12), retries=10**9
        )
        with agave.connect_reader(service.url, explicit(service.url, "t"), how=how) as reader:
            for _ in range(count):
                service.world, there = world_of(desired, random.Random(dice.randrange(2**32)))
                survivable = service.world.faults <= set(SURVIVABLE)
                kind = "survivable" if survivable else "fatal"
                tally[kind] += 1
                try:
                    submits = planned(desired, reader)
                except ServiceError as error:
                    tally[f"{kind}, refused"] += 1
                    if survivable:
                        print(f"refused under {sorted(service.world.faults)}: {error}")
                    continue
                missing = submits & there
                tally["existing jobs reported missing"] += len(missing)
                if missing:
                    print(f"MISSING {sorted(missing)} under {sorted(service.world.faults)}")
                tally[f"{kind}, right"] += submits == desired.jobs.keys() - there
        service.close()
    print(f"{count} plans (seed {seed}), {time.monotonic() - began:.0f} s")
    for words, number in sorted(tally.items()):
        print(f"  {number:6} {words}")
    enough = tally["survivable, right"] >= share * tally["survivable"]
    return 0 if enough and not tally["existing jobs reported missing"] else 1


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    sys.exit(campaign(chosen.count, chosen.seed))
