"""The GitLab template, run by gitlab-ci-local: a merge request, its merge, and drift."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.testing import LocalService, local_service
from tests.ci.fake_forge import BOT, TOKEN, Forge, forge
from tests.ci.tools import ROOT, needs, run

TEMPLATE = ROOT / "ci/gitlab/jobsync.yml"
IMAGE = "  image: $[[ inputs.image ]]\n"
ONE = """\
apiVersion: jobsync/v1
project: phylo
jobs:
  one: {appId: wc-demo-1.00, permissions: {bob: READ}}
"""


def test_the_schema_of_gitlab(tmp_path: Path) -> None:
    _, _, jobs = TEMPLATE.read_text().partition("\n---\n")
    (tmp_path / "jobs.yml").write_text(jobs)
    words = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    run("check-jsonschema", *words, str(tmp_path / "jobs.yml"))


class Pipelines:
    """A repository that includes the template, on a forge and a service."""

    def __init__(self, folder: Path, hub: Forge, service: LocalService) -> None:
        self.folder, self.hub, self.service = folder / "repo", hub, service
        (self.folder / "jobs").mkdir(parents=True)
        text = TEMPLATE.read_text()
        assert IMAGE in text  # with it the job would need a container
        (self.folder / "jobsync.yml").write_text(text.replace(IMAGE, ""))
        inputs = {
            "source": "https://forge.example/o/jobsync",
            "commit": "c" * 40,
            "path": "jobs",
            "target": "env",
            "environment": "tacc",
            "python": sys.executable,
        }
        document = {"include": [{"local": "/jobsync.yml", "inputs": inputs}]}
        (self.folder / ".gitlab-ci.yml").write_text(json.dumps(document))
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "https://gitlab.example/lab/jobs.git")
        self.state = folder / "state"

    def git(self, *words: str) -> str:
        call = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words]
        done = subprocess.run(call, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        (self.folder / "jobs/set.yaml").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def run(self, job: str, **more: str) -> tuple[int, str]:
        """Run one job of the pipeline on this machine: its exit code, and what it printed."""
        said = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.hub.url,
            "CI_PROJECT_ID": "7",
            "CI_PROJECT_PATH": "lab/jobs",
            "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": self.git("rev-parse", "HEAD"),
            "JOBSYNC_FORGE_TOKEN": TOKEN,
            "JOBSYNC_STATE_DIR": str(self.state),
            "TAPIS_BASE_URL": self.service.url,
            "TAPIS_TOKEN": self.service.tokens["alice"],
            **more,
        }
        words = ["gitlab-ci-local", job, "--shell-isolation"]
        words += [word for key, value in said.items() for word in ("--variable", f"{key}={value}")]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder.parent)}
        done = subprocess.run(
            words, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Pipelines]:
    needs("gitlab-ci-local")
    needs("rsync")
    with forge() as hub, local_service(users=("alice", "bob")) as service:
        yield Pipelines(tmp_path, hub, service)


REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_MERGE_REQUEST_IID": "5",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "lab/jobs",
}
PUSH = {"CI_PIPELINE_SOURCE": "push"}


def test_from_a_merge_request_to_drift(lab: Pipelines) -> None:
    base = lab.commit(ONE.replace("one:", "zero:"))
    lab.commit(ONE.replace("permissions", "permisions"))
    code, said = lab.run("jobsync-plan", **REQUEST)
    assert code == 1 and "set.yaml:4:30" in said, said
    assert "### jobsync plan failed" in lab.hub.comments[5][0]["body"]

    fork = {"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "mallory/jobs"}
    commit = lab.commit(ONE)
    diff = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "TAPIS_TOKEN": ""}
    code, said = lab.run("jobsync-plan", **{**REQUEST, **fork, **diff})
    assert code == 0 and "Not compared with the service" in said and "+ job one" in said, said

    code, said = lab.run("jobsync-plan", **REQUEST)
    assert code == 0, said
    (comment,) = [one["body"] for one in lab.hub.comments[5]]
    assert re.search("<!-- digest [0-9a-f]{64} -->", comment)

    # Not merged by anything that is known: nothing is done.
    lab.hub.heads["main"] = commit
    code, said = lab.run("jobsync-apply", **PUSH)
    assert code != 0 and "no reviewed plan is known" in said, said
    lab.hub.merge(5, commit)
    assert lab.hub.comments[5][0]["user"] == BOT
    code, said = lab.run("jobsync-apply", **PUSH)
    assert code == 0, said
    jobs = lab.service.call("alice", "GET", "/jobs/v2").result
    assert len(jobs) == 1

    code, said = lab.run("jobsync-drift", CI_PIPELINE_SOURCE="schedule")
    assert code == 0, said
    body = {"username": "bob", "permission": "NONE"}
    lab.service.call("alice", "POST", f"/jobs/v2/{jobs[0]['id']}/pems", body)
    code, said = lab.run("jobsync-drift", CI_PIPELINE_SOURCE="schedule")
    assert code != 0 and "bob" in said, said
