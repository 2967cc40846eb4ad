"""Many writers at one shared journal: in each round all of them claim the same submit at once.

Each has its own state folder, as on its own machine, and works on one real bare repository. It is
wrong when a name has not exactly one winner, when a loser is told of somebody else than the
winner, when a claim is given up, or when the ref says something else in the end. ``--latency`` is
the time in seconds that each fetch and each push spends on the way. ``--without-lease`` has the
writers push onto whatever is there, which must have several winners.

    python -m tests.campaigns.writers [--writers 32] [--rounds 50] [--latency 0.05]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from jobsync.apply.shared.claims import (
    Fetched,
    Granted,
    NoAnswer,
    Pushed,
    Refused,
    Taken,
    Unread,
    Verdict,
)
from jobsync.apply.shared.journal import SharedJournal
from jobsync.apply.shared.record import Record
from jobsync.apply.shared.repository import Repository
from tests.shared.ref_world import BINDING, ENVIRON, World, git


class Distant(Repository):
    """The ref with a way to it: half of ``latency`` before, half after."""

    latency = 0.0

    def fetch(self, scopes: Sequence[str], seconds: float = 60.0) -> Fetched | Unread:
        time.sleep(self.latency / 2)
        found = super().fetch(scopes, seconds)
        time.sleep(self.latency / 2)
        return found

    def push(
        self, onto: Fetched, writes: Mapping[str, Record | None]
    ) -> Pushed | Refused | NoAnswer:
        time.sleep(self.latency / 2)
        said = super().push(onto, writes)
        time.sleep(self.latency / 2)
        return said


class Careless(Distant):
    """Pushes onto whatever is there, and not onto what was read."""

    def push(
        self, onto: Fetched, writes: Mapping[str, Record | None]
    ) -> Pushed | Refused | NoAnswer:
        while True:
            now = Repository.fetch(self, [])
            said = super().push(now if isinstance(now, Fetched) else onto, writes)
            if not isinstance(said, Refused):
                return said


class Course:
    """The writers, and what each was told in each round."""

    def __init__(self, root: Path, writers: int, rounds: int) -> None:
        self.world = World(root)
        self.world.init()
        self.names = [f"lab.r{turn}.bh4txw5qcd" for turn in range(rounds)]
        self.verdicts: list[dict[str, Verdict]] = [{} for _ in self.names]
        self.seconds: list[float] = []
        self.start = threading.Barrier(writers)

    def write(self, who: str, ref: Repository) -> None:
        """Claim each name when all the others do."""
        journal = SharedJournal(ref, BINDING, who=who, served_at=lambda: None)
        for turn, name in enumerate(self.names):
            self.start.wait(180)  # somebody who has died lets nobody wait for ever
            began = time.monotonic()
            verdict = journal.claim(name, f"r{turn}")
            self.seconds.append(time.monotonic() - began)
            self.verdicts[turn][who] = verdict
            if isinstance(verdict, Granted):
                journal.sent(name)
        journal.close()

    def run(self, kind: type[Distant], latency: float) -> None:
        threads = []
        for number in range(self.start.parties):
            ref = kind(self.world.location(), self.world.machine(), ENVIRON)
            ref.latency = latency
            threads.append(threading.Thread(target=self.write, args=(f"w{number}", ref)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def wrong(self) -> list[str]:
        """What should not be, of each round and of the ref."""
        found = []
        look = self.world.now()
        for name, verdicts in zip(self.names, self.verdicts, strict=True):
            won = [who for who, verdict in verdicts.items() if isinstance(verdict, Granted)]
            told = {v.record.who for v in verdicts.values() if isinstance(v, Taken)}
            given_up = [v for v in verdicts.values() if not isinstance(v, (Granted, Taken))]
            stands = look.records[name].who if name in look.records else "nobody"
            if len(verdicts) != self.start.parties or given_up:
                found.append(f"{name}: {len(verdicts)} verdicts, given up: {given_up}")
            if len(won) != 1:
                found.append(f"{name}: {len(won)} winners: {', '.join(sorted(won))}")
            elif told - {*won} or stands != won[0]:
                found.append(f"{name}: {won[0]} won, told {sorted(told)}, on the ref {stands}")
        commits = int(git("rev-list", "--count", self.world.ref, cwd=self.world.bare))
        if not commits == look.serial == len(self.names) + 1:
            found.append(f"{commits} commits, serial {look.serial}, {len(self.names)} rounds")
        return found


def contest(
    writers: int, rounds: int, latency: float, *, lease: bool = True
) -> tuple[dict[str, object], list[str]]:
    """The figures of *rounds*, and what went wrong. *latency* is in seconds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        course = Course(Path(folder), writers, rounds)
        course.run(Distant if lease else Careless, latency)
        wrong = course.wrong()
    won = [sum(isinstance(v, Granted) for v in told.values()) for told in course.verdicts]
    figures: dict[str, object] = {
        "writers": writers,
        "rounds": rounds,
        "latency": latency,
        "names with one winner": won.count(1),
        "names with several": sum(count > 1 for count in won),
        "seconds of a claim, median": round(median(course.seconds), 2),
        "p99": round(quantiles(course.seconds, n=100, method="inclusive")[98], 2),
        "slowest": round(max(course.seconds), 2),
        "seconds": round(time.monotonic() - began),
    }
    return figures, wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--without-lease", action="store_true")
    options = parser.parse_args()
    lease = not options.without_lease
    figures, wrong = contest(options.writers, options.rounds, options.latency, lease=lease)
    print(json.dumps(figures))
    if not lease:
        return 0 if figures["names with several"] else 1
    for what in wrong:
        print(what, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
