"""Many histories of the shared journal: ``python -m tests.apply.simulate_shared --histories N``.

Prints what became of them, for the protocols that are shipped and for ones that must fail, which
shows that the simulator can see failures. Ends with 1 when a figure is not what it must be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.pool import Pool

from tests.apply.shared_simulator import FAILURES, NONE, STORMS, Faults, histories

CHUNK = 5_000
NEVER = ("double", "lost")


def chunks(count: int, policy: str, faults: Faults) -> Iterator[tuple[range, str, Faults]]:
    for start in range(0, count, CHUNK):
        yield range(start, min(start + CHUNK, count)), policy, faults


def total(pool: Pool, count: int, policy: str, faults: Faults) -> Counter[str]:
    return sum(pool.starmap(histories, chunks(count, policy, faults)), Counter())


def say(title: str, counts: Counter[str]) -> None:
    count = sum(counts.values())
    words = sorted(counts | Counter(NEVER), key=lambda word: (word not in NEVER, word))
    parts = [f"{counts[word]} {word}" for word in words]
    print(f"{title:38} {count:>9} histories: {', '.join(parts)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    began = time.monotonic()
    with multiprocessing.Pool(options.processes) as pool:
        calm = total(pool, options.histories // 20, "jobsync", NONE)
        say("jobsync, no faults", calm)
        fine = set(calm) == {"converged"}
        stormy = total(pool, options.histories, "jobsync", Faults())
        say("jobsync", stormy)
        fine &= not any(stormy[word] for word in NEVER)
        for policy, failure in FAILURES.items():
            storm = STORMS.get(policy, Faults())
            counts = total(pool, max(CHUNK, options.histories // 10), policy, storm)
            say(f"{policy} (must fail)", counts)
            share = counts[failure] / sum(counts.values())
            fine &= share > 10 * stormy[failure] / sum(stormy.values())
    print(f"{time.monotonic() - began:.0f} s, seeds from 0")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
