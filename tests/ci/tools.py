"""Tools of others that tests need: without one a test is skipped by name, and fails in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HASHED = ("act", "zizmor", "check-jsonschema", "shellcheck")
"""Those that ``requirements/tools.txt`` installs."""


def needs(tool: str) -> str:
    """The path of *tool*; skips the test where it is not installed."""
    path = shutil.which(tool)
    if path is None:
        told = f"{tool} is not installed: see requirements/tools.txt and CONTRIBUTING.md"
        if os.environ.get("CI") and tool in HASHED:
            pytest.fail(told)
        pytest.skip(told)
    return path


def run(tool: str, *words: str, given: str | None = None) -> str:
    """What *tool* prints; fails when it finds anything."""
    done = subprocess.run(
        [needs(tool), *words], cwd=ROOT, input=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{tool}: {done.stdout}{done.stderr}"
    return done.stdout
