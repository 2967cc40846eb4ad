"""The files in the pages for CI: as the schemas want them; the first one as a stranger takes it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from jobsync.testing import local_service
from tests.ci.act_lab import ActLab
from tests.ci.fake_forge import BOT, REPOSITORY, forge
from tests.ci.tools import ROOT, needs, run

PAGE = (ROOT / "docs/ci/github.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
CALLED = "OWNER/jobsync/.github/workflows"


def in_full(text: str) -> str:
    """With names in place of what the page leaves open."""
    return text.replace("COMMIT", "c" * 40).replace("OWNER", "owner")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_workflow_of_the_page_is_one(number: int, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(in_full(BLOCKS[number]))
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))


def test_what_the_page_passes_is_what_the_files_take() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    for block in BLOCKS:
        for job in yaml.safe_load(block)["jobs"].values():
            if uses := job.get("uses"):
                assert uses.startswith(CALLED)
                name = uses.split("/")[-1].split("@")[0]
                text = (ROOT / ".github/workflows" / name).read_text()
                taken = yaml.safe_load(text)[True]["workflow_call"]  # `on` is true to YAML 1.1
                assert job["with"].keys() <= taken["inputs"].keys()
                assert job["secrets"].keys() <= taken["secrets"].keys()
                wanted = {key for key, one in taken["inputs"].items() if one.get("required")}
                assert wanted <= job["with"].keys()
            for step in job.get("steps", []):
                if step["uses"].startswith("OWNER"):
                    assert step["with"].keys() <= action.keys()


def test_from_an_empty_repository_to_a_plan_on_a_pull_request(tmp_path: Path) -> None:
    """The first file of the page, under ten lines, with ``init`` for a set: in seconds."""
    needs("act")
    first = BLOCKS[0]
    assert len(first.splitlines()) < 10
    with forge() as hub, local_service(users=("alice",)) as service:
        began = time.monotonic()
        lab = ActLab(tmp_path, hub, {"TAPIS_BASE_URL": service.url})
        for path in lab.folder.glob(".github/workflows/*"):
            path.unlink()
        # The action from this checkout, and the jobsync that is installed here.
        mine = first.replace("OWNER/jobsync@COMMIT", "./.jobsync-action")
        mine = mine.replace("https://designsafe.tapis.io", service.url)
        mine = mine.replace(
            "command: plan", f"command: plan, target: env, python: {sys.executable}"
        )
        (lab.folder / ".github/workflows/call-plan.yml").write_text(mine)
        command = [sys.executable, "-m", "jobsync", "init", "jobs"]
        subprocess.run(command, cwd=lab.folder, check=True, capture_output=True)
        lab.git("add", "-A")
        lab.git("commit", "-qm", "first")
        commit = lab.git("rev-parse", "HEAD")
        head = {"repo": {"full_name": REPOSITORY}}
        request = {"pull_request": {"number": 1, "head": head, "base": {"sha": commit}}}
        ran = lab.run("plan", "pull_request", request, TAPIS_TOKEN=service.tokens["alice"])
        assert ran.passed, ran.log
        (comment,) = hub.comments[1]
        assert comment["user"] == BOT and "to add" in comment["body"], comment
        assert time.monotonic() - began < 60


@pytest.mark.slow
def test_the_action_installs_itself_by_hash(tmp_path: Path) -> None:
    """With the network of the package index; as above without ``python``."""
    needs("act")
    with forge() as hub, local_service(users=("alice",)) as service:
        lab = ActLab(tmp_path, hub, {"TAPIS_BASE_URL": service.url})
        for path in lab.folder.glob(".github/workflows/*"):
            path.unlink()
        ignored = shutil.ignore_patterns(
            ".git", ".venv", "tests", "*_cache", ".hypothesis", "build"
        )
        shutil.rmtree(lab.folder / ".jobsync-action")
        shutil.copytree(ROOT, lab.folder / ".jobsync-action", ignore=ignored)
        mine = BLOCKS[0].replace("OWNER/jobsync@COMMIT", "./.jobsync-action")
        mine = mine.replace("https://designsafe.tapis.io", service.url)
        mine = mine.replace("command: plan", "command: plan, target: env")
        (lab.folder / ".github/workflows/call-plan.yml").write_text(mine)
        (lab.folder / "jobs").mkdir()
        (lab.folder / "jobs/set.yaml").write_text(
            "apiVersion: jobsync/v1\nproject: p\njobs: {one: {appId: wc-demo-1.00}}\n"
        )
        lab.git("add", "-A")
        lab.git("commit", "-qm", "first")
        head = {"repo": {"full_name": REPOSITORY}}
        request = {"pull_request": {"number": 1, "head": head, "base": {"sha": "a" * 40}}}
        ran = lab.run("plan", "pull_request", request, TAPIS_TOKEN=service.tokens["alice"])
        assert ran.passed and "1 to add" in hub.comments[1][0]["body"], ran.log
