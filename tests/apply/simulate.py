"""Run many histories of the submit protocol: ``python tests/apply/simulate.py --histories N``.

Prints what became of them, for the protocol that is shipped and for ones that must fail, which
shows that the simulator can see failures. Ends with 1 when a figure is not what it must be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.apply.simulator import NONE, POLICIES, Faults, histories

CHUNK = 5_000
BAD = ("double", "lost")
TEETH = (*[name for name in POLICIES if name != "jobsync"], "without-lock")


def chunks(count: int, policy: str, faults: Faults) -> Iterator[tuple[range, str, Faults]]:
    for start in range(0, count, CHUNK):
        yield range(start, min(start + CHUNK, count)), policy, faults


def total(pool: multiprocessing.pool.Pool, count: int, policy: str, faults: Faults) -> Counter[str]:
    return sum(pool.starmap(histories, chunks(count, policy, faults)), Counter())


def say(title: str, counts: Counter[str]) -> None:
    count = sum(counts.values())
    for word in BAD:
        counts.setdefault(word, 0)
    parts = [f"{counts[word]} {word}" for word in sorted(counts, key=lambda w: (w not in BAD, w))]
    print(f"{title:24} {count:>9} histories: {', '.join(parts)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    fine = True
    began = time.monotonic()
    with multiprocessing.Pool(options.processes) as pool:
        calm = total(pool, options.histories // 10, "jobsync", NONE)
        say("jobsync, no faults", calm)
        fine &= {word for word in calm if calm[word]} == {"converged"}
        stormy = total(pool, options.histories, "jobsync", Faults())
        say("jobsync", stormy)
        fine &= not any(stormy[word] for word in BAD)
        solved = stormy["converged"] / max(1, sum(stormy.values()))
        print(f"{'':24} {solved:.2%} converged by themselves; the rest was reported as it was")
        for policy in TEETH:
            counts = total(pool, options.histories // 20, policy, Faults())
            say(f"{policy} (must fail)", counts)
            fine &= counts["double"] > 0
    print(f"{time.monotonic() - began:.0f} s, seeds from 0")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
