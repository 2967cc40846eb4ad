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
    "matching globs": (r"\bfnmatch\b", {"globs.py"}),
    "opening private state": (
        r"\bO_NOFOLLOW\b",
        {
            "private_files.py",
            "atomic_files.py",
            "locks.py",
            "outputs/destination.py",
            "outputs/verify.py",
            "apply/audit.py",
        },
    ),
}
"""What is done with what words, and the only files that may: the one place and what it is made of.

``lock_format`` reads what was fetched; nothing is written for it. Of the files that are opened
without following links, those of ``outputs`` are fetched ones and that of ``audit`` is named by
the user: they are no state.
"""


@pytest.mark.parametrize("what", ONLY_IN)
def test_there_is_no_second(what: str) -> None:
    pattern, places = ONLY_IN[what]
    found = {name for name, path in FILES.items() if re.search(pattern, path.read_text("utf-8"))}
    assert found == places, f"{what}: {sorted(found ^ places)}"
