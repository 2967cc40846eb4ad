"""Pages of the documentation: their shell blocks run, their sets are valid, what is made is
current, and the site builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.line.linebench import Bench

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    found = BLOCK.findall((DOCS / page).read_text("utf-8"))
    return [text for kind, text in found if kind == language]


def test_the_first_own_job_can_be_pasted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    tools = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("first-job.md", "sh"))],
        cwd=tmp_path,
        env={**bench.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GOOD MORNING\n" * 2 + "No changes." in done.stdout
    assert "GOOD MORNING\n" * 3 in done.stdout
    assert (tmp_path / "shout/results/loud.txt").read_text() == "GOOD MORNING\n" * 3


@pytest.mark.parametrize("number", range(len(blocks("recipes.md", "yaml"))))
def test_a_recipe_is_a_valid_set(number: int, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(blocks("recipes.md", "yaml")[number])
    done = Bench(tmp_path).run("validate", "--target", "env", "jobs.yaml")
    assert (done.code, done.err) == (0, "")


def test_what_is_made_from_the_code_is_current() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"run python docs/generate.py: {done.stdout}{done.stderr}"


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for page in tmp_path.rglob("*.html"):
        loads = re.findall(
            r'<(?:script|link|img)\b[^>]*?\b(?:src|href)="(https?://[^"]+)"',
            page.read_text("utf-8"),
        )
        assert not loads, f"{page.relative_to(tmp_path)}: {loads}"
