"""Lists of a service on which jobs come and go between any two pages: is a job ever missed?

    python -m tests.campaigns.drifting_lists [--api tapis/v3] [--count 30000] [--seed 1]

Each list either has every job that was there all the time, or is refused as unreadable. On Tapis v3
jobs are also shown again that were hidden, and folders of outputs are read whose files come and go.
Exits 1 when one was called complete and was not.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from jobsync.errors import Unreadable
from jobsync.platforms.agave.pagination import all_runs
from jobsync.platforms.tapis.operations import Jobs
from jobsync.platforms.tapis.pagination import Listing, all_files
from tests.agave.test_listing import Moving, run
from tests.campaigns.apis import CHOICES
from tests.tapis.test_lists import Folder, Scripted, entry, named, row, uuid

Read = Callable[[random.Random, ThreadPoolExecutor], bool]
"""Reads one list of a service of its own, and returns whether all that was there is in it."""


def agave_jobs(dice: random.Random, pool: ThreadPoolExecutor) -> bool:
    service = Moving(
        dice.randrange(121),
        dice.choice((2, 3, 5, 10, 30)),
        dice.randrange(2**32),
        dice.randrange(61),
    )
    found = {item.id for item in all_runs(service.page, pool, dice.randrange(1, 9))}
    return {run(number).id for number in service.always} <= found


def tapis_jobs(dice: random.Random, pool: ThreadPoolExecutor) -> bool:
    """Even numbers are there in the beginning, odd ones are shown again."""
    count = dice.randrange(121)
    service = Scripted([row(2 * n) for n in range(count)], dice.choice((2, 3, 5, 10, 30)))
    service.moves = [2 * dice.randrange(count) for _ in range(dice.randrange(61)) if count]
    service.shows = [
        2 * n + 1 for n in dice.sample(range(count + 1), dice.randrange(min(12, count + 1)))
    ]
    service.new = dice.choice((0, 0, 0, 1, 2))
    always = {uuid(2 * n) for n in range(count)} - {uuid(number) for number in service.moves}
    each = dice.choice((pool.map, map))
    found = [one.id for one in Listing(cast("Jobs", service), each).rows((), ("uuid",))]
    return always <= {*found} and len(found) == len({*found})


def tapis_folder(dice: random.Random, pool: ThreadPoolExecutor) -> bool:
    count = dice.randrange(121)
    folder = Folder(named(range(count)), dice.choice((2, 3, 5, 10, 30)))
    folder.gone = named(dice.randrange(count) for _ in range(dice.randrange(4)) if count)
    folder.new = [f"f{dice.randrange(121):03}x" for _ in range(dice.randrange(6))]
    always = {*folder.names} - {*folder.gone}
    return always <= {file.path for file in all_files(folder.page, entry)[0]}


READS: dict[str, tuple[Read, ...]] = {
    "agave/v2": (agave_jobs,),
    "tapis/v3": (tapis_jobs, tapis_folder),
}


def campaign(count: int, seed: int, api: str) -> int:
    dice = random.Random(seed)
    began = time.monotonic()
    missed = refused = 0
    with ThreadPoolExecutor(8) as pool:
        for number in range(count):
            read = READS[api][number % len(READS[api])]
            try:
                missed += not read(dice, pool)
            except Unreadable:
                refused += 1
    seconds = time.monotonic() - began
    print(f"{count} lists of {api} (seed {seed}): {missed} incomplete, {refused} refused, "
          f"{seconds:.0f} s")  # fmt: skip
    return 1 if missed else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--api", choices=CHOICES, default="agave/v2")
    options.add_argument("--count", type=int, default=30_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    sys.exit(campaign(chosen.count, chosen.seed, chosen.api))
