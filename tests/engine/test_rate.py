"""The benchmarks of the engine and of growth work; their figures are for quiet machines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def said(script: str, *arguments: str) -> str:
    command = [sys.executable, str(FOLDER / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_benchmark() -> None:
    assert "20 jobs at cap 8" in said("engine.py", "--jobs", "20")


@pytest.mark.parametrize("api", ["agave/v2", "tapis/v3"])
def test_growth_is_measured_on_each_api(api: str) -> None:
    chosen = ("--dimension", "superseded", "--dimension", "matrix")
    text = said("growth.py", "--api", api, "--sizes", "3", "--rounds", "1", *chosen)
    assert "superseded: plan" in text and "matrix: validate" in text
