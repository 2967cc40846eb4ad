"""From a bare clone: the example of the README is applied, and the sessions of the README and of
docs/session.md are what one sees."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.line.linebench import Bench

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_ID = r"[0-9a-f]+(?:-[0-9a-f]+)+-007"


def shell(bench: Bench, command: str) -> str:
    tools = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=bench.folder,
        env={**bench.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr and "Error" not in done.stderr, done.stderr
    return done.stdout


def pattern(shown: str) -> str:
    """What is shown, with other ids and other digests."""
    words = re.sub(RUN_ID, "RUN", shown)
    return re.escape(words).replace("RUN", RUN_ID).replace(r"\.\.\.", ".*")


def test_the_example_and_the_sessions_of_both_apis(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for name in ("phylogeny", "phylogeny-v3"):
        left = shutil.ignore_patterns(".jobsync", "results", "jobsync.lock")
        shutil.copytree(ROOT / "manifests" / name, tmp_path / "manifests" / name, ignore=left)
    pages = README + (ROOT / "docs/session.md").read_text("utf-8")
    blocks = BLOCK.findall(pages)
    applied = re.findall(r"\.venv/bin/(jobsync apply manifests/[a-z0-9 -]+)", README)
    assert len(applied) == 2, "one of each api"
    for command in applied:
        shell(bench, command)
    trees = [(tmp_path / f"manifests/{name}/results/tree.nwk").read_text()
             for name in ("phylogeny", "phylogeny-v3")]  # fmt: skip
    assert trees[0] == trees[1], "the same science in both languages"
    sessions = [text for kind, text in blocks if kind == "console"]
    assert len(sessions) == 2
    for session in sessions:
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
            said = shell(bench, command)
            assert re.fullmatch(pattern(shown), said), f"{command}\n{said}"
