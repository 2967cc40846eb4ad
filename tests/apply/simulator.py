"""A world in which everything goes wrong, for the submit protocol as it is shipped.

One history is one run name: up to three runs of jobsync one after the other, sharing a journal, on
a network that loses, delays, doubles and half answers POSTs, with searches that lag behind, crashes
at any step and disks that fill up. Then the faults end, everything still under way arrives, and a
last run looks again. The same seed gives the same history.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.submit_messages import (
    Ambiguous,
    Append,
    Awake,
    Claim,
    Command,
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
    Times,
    Trouble,
)
from jobsync.apply.submit_protocol import SubmitLimits, scan, submit

REPEATABLE = (State.INTENT, State.ACCEPTED, State.CONFIRMED)
"""What the journal does not fsync by itself."""

NAME, ADDRESS = "phylo.align.aaaaaaaaaa", "align"
LIMITS = SubmitLimits(settle=120.0, visible=60.0)
TIMEOUT = 30.0

Policy = Callable[[Entry | None], Generator[Command, Any, Entry]]


class Crash(Exception):
    """The process is gone."""


class DiskFull(Exception):
    """The journal takes nothing more."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong, and how far searches lag behind, in seconds."""

    post: float = 0.5
    search: float = 0.1
    crash: float = 0.04
    disk: float = 0.01
    stop: float = 0.02
    lags: tuple[float, ...] = (0.0, 0.0, 5.0, 50.0, 1000.0)
    delays: tuple[float, ...] = (2.0, 45.0, 100.0, 500.0, 3000.0)
    double: float = 0.01


NONE = Faults(0.0, 0.0, 0.0, 0.0, 0.0, (0.0,), (1.0,), 0.0)


@dataclass(slots=True)
class Arrival:
    """A job that is made once a POST arrives. ``echo`` marks a POST that the network repeated."""

    job_id: str
    at: float
    echo: bool = False


@dataclass(slots=True)
class World:
    """The service, the network, the disk and the clock of one history."""

    dice: random.Random
    faults: Faults
    time: float = 0.0
    lag: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    posts: int = 0
    journal: list[Entry] = field(default_factory=list)
    synced: int = 0
    full: bool = False
    stopping: bool = False

    def past(self) -> Entry | None:
        return self.journal[-1] if self.journal else None

    def jobs(self) -> list[Arrival]:
        return [a for a in self.arrivals if a.at <= self.time]

    def run(self, policy: Policy) -> Entry | None:
        """One run of jobsync to its end; None when it crashed."""
        self.full = self.stopping = False
        protocol = policy(self.past())
        reply: Any = None
        try:
            while True:
                reply = self.step(protocol.send(reply))
        except StopIteration as end:
            entry: Entry = end.value
            return entry
        except DiskFull:
            return Entry(NAME, ADDRESS, State.INTENT, reason="disk full")
        except Crash:
            self.power_cut()
            return None

    def step(self, command: Command) -> Any:
        crashes = self.dice.random() < self.faults.crash
        if crashes and self.dice.random() < 0.5:
            raise Crash
        reply = self.answer(command)
        self.time += 0.01
        if crashes:
            raise Crash
        return reply

    def power_cut(self) -> None:
        """What was not fsynced may be gone, from some line on."""
        if self.synced < len(self.journal):
            del self.journal[self.dice.randint(self.synced, len(self.journal)) :]
        self.synced = len(self.journal)

    def answer(self, command: Command) -> Any:
        kind = type(command)
        if kind is Append or kind is Note:
            return self.write(command)  # type: ignore[arg-type]
        if kind is Claim:
            return Mine()
        if kind is Share:
            return command.entry  # type: ignore[union-attr]
        if kind is Post:
            return self.post()
        if kind is Search or kind is Read:
            return self.look(command)  # type: ignore[arg-type]
        if kind is Sleep:
            self.stopping = self.stopping or self.dice.random() < self.faults.stop
            if not self.stopping:
                self.time += command.seconds  # type: ignore[union-attr]
            return Awake(self.stopping)
        return Times(self.time, self.time)

    def write(self, command: Append | Note) -> Entry:
        entry = command.entry
        posted = self.time if entry.state is State.SENDING else entry.posted
        entry = Entry(
            entry.name, entry.address, entry.state, self.time, posted, entry.ids, entry.reason
        )
        if self.full or self.dice.random() < self.faults.disk:
            self.full = True
            if type(command) is Append:
                raise DiskFull
            return entry
        self.journal.append(entry)
        if entry.state not in REPEATABLE:
            self.synced = len(self.journal)
        return entry

    def look(self, command: Search | Read) -> Any:
        if self.dice.random() < self.faults.search:
            return Trouble("503")
        seen = [a for a in self.arrivals if a.at + self.lag <= self.time]
        if type(command) is Read:
            seen = [a for a in seen if a.job_id == command.job_id]
        return Found(tuple(Seen(a.job_id, NAME) for a in seen))

    def arrive(self, delay: float = 0.0, *, echo: bool = False) -> str:
        job_id = f"job-{len(self.arrivals)}"
        self.arrivals.append(Arrival(job_id, self.time + delay, echo))
        return job_id

    def post(self) -> Any:
        dice, faults = self.dice, self.faults
        if dice.random() < faults.double:
            self.posts += 1
            job_id = self.arrive()
            self.arrive(dice.choice(faults.delays), echo=True)
            return Made(job_id)
        if dice.random() >= faults.post:
            self.posts += 1
            return Made(self.arrive())
        what = dice.randrange(6)
        if what == 0:
            return NotMade("connection refused", again=True)
        if what == 1:
            return NotMade("403 at the gateway", again=dice.random() < 0.3)
        self.posts += 1
        if what == 2:  # the answer is lost
            self.arrive()
            self.time += TIMEOUT
        elif what == 3:  # the request is late
            self.arrive(dice.choice(faults.delays))
            self.time += TIMEOUT
        elif what == 4:  # the request is lost
            self.time += TIMEOUT
        else:  # half an answer, or an error after the job was made
            self.arrive()
        return Ambiguous("no answer")


# --- policies --------------------------------------------------------------------------


def jobsync(past: Entry | None) -> Generator[Command, Any, Entry]:
    """The protocol as it is shipped."""
    return (yield from submit(NAME, ADDRESS, past, LIMITS))


def naive(past: Entry | None) -> Generator[Command, Any, Entry]:
    """Looks first, then sends until something comes back."""
    found = yield Search(NAME)
    if isinstance(found, Found) and found.jobs:
        return Entry(NAME, ADDRESS, State.CONFIRMED, ids=(found.jobs[0].job_id,))
    for _ in range(3):
        answer = yield Post(NAME)
        if isinstance(answer, Made):
            return Entry(NAME, ADDRESS, State.CONFIRMED, ids=(answer.job_id,))
        yield Sleep(2.0)
    return Entry(NAME, ADDRESS, State.REJECTED)


def search_then_retry(past: Entry | None) -> Generator[Command, Any, Entry]:
    """Looks for the job by its name, with growing pauses, before it sends again."""
    for _ in range(3):
        for pause in (0.0, 1.0, 2.0, 4.0, 8.0, 16.0):
            yield Sleep(pause)
            found = yield Search(NAME)
            if isinstance(found, Found) and found.jobs:
                return Entry(NAME, ADDRESS, State.CONFIRMED, ids=(found.jobs[0].job_id,))
        answer = yield Post(NAME)
        if isinstance(answer, Made):
            return Entry(NAME, ADDRESS, State.CONFIRMED, ids=(answer.job_id,))
    return Entry(NAME, ADDRESS, State.REJECTED)


def sends_held_again(past: Entry | None) -> Generator[Command, Any, Entry]:
    """The protocol, but what was not found until the settle time is taken for not submitted."""
    entry = yield from jobsync(past)
    if entry.state is State.HELD:
        return (yield from jobsync(None))
    return entry


def forgets(past: Entry | None) -> Generator[Command, Any, Entry]:
    """The protocol without a journal from one run to the next."""
    return (yield from jobsync(None))


POLICIES: dict[str, Policy] = {
    "jobsync": jobsync,
    "naive": naive,
    "search-then-retry": search_then_retry,
    "sends-held-again": sends_held_again,
    "forgets": forgets,
}


# --- one history -----------------------------------------------------------------------


def history(seed: int, policy: Policy, faults: Faults, dice: random.Random) -> str:
    """What became of one history: a word to count. ``double`` and ``lost`` must never be."""
    dice.seed(seed)
    world = World(dice, faults)
    for _ in range(1 + dice.randrange(3)):
        world.lag = dice.choice(faults.lags)
        claimed = world.run(policy)
        if claimed is not None and claimed.state is State.CONFIRMED and not _exists(world, claimed):
            return "lost"
        world.time += dice.choice((0.0, 10.0, 1000.0))
    last = _calm(world, policy)
    return _verdict(world, last, policy)


def _calm(world: World, policy: Policy) -> Entry:
    """The faults end, what is under way arrives, and jobsync runs once more."""
    world.faults, world.lag = NONE, 0.0
    world.time += 100_000.0
    last = world.run(policy)
    assert last is not None
    return last


def _verdict(world: World, last: Entry, policy: Policy) -> str:
    jobs = world.jobs()
    if sum(not job.echo for job in jobs) > 1:
        return "double"
    echoed = any(job.echo for job in jobs)
    if last.state is State.CONFIRMED and not _exists(world, last):
        return "lost"
    if last.state is State.CONFIRMED and echoed:
        last = _scanned(world, last)
    if echoed:
        return "echo reported" if last.state is State.DUPLICATE else "lost"
    if last.state is State.CONFIRMED:
        return "converged"
    if jobs:
        return "lost"
    return _by_hand(world, last, policy)


def _by_hand(world: World, last: Entry, policy: Policy) -> str:
    """Held although nothing ever arrived: a person says so, and then it goes on."""
    if last.state is not State.HELD:
        return "lost"
    world.write(Append(last.to(State.REJECTED, reason="resolved by hand")))
    last = _calm(world, policy)
    fine = last.state is State.CONFIRMED and len(world.jobs()) == 1
    return "unknown, then by hand" if fine else "lost"


def _scanned(world: World, last: Entry) -> Entry:
    entry = world.run(lambda past: scan(last))
    return entry or last


def _exists(world: World, entry: Entry) -> bool:
    return any(arrival.job_id == entry.ids[0] for arrival in world.arrivals)


def without_lock(seed: int, faults: Faults, dice: random.Random) -> str:
    """Two runs at once that share a journal but no lock: what the lock is for."""
    dice.seed(seed)
    world = World(dice, faults)
    protocols: list[tuple[Generator[Command, Any, Entry], Any]] = [
        (jobsync(None), None),
        (jobsync(None), None),
    ]
    while protocols:
        protocol, reply = protocols.pop(dice.randrange(len(protocols)))
        try:
            protocols.append((protocol, world.step(protocol.send(reply))))
        except (StopIteration, DiskFull, Crash):
            continue
    world.time += 100_000.0
    return "double" if sum(not job.echo for job in world.jobs()) > 1 else "one"


def histories(seeds: range, policy: str, faults: Faults) -> Counter[str]:
    """The verdicts over *seeds*."""
    dice = random.Random()
    if policy == "without-lock":
        return Counter(without_lock(seed, faults, dice) for seed in seeds)
    chosen = POLICIES[policy]
    return Counter(history(seed, chosen, faults, dice) for seed in seeds)
