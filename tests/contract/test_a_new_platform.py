"""Adding a platform is one folder and one row: tried on a copy of the package."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).parent / "example"
OF_THE_FOLDER = ("__init__.py", "platform.py", "connections.py")
ROW = '    "agave",\n'


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with the example in it, and the suite with a row for it."""
    root = tmp_path_factory.mktemp("copy")
    clean = shutil.ignore_patterns(
        "__pycache__", "example", "test_a_new_platform.py", "three_jobs.py"
    )
    shutil.copytree(ROOT / "jobsync", root / "jobsync", ignore=clean)
    for folder in ("contract", "fakes"):
        shutil.copytree(ROOT / "tests" / folder, root / "tests" / folder, ignore=clean)
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py"):
        shutil.copy(ROOT / name, root / name)
    folder_of_it = root / "jobsync" / "platforms" / "example"
    folder_of_it.mkdir()
    for name in OF_THE_FOLDER:
        shutil.copy(EXAMPLE / name, folder_of_it)
    shutil.copy(EXAMPLE / "rows_example.py", root / "tests" / "contract")
    table = root / "jobsync" / "platforms" / "__init__.py"
    text = table.read_text("utf-8")
    assert text.count(ROW) == 1
    table.write_text(text.replace(ROW, ROW + ROW.replace("agave", "example")), "utf-8")
    return root


def python(copy: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value
        for key, value in os.environ.items()
        if key != "CI" and not key.startswith(("TAPIS_", "JOBSYNC_", "PYTEST_", "COV_"))
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_line_is_changed_outside_the_folder(copy: Path) -> None:
    changed: list[str] = []
    for path in sorted((copy / "jobsync").rglob("*.py")):
        name = path.relative_to(copy)
        if "example" in name.parts:
            continue
        before = (ROOT / name).read_text("utf-8").splitlines()
        after = path.read_text("utf-8").splitlines()
        changed += [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert changed == ['+     "example",']


def test_it_keeps_the_laws_of_a_backend(copy: Path) -> None:
    arguments = ("-m", "pytest", "-n", "0", "-q", "-k", "example", "tests/contract")
    done = python(copy, *arguments, cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout or "[100%]" in done.stdout, done.stdout


def test_a_set_is_planned_applied_and_shown_there(copy: Path, tmp_path: Path) -> None:
    done = python(copy, str(EXAMPLE.with_name("three_jobs.py")), cwd=tmp_path)
    assert done.returncode == 0 and done.stderr.endswith("done\n"), done.stdout + done.stderr
    assert "first" in done.stdout and '"api": "example/v1"' in done.stdout
