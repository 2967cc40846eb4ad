"""Listings of a service on which jobs come and go between any two pages: is a job ever missed?

    python tests/campaigns/drifting_lists.py [--count 30000] [--seed 1]

Each listing either has every job that was there all the time, or is refused as unreadable. Exits 1
when one was called complete and was not.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync.errors import Unreadable
from jobsync.platforms.agave.pagination import all_runs
from tests.agave.test_listing import Moving, run


def campaign(count: int, seed: int) -> int:
    dice = random.Random(seed)
    began = time.monotonic()
    missed = refused = 0
    with ThreadPoolExecutor(8) as pool:
        for _ in range(count):
            service = Moving(
                dice.randrange(121),
                dice.choice((2, 3, 5, 10, 30)),
                dice.randrange(2**32),
                dice.randrange(61),
            )
            try:
                found = {item.id for item in all_runs(service.page, pool, dice.randrange(1, 9))}
            except Unreadable:
                refused += 1
                continue
            missed += not {run(number).id for number in service.always} <= found
    seconds = time.monotonic() - began
    print(
        f"{count} listings (seed {seed}): {missed} incomplete, {refused} refused, {seconds:.0f} s"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=30_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    sys.exit(campaign(chosen.count, chosen.seed))
