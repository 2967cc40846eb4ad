"""Plans made while a service misbehaves: is an existing job ever taken for missing?

    python -m tests.campaigns.plan_drift [--count 10000] [--seed 1] [--api tapis/v3]

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
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jobsync
from jobsync.backend import Reader
from jobsync.errors import ServiceError
from jobsync.http.connection import Connection
from jobsync.http.retry import RetryPolicy, Timing
from jobsync.model import DesiredState, JobChange, Target
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave import credentials as agave_login
from jobsync.platforms.tapis import connections as tapis
from jobsync.platforms.tapis import credentials as tapis_login
from tests.campaigns.apis import CHOICES
from tests.campaigns.drift_worlds import WORLDS, World
from tests.tapis.tokens import jwt

TRANSPORT = ("html", "half-json")
"""Faults of what carries an answer, under which a reader may have to give up."""

SET = """\
apiVersion: jobsync/v1
api: {api}
project: p
target: env
jobs:
"""
JOB = "  job-{number}: {{{app}, permissions: {{bob: READ}}}}\n"

CONNECT: dict[str, Callable[[str, Connection], AbstractContextManager[Reader]]] = {
    "agave/v2": lambda url, how: agave.connect_reader(url, agave_login.explicit(url, "t"), how=how),
    "tapis/v3": lambda url, how: tapis.connect_reader(
        url, tapis_login.explicit(url, jwt(url)), how=how
    ),
}


class Service:
    """Serves the world of the scan under way."""

    def __init__(self, world: World) -> None:
        self.world = world
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
            status, found = world.answer(parts.path, terms)
        kind, body = "application/json", json.dumps(found).encode()
        if "html" in world.faults and odd < 0.1:
            body, kind = b"<html><body>Service temporarily down</body></html>", "text/html"
        if "half-json" in world.faults and odd < 0.1:
            body = body[: len(body) // 2]
        length, whole = len(body), True
        if "cut" in world.faults and odd < 0.1:
            body, whole = body[: len(body) // 2], False
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        return head.encode() + body, whole


def world_of(
    desired: DesiredState, dice: random.Random, kind: type[World]
) -> tuple[World, set[str]]:
    """A world for one scan, and the addresses whose jobs are there all the time."""
    faults = set(dice.sample(kind.survivable, dice.randrange(1, 4)))
    if dice.random() < 0.4:
        faults.add(dice.choice((*TRANSPORT, *kind.fatal)))
    world = kind(dice, frozenset(faults), dice.choice((2, 3, 7, 20)) if "clip" in faults else 50)
    there = set()
    for address, job in desired.jobs.items():
        if dice.random() < 0.7:
            there.add(address)
            world.add(job.name, status=dice.choice(("FINISHED", "FINISHED", "RUNNING")))
        elif dice.random() < 0.3:
            world.add(job.name, owner="mallory")
    for _ in range(dice.randrange(60)):
        world.add_other()
    return world, there


def planned(desired: DesiredState, reader: Reader) -> set[str]:
    """The addresses that a plan would submit now."""
    target = Target("env", reader.base_url, concurrency=4)
    seen = jobsync.observe(desired, reader, jobsync.lock(desired), target)
    plan = jobsync.build(desired, seen, jobsync.PlanOptions())
    return {change.address for change in plan.changes if isinstance(change, JobChange)}


def campaign(count: int, seed: int, share: float = 0.99, api: str = "agave/v2") -> int:
    kind = WORLDS[api]
    dice = random.Random(seed)
    tally: Counter[str] = Counter()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        jobs = "".join(JOB.format(number=number, app=kind.app) for number in range(8))
        (Path(name) / "set.yaml").write_text(SET.format(api=api) + jobs)
        desired = jobsync.load([name])
        service = Service(kind(random.Random(0), frozenset(), 100))
        timing = Timing(sleep=lambda seconds, wake: None)
        how = Connection(
            concurrency=4, timing=timing, policy=RetryPolicy(attempts=12), retries=10**9
        )
        with CONNECT[api](service.url, how) as reader:
            for _ in range(count):
                service.world, there = world_of(desired, random.Random(dice.randrange(2**32)), kind)
                survivable = service.world.faults <= set(kind.survivable)
                which = "survivable" if survivable else "fatal"
                tally[which] += 1
                try:
                    submits = planned(desired, reader)
                except ServiceError as error:
                    tally[f"{which}, refused"] += 1
                    if survivable:
                        print(f"refused under {sorted(service.world.faults)}: {error}")
                    continue
                missing = submits & there
                tally["existing jobs reported missing"] += len(missing)
                if missing:
                    print(f"MISSING {sorted(missing)} under {sorted(service.world.faults)}")
                tally[f"{which}, right"] += submits == desired.jobs.keys() - there
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
    options.add_argument("--api", choices=CHOICES, default=CHOICES[0])
    chosen = options.parse_args()
    sys.exit(campaign(chosen.count, chosen.seed, api=chosen.api))
