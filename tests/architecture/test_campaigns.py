"""Campaigns are run seldom: what they have of the source in strings still has to fit it."""

from __future__ import annotations

import subprocess
import sys

from tests.campaigns import kill_sweep, plan_teeth


def test_the_command_that_the_kill_sweep_kills_starts() -> None:
    command = [sys.executable, "-c", kill_sweep.RUNNER, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_seeded_bug_still_fits_the_source() -> None:
    assert plan_teeth.misfits() == []
