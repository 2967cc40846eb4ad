"""The benchmark of the engine works; its figure is for quiet machines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "engine.py"


def test_benchmark() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--jobs", "20"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "20 jobs at cap 8" in done.stdout
