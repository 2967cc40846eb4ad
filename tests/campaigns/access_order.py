"""Does anybody ever get more access than before and after, or is whoever acts ever locked out?

    python tests/campaigns/access_order.py [--sample N] [--unsure]

All pairs of lists of four names, ``world`` and the acting grantee among them, in every order of
names, with the owner acting and with a grantee, who either keeps WRITE or gives it up; each applied
without a fault and with every single write failing, where it may have taken effect or not, and
answered without taking. ``--sample N`` tries every Nth pair; ``--unsure`` takes names that
databases sort differently, in both orders. Exits 1 when the law falls.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.access.order_model import (
    OWNER,
    Case,
    cases,
    change_of,
    code_points,
    faults,
    without_case,
    wrongs,
)

BEFORE, AFTER = ("amy", "bob", "cat"), ("xen", "yan", "zed")


def lists() -> Iterator[tuple[tuple[str, ...], str]]:
    """Names in order, and who acts."""
    for count in range(4):
        yield (*BEFORE[:count], "world", *AFTER[: 3 - count]), OWNER
    for me, count in itertools.product(("mia", "zoe"), range(3)):
        yield tuple(sorted((*BEFORE[:count], *AFTER[: 2 - count], me, "world"))), me


def unsure() -> Iterator[tuple[tuple[str, ...], str]]:
    for me in (OWNER, "w_x"):
        for other in ("bob", "zed", "Zoe"):
            yield tuple(sorted(("w_x", other, "world"))), me


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=1)
    parser.add_argument("--unsure", action="store_true")
    options = parser.parse_args()
    fallen = Counter[str]()
    pairs = applies = 0
    began = time.monotonic()
    for names, me in unsure() if options.unsure else lists():
        for collation in (code_points, without_case) if options.unsure else (code_points,):
            asked = cases(names, me, collation=collation, order_is_known=not options.unsure)
            found, tried, ran = _try(itertools.islice(asked, 0, None, options.sample))
            fallen, pairs, applies = fallen + found, pairs + tried, applies + ran
            told = ", ".join(f"{what}: {count}" for what, count in sorted(found.items()))
            print(f"{' '.join(names)}, {me} acts: {tried} pairs, {ran} applies: {told or 'holds'}",
                  flush=True)  # fmt: skip
    minutes = (time.monotonic() - began) / 60
    told = ", ".join(f"{what}: {count} pairs" for what, count in sorted(fallen.items()))
    print(f"{pairs} pairs of lists, {applies} applies in {minutes:.1f} minutes: {told or 'holds'}")
    return 1 if fallen else 0


def _try(asked: Iterator[Case]) -> tuple[Counter[str], int, int]:
    fallen = Counter[str]()
    pairs = applies = 0
    for case in asked:
        change = change_of(case)
        pairs += 1
        applies += sum(1 for _ in faults(len(change.grants))) if change else 0
        fallen.update({what for what, _ in wrongs(case)})
    return fallen, pairs, applies


if __name__ == "__main__":
    sys.exit(main())
