"""Campaigns are run seldom: what they have of the source in strings still has to fit it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.campaigns import kill_sweep, plan_teeth


def test_the_command_that_the_kill_sweep_kills_starts() -> None:
    command = [sys.executable, "-c", kill_sweep.RUNNER, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_seeded_bug_still_fits_the_source() -> None:
    assert plan_teeth.misfits() == []


def test_what_the_seeded_bugs_are_tried_on_imports_no_other_tests() -> None:
    """Else the copy fails with and without a bug, and nothing is shown."""
    tests = Path(plan_teeth.__file__).parents[1]
    found = [
        f"{path.relative_to(tests)}: {line}"
        for area in plan_teeth.AREAS
        for path in (tests / area).rglob("*.py")
        if area != "access" or path.name == "test_write_order.py"
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("from tests.") and line.split()[1].split(".")[1] not in plan_teeth.AREAS
    ]
    assert found == []
