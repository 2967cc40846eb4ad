"""docs/testing.md: its table of faults is whole; tests/docs runs its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobsync.local.api.agave.routes import BESIDE, JOBS
from jobsync.local.faults import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_in_the_table(kind: str) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    [row] = [row for row in rows if re.search(rf"`{kind}`", row.split("|")[1])]
    times = row.split("|")[2].strip()
    assert times == ("always" if KINDS[kind].times < 0 else str(KINDS[kind].times))


def test_every_operation_is_named() -> None:
    text = PAGE.read_text()
    names = {one.name for table in (JOBS, BESIDE) for way in table.values() for one in way.values()}
    line = next(line for line in text.splitlines() if line.startswith("| `on=NAME`"))
    listed = set(line.split("`")[3].split())
    assert listed == names | {"token", "revoke"}
