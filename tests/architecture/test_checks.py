"""What pre-commit checks is checked with the tests as well, so that CI needs one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")
ROOT = Path(__file__).parents[2]
FILES = ["jobsync", "tests", "benchmarks"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", *FILES],
        ["ruff", "format", "--check", *FILES],
        ["mypy"],
        ["codespell_lib", "jobsync", "docs", "benchmarks", "README.md", "CONTRIBUTING.md"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_check_of_the_whole(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_white_space() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ".", ":!tests/manifests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    done = subprocess.run(
        [sys.executable, "tests/architecture/whitespace.py", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
