"""What decides over trust is known in one place: nothing else does the same in its own way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jobsync"
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}

ONLY_IN = {
    "judging a destination": (
        r"\bdestination_refusal\(",
        {"filenames.py", "destinations.py", "lock_format.py"},
    ),
}
"""What is done with what words, and the only files that may: the one place and what it is made of.

``lock_format`` reads what was fetched; nothing is written for it.
"""


@pytest.mark.parametrize("what", ONLY_IN)
def test_there_is_no_second(what: str) -> None:
    pattern, places = ONLY_IN[what]
    found = {name for name, path in FILES.items() if re.search(pattern, path.read_text("utf-8"))}
    assert found == places, f"{what}: {sorted(found ^ places)}"
