"""docs/testing.md: its examples run, and its table of faults is whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobsync.local.api.agave.routes import BESIDE, JOBS
from jobsync.local.faults import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def blocks() -> dict[str, str]:
    found = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(found)


def test_the_pytest_example_runs(tmp_path: Path) -> None:
    for name, text in blocks().items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pipeline.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_context_manager_example_runs(tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text(blocks()["more.py"])
    done = subprocess.run(
        [sys.executable, "more.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")


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
