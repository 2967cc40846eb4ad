"""A world in which everything goes wrong, for several machines with one shared journal.

One history is one run name: up to three fresh runners at once, each with a disk of its own, on a
service and a remote that lose, delay and half answer what is sent to them. A runner may be killed
or stopped for long at any step, a person settles what nobody is sending, and somebody who may push
writes what is not true. Then the faults end, everything under way arrives, and one more fresh
runner looks. The submit protocol and the protocol of claims are those that are shipped; the same
seed gives the same history.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.shared import claims
from jobsync.apply.shared.claims import Fetched, Move, NoAnswer, Pushed, Refused, Unread, carry
from jobsync.apply.shared.journal import FRESH, OLD
from jobsync.apply.shared.record import Record
from jobsync.apply.submit_messages import (
    Ambiguous,
    Append,
    Awake,
    Claim,
    Denied,
    Found,
    Made,
    Mine,
    Note,
    NotMade,
    Post,
    Read,
    Search,
    Seen,
    Share,
    Sleep,
    Theirs,
    Times,
    Trouble,
)
from jobsync.apply.submit_protocol import SubmitLimits, submit
from jobsync.structs import replace

NAME, ADDRESS = "phylo.align.aaaaaaaaaa", "align"
LIMITS = SubmitLimits(settle=120.0, visible=60.0)
TIMEOUT, YOUNG = 30.0, 900.0
LONG = 100_000.0

POLICIES = (
    "jobsync",
    "read-then-write",
    "post-before-push",
    "absent-is-empty",
    "search-instead-of-claim",
    "heads-compared",
    "an-id-believed",
    "no-second-look",
    "old-claims-kept",
)
FAILURES = {
    "read-then-write": "double",
    "post-before-push": "double",
    "absent-is-empty": "double",
    "search-instead-of-claim": "double",
    "heads-compared": "idle",
    "an-id-believed": "lost",
    "no-second-look": "double",
    "old-claims-kept": "double",
}
"""What each policy but the first must be seen to come to. ``idle`` is a submit that nobody has
sent, was killed in, or gave back, and that waits for a person all the same."""


class Killed(Exception):
    """The runner is gone."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong."""

    post: float = 0.4
    search: float = 0.05
    push: float = 0.3
    fetch: float = 0.05
    kill: float = 0.01
    pause: float = 0.02
    deleted: float = 0.05
    untrue: float = 0.05
    settling: float = 1.0
    lags: tuple[float, ...] = (0.0, 0.0, 5.0, 50.0)
    delays: tuple[float, ...] = (2.0, 45.0, 100.0)


NONE = Faults(0, 0, 0, 0, 0, 0, 0, 0, 0, (0.0,), (1.0,))

STORMS = {
    "no-second-look": Faults(pause=0.15, post=0.0, push=0.0, kill=0.0),
    "old-claims-kept": Faults(pause=0.2, post=0.0, push=0.0, kill=0.0, settling=0.2),
}
"""Where the failure of a policy is rare, the faults that bring it about."""


@dataclass(slots=True)
class Arrival:
    """A job that is made once a POST arrives."""

    job_id: str
    at: float


@dataclass(slots=True)
class Late:
    """A push that lands at some time, if the ref is still where it builds on."""

    at: float
    onto: str
    record: Record


@dataclass(slots=True)
class World:
    """The service, the remote and the clock of one history."""

    dice: random.Random
    faults: Faults
    time: float = 0.0
    lag: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    posts: int = 0
    killed: bool = False
    serial: int = 1
    head: str = "c1"
    absent: bool = False
    record: Record | None = None
    late: list[Late] = field(default_factory=list)

    # --- the remote -------------------------------------------------------------------

    def land(self) -> None:
        """What was pushed late lands now, where the ref has not moved."""
        for push in [p for p in self.late if p.at <= self.time]:
            self.late.remove(push)
            if push.onto == self.head and not self.absent:
                self.move(push.record)

    def move(self, record: Record) -> None:
        self.serial += 1
        self.head = f"c{self.serial}.{record.nonce}"
        self.record = record

    def fetch(self, policy: str) -> Fetched | Unread:
        self.land()
        if self.absent:
            if policy == "absent-is-empty":
                return Fetched("", "id", 0, {})
            return Unread("it is not there", final=True, absent=True)
        if self.dice.random() < self.faults.fetch:
            return Unread("no connection")
        records = {NAME: self.record} if self.record else {}
        return Fetched(self.head, "id", self.serial, records)

    def push(self, command: claims.Push, policy: str) -> Pushed | Refused | NoAnswer:
        self.land()
        (record,) = command.records
        takes = command.onto.head == self.head and not self.absent
        takes = takes or policy == "read-then-write"
        if self.absent and policy == "absent-is-empty":
            self.absent, takes, self.record = False, True, None
        fault = self.dice.random() < self.faults.push
        what = self.dice.randrange(3) if fault else -1
        if what == 0:  # it never arrives
            return NoAnswer("no connection")
        if what == 1:  # it lands when nobody looks any more
            when = self.time + self.dice.choice((0.1, 0.5, 1.0))
            self.late.append(Late(when, command.onto.head, record))
            return NoAnswer("timeout")
        if not takes:
            return Refused("stale info")
        self.move(record)
        if what == 2 and self.dice.random() < 0.5:  # somebody else's name, on top of ours
            self.serial += 1
            self.head = f"c{self.serial}.other"
        return NoAnswer("reset") if what == 2 else Pushed()

    # --- the service ------------------------------------------------------------------

    def jobs(self) -> list[Arrival]:
        return [a for a in self.arrivals if a.at <= self.time]

    def look(self, command: Search | Read) -> Any:
        if self.dice.random() < self.faults.search:
            return Trouble("503")
        seen = [a for a in self.arrivals if a.at + self.lag <= self.time]
        if isinstance(command, Read):
            seen = [a for a in seen if a.job_id == command.job_id]
        return Found(tuple(Seen(a.job_id, NAME) for a in seen))

    def arrive(self, delay: float = 0.0) -> str:
        job_id = f"job-{len(self.arrivals)}"
        self.arrivals.append(Arrival(job_id, self.time + delay))
        return job_id

    def post(self) -> tuple[Any, float]:
        """The answer, and how long it takes."""
        dice = self.dice
        if dice.random() >= self.faults.post:
            self.posts += 1
            return Made(self.arrive()), 0.05
        what = dice.randrange(5)
        if what == 0:
            return NotMade("connection refused", again=True), 0.01
        if what == 1:
            return NotMade("403 at the gateway", again=dice.random() < 0.3), 0.01
        self.posts += 1
        if what == 2:
            self.arrive()
        elif what == 3:
            self.arrive(dice.choice(self.faults.delays))
        return Ambiguous("no answer"), TIMEOUT


class Runner:
    """One apply on a machine of its own: the shipped protocols, and what joins them."""

    def __init__(self, world: World, policy: str, number: int) -> None:
        self.world, self.policy, self.number = world, policy, number
        self.steps = self.run()
        self.reply: Any = None
        self.wake = 0.0
        self.mine: Record | None = None
        self.sent = self.pushed = False
        self.nonces = 0
        self.verified = -LONG
        self.ended: Entry | None = None

    def run(self) -> Generator[float, None, None]:
        """Yields the seconds that a step takes."""
        world, protocol = self.world, submit(NAME, ADDRESS, None, LIMITS)
        reply: Any = None
        try:
            while True:
                command = protocol.send(reply)
                if isinstance(command, (Append, Note)):
                    entry = command.entry
                    posted = world.time if entry.state is State.SENDING else entry.posted
                    reply = replace(entry, at=world.time, posted=posted)
                elif isinstance(command, Claim):
                    reply = yield from self.claim()
                elif isinstance(command, Share):
                    reply = command.entry
                    yield from self.share(command.entry)
                elif isinstance(command, Post):
                    self.sent = True
                    reply, seconds = world.post()
                    if self.policy == "post-before-push":
                        yield seconds
                        seconds = 0.0
                        yield from self.carried(self.record())
                    yield seconds
                elif isinstance(command, (Search, Read)):
                    reply = world.look(command)
                elif isinstance(command, Sleep):
                    yield command.seconds
                    reply = Awake(stopping=False)
                else:
                    reply = Times(world.time, world.time)
                if not isinstance(command, Claim):  # a claim is looked at just before its submit
                    yield 0.01
        except StopIteration as end:
            self.ended = end.value
        if self.mine is not None and self.pushed and not self.sent:
            moved = replace(self.mine, state=State.REJECTED)
            yield from self.carried(Move(moved))

    def record(self) -> claims.Claim:
        if self.mine is None:
            self.nonces += 1
            nonce = f"{self.number}{self.nonces}"
            now = self.world.time
            self.mine = Record(NAME, ADDRESS, State.SENDING, nonce, now, now, who=nonce)
        elif self.world.time - self.mine.claimed > OLD and self.policy != "old-claims-kept":
            self.mine = replace(self.mine, claimed=self.world.time)
        return claims.Claim(self.mine, lambda name: False)

    def claim(self) -> Generator[float, None, Any]:
        if self.policy in ("search-instead-of-claim", "post-before-push"):
            return Mine()
        fresh = LONG if self.policy == "no-second-look" else FRESH
        while True:
            young = self.mine is None or self.world.time - self.mine.claimed <= OLD
            young = young or self.policy in ("no-second-look", "old-claims-kept")
            if self.world.time - self.verified <= fresh and young:
                return Mine()
            verdict = yield from self.carried(self.record())
            if not isinstance(verdict, claims.Granted):
                break
            self.verified = self.looked
        self.verified = -LONG
        if isinstance(verdict, claims.Denied):
            return Denied(verdict.reason)
        self.mine = None
        there = verdict.record
        if self.policy == "an-id-believed" and there.state is State.CONFIRMED:
            raise StopIterationWith(Entry(NAME, ADDRESS, State.CONFIRMED, ids=(there.job,)))
        return Theirs(NAME, there.who, max(0.0, self.world.time - there.claimed))

    def share(self, entry: Entry) -> Generator[float, None, None]:
        found = entry.state is State.CONFIRMED
        if found or (self.mine is not None and self.sent):
            states = {State.HELD: State.UNKNOWN, State.DENIED: State.REJECTED}
            base = self.mine or Record(NAME, ADDRESS, entry.state, "0", 0.0, 0.0)
            moved = replace(base, state=states.get(entry.state, entry.state))
            yield from self.carried(Move(moved, anybody=found))

    looked = 0.0

    def carried(self, wish: claims.Wish) -> Generator[float, None, Any]:
        world, protocol, began = self.world, carry([wish]), self.world.time
        reply: Any = None
        pushed: NoAnswer | None = None
        while True:
            try:
                command = protocol.send(reply)
            except StopIteration as end:
                return end.value[0][0]
            if isinstance(command, claims.Fetch):
                self.looked = world.time
                reply = world.fetch(self.policy)
                if self.policy == "heads-compared" and pushed and isinstance(reply, Fetched):
                    ours = reply.head.endswith(f".{wish.record.nonce}")
                    if not ours and isinstance(wish, claims.Claim):
                        return claims.Taken(replace(wish.record, who="whoever pushed last"))
                yield 0.1
            elif isinstance(command, claims.Push):
                self.pushed = True
                reply = world.push(command, self.policy)
                pushed = reply if isinstance(reply, NoAnswer) else None
                yield 0.1
            else:
                yield command.seconds * (0.5 + world.dice.random())
                reply = world.time - began


class StopIterationWith(Exception):
    """A policy ends the run with this entry."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry


def run_all(world: World, runners: list[Runner]) -> None:
    """Step the runners in a random order until all have ended or are gone."""
    faults, dice = world.faults, world.dice
    while runners:
        ready = [runner for runner in runners if runner.wake <= world.time]
        if not ready:
            world.time = min(runner.wake for runner in runners)
            continue
        runner = ready[0] if len(ready) == 1 else dice.choice(ready)
        if dice.random() < faults.kill:
            runners.remove(runner)
            world.killed = True
            continue
        if dice.random() < faults.pause:
            runner.wake = world.time + dice.choice((20.0, 300.0, 2000.0))
            continue
        if dice.random() < faults.deleted / 20:
            world.absent = True
        person(world)
        try:
            runner.wake = world.time + next(runner.steps)
        except StopIteration:
            runners.remove(runner)
        except StopIterationWith as end:
            runner.ended = end.entry
            runners.remove(runner)


def person(world: World) -> None:
    """Says after 15 minutes that what nobody has sent was not submitted, as it is true."""
    record = world.record
    if record and record.state is State.SENDING and not world.posts and world.faults is not NONE:
        decides = world.dice.random() < world.faults.settling
        if decides and world.time - record.claimed > YOUNG and not world.absent and not world.late:
            world.move(replace(record, state=State.REJECTED))


def history(seed: int, policy: str, faults: Faults, dice: random.Random) -> str:
    """What became of one history: a word to count. ``double`` and ``lost`` must never be."""
    dice.seed(seed)
    world = World(dice, faults, lag=dice.choice(faults.lags))
    untrue = dice.random() < faults.untrue
    if untrue:
        world.record = Record(NAME, ADDRESS, State.CONFIRMED, "ff", 0.0, 0.0, "job-untrue", "x")
    runners = [Runner(world, policy, n) for n in range(1 + dice.randrange(3))]
    for runner in runners:
        runner.wake = dice.choice((0.0, 0.0, 1.0, 30.0))
    run_all(world, list(runners))
    for runner in runners:
        if runner.ended is not None and _is_wrong(world, runner.ended):
            return "lost"
    return _calm(world, policy, untrue=untrue)


def _is_wrong(world: World, entry: Entry) -> bool:
    known = {arrival.job_id for arrival in world.arrivals}
    return entry.state is State.CONFIRMED and entry.ids[0] not in known


def _last(world: World, policy: str) -> Entry:
    world.faults, world.lag = NONE, 0.0
    world.time += LONG
    world.land()
    runner = Runner(world, policy, 9)
    runner.wake = world.time
    run_all(world, [runner])
    assert runner.ended is not None
    return runner.ended


def _calm(world: World, policy: str, *, untrue: bool) -> str:
    """The faults end, what is under way arrives, and one more fresh runner looks."""
    posts, killed, absent = world.posts, world.killed, world.absent
    last = _last(world, policy)
    jobs = len(world.jobs())
    if jobs > 1:
        return "double"
    if _is_wrong(world, last) or (jobs and not absent and last.state is not State.CONFIRMED):
        return "lost"
    if last.state is State.CONFIRMED:
        return "converged"
    if absent:
        return "absent: nothing sent" if last.state is State.DENIED else "lost"
    if not posts and not killed and not untrue:
        return "idle"
    record = world.record
    assert record is not None
    world.move(replace(record, state=State.REJECTED))
    last = _last(world, policy)
    fine = last.state is State.CONFIRMED and len(world.jobs()) == 1
    return "unknown, then by hand" if fine else "lost"


def histories(seeds: range, policy: str, faults: Faults) -> Counter[str]:
    """The verdicts over *seeds*."""
    dice = random.Random()
    return Counter(history(seed, policy, faults, dice) for seed in seeds)
