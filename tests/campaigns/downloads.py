"""Interrupted and mutated downloads over real sockets: is a wrong file ever given its final name?

    python tests/campaigns/downloads.py [DOWNLOADS] [SEED]

Each download meets one to four faults (resets, cuts, lies about the length, ignored and refused
ranges, rewrites in the middle, errors, slowness) and a caller that stops at a random byte. Wrong is
a file under its final name that is not what the service has at the end of that fetch. Every file
that could be completed must be complete in the end; one that is listed with another length than is
ever sent must not be there. Prints one line of JSON; exit 1 when anything is wrong.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync.backend import Reader
from jobsync.http.retry import RetryPolicy
from jobsync.model import OutputChange, OutputRule, Result, Run, RunState
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.result import FetchLimits, FetchResult
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from tests.fakes.hostile_service import JOB, Fault, HostileService, Remote

BATCH = 25
KINDS = [
    *("drop", "drop", "drop", "close", "rewrite", "rewrite", "rewrite", "ignore", "refuse"),
    *("reset", "error", "busy", "empty", "longer", "shorter", "more", "shift"),
    *("chunked", "chunked-cut", "chunked-more", "slow"),
]
RUN = Run(JOB, "p.a.aaaaaaaaaa", "alice", "app", "FINISHED", RunState.FINISHED)


def make_remote(rng: random.Random) -> Remote:
    """A file with its faults. One in thirty is listed with a length that no answer has."""
    size = rng.choice([0, 1, 1000, 65_535, 65_536, 65_537, 100_000, 262_144, 262_145, 400_000])
    remote = Remote(rng.randbytes(size))
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(KINDS)
        at = rng.randint(1, max(1, size))
        length = rng.choice([size, size, size + 5000, max(0, size - 5000)])
        remote.faults.append(Fault(kind, at, rng.randbytes(length) if kind == "rewrite" else b""))
    if rng.random() < 1 / 30:
        remote.listed = size + rng.choice([-1, 1, 777]) if size > 1 else 7
    return remote


def fetch(reader: Reader, root: Path, stop_after: int | None) -> FetchResult:
    """One run over all files; *stop_after* bytes the caller asks to stop."""
    seen, enough = Counter[str](), threading.Event()

    def report(progress: object) -> None:
        seen["bytes"] = progress.received  # type: ignore[attr-defined]
        if stop_after is not None and seen["bytes"] >= stop_after:
            enough.set()

    return fetch_all(
        reader,
        OutputChange("a", None, (OutputRule("**", "out/"),)),
        RUN,
        ledger=Ledger(str(root), str(root), ["a"]),
        limits=FetchLimits(jobs=4, patience=(0.0, 0.0, 0.001)),
        report=report,
        stop=enough.is_set,
    )


def batch(rng: random.Random, counts: Counter[str]) -> None:
    """A batch of files, run after run until all that can be there is there."""
    files = {f"d{n % 3}/f{n}": make_remote(rng) for n in range(BATCH)}
    how = agave.Connection(concurrency=4, policy=RetryPolicy(attempts=1), idle_timeout=5.0)
    with tempfile.TemporaryDirectory() as folder, HostileService(files) as service:
        root = Path(folder)
        with agave.connect_reader(service.url, explicit(service.url, "token"), how=how) as reader:
            stops = [rng.randint(0, 2_000_000) for _ in range(rng.randint(0, 2))]
            for stop_after in (*stops, *[None] * 4):
                counts["faults"] -= sum(len(remote.faults) for remote in files.values())
                result = fetch(reader, root, stop_after)
                counts["faults"] += sum(len(remote.faults) for remote in files.values())
                counts["runs"] += 1
                wrong = judge(root, files)
                counts["wrong"] += len(wrong)
                if wrong:
                    counts[f"wrong {wrong[0]}"] += 1
                if result.result is Result.DONE:
                    break
        for path, remote in files.items():
            counts["downloads"] += 1
            there = (root / "out" / path).exists()
            if remote.listed is not None and remote.listed != len(remote.data):
                counts["lying"] += 1
                counts["wrong"] += there
            elif there:
                counts["complete"] += 1
            else:
                counts["not completed"] += 1
                counts[f"why {dict(result.failed).get(path)}"] += 1


def judge(root: Path, files: dict[str, Remote]) -> list[str]:
    """Files under their final name that are not what the service has now."""
    return [
        path
        for path, remote in files.items()
        if (root / "out" / path).exists() and (root / "out" / path).read_bytes() != remote.data
    ]


def campaign(downloads: int, seed: int) -> Counter[str]:
    counts = Counter[str]()
    for number in range(-(-downloads // BATCH)):
        batch(random.Random(f"{seed}/{number}"), counts)
    counts["faults"] = -counts["faults"]
    return counts


def main() -> int:
    downloads = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    counts = campaign(downloads, seed)
    figures = {"seed": seed, **counts, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(figures))
    return 1 if counts["wrong"] or counts["not completed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
