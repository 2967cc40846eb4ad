"""The shipped workflows from a pull request to drift, run by ``act`` as GitHub runs them.

The forge, the service and the repository of the journal are on this machine; the checkout is the
only action that is not the shipped one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.testing import LocalService, local_service
from tests.ci.act_lab import ActLab
from tests.ci.fake_forge import BOT, REPOSITORY, Forge, forge

pytestmark = pytest.mark.skipif(not shutil.which("act"), reason="act is not installed")

ONE = """\
apiVersion: jobsync/v1
project: phylo
jobs:
  one: {appId: wc-demo-1.00, permissions: {bob: READ}}
"""
TWO = f"{ONE}  two: {{appId: wc-demo-1.00}}\n"
WRONG = ONE.replace("permissions", "permisions")
SECRETS = ("TAPIS_TOKEN",)


class Life:
    """A repository with all three workflows, on a service and a journal."""

    def __init__(self, folder: Path, hub: Forge, service: LocalService) -> None:
        self.hub, self.service = hub, service
        self.journal = folder / "journal.git"
        subprocess.run(["git", "init", "-q", "--bare", str(self.journal)], check=True)
        named = f"git+file://{self.journal}#refs/jobsync/journal"
        environ = {**os.environ, "JOBSYNC_JOURNAL": named, "HOME": str(folder)}
        command = [sys.executable, "-m", "jobsync", "journal", "init"]
        subprocess.run(command, check=True, cwd=folder, env=environ, capture_output=True)
        self.lab = ActLab(folder, hub, {"JOBSYNC_STATE_KEY": "the key of the tests"})
        told = {"target": "env", "base-url": service.url}
        self.lab.caller("plan", '"pull_request"', {**told, "journal": named}, SECRETS)
        guarded = {**told, "journal": named, "environment": "tacc"}
        self.lab.caller("apply", '"push"', guarded, SECRETS)
        self.lab.caller("drift", '"schedule"', told, SECRETS)
        self.token = service.tokens["alice"]

    def request(self, number: int, *, fork: bool = False) -> dict[str, Any]:
        head = {"repo": {"full_name": "mallory/jobs" if fork else REPOSITORY}}
        base = {"sha": self.lab.git("rev-parse", "main"), "ref": "main"}
        return {"pull_request": {"number": number, "head": head, "base": base}}

    def jobs(self) -> list[str]:
        rows = self.service.call("alice", "GET", "/jobs/v2?limit=250").result
        return sorted(row["name"] for row in rows)

    def ours(self, number: int) -> list[str]:
        return [one["body"] for one in self.hub.comments.get(number, []) if one["user"] == BOT]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with forge() as hub, local_service(users=("alice", "bob")) as service:
        yield Life(tmp_path, hub, service)


def test_from_a_pull_request_to_drift(life: Life) -> None:
    lab, hub = life.lab, life.hub
    lab.commit(ONE.split("jobs:")[0] + "jobs: {}\n")

    # A manifest that is wrong: the job fails, and says where.
    request = life.request(5)
    lab.commit(WRONG)
    ran = lab.run("plan", "pull_request", request, TAPIS_TOKEN=life.token)
    assert not ran.passed
    assert "::error file=set.yaml,line=4,col=30,title=jobsync manifest::" in ran.log, ran.log
    assert "### jobsync plan failed" in life.ours(5)[0]
    assert hub.labels[5] == ["jobsync: failed"]

    # It is mended: the same comment has the plan.
    commit = lab.commit(ONE)
    ran = lab.run("plan", "pull_request", request, TAPIS_TOKEN=life.token)
    assert ran.passed, ran.log
    (comment,) = life.ours(5)
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in comment
    assert "no-journal" not in comment
    assert hub.labels[5] == ["jobsync: changes"]
    digest = re.search("digest ([0-9a-f]{64})", comment)
    assert digest and f"digest={digest[1]}" in ran.log

    # Merged: the run on the branch applies what was reviewed, once.
    hub.merge(5, commit)
    push = {"ref": "refs/heads/main"}
    ran = lab.run("apply", "push", push, TAPIS_TOKEN=life.token)
    assert ran.passed, ran.log
    ran = lab.run("apply", "push", push, TAPIS_TOKEN=life.token)
    assert len(life.jobs()) == 1
    assert not ran.passed and "failure-reason=stale" in ran.log, ran.log  # it is another plan now
    plan, result = life.ours(5)
    assert plan == comment, "the reviewed plan stays"
    assert result.startswith("<!-- jobsync phylo env apply -->\n\n### jobsync apply failed")

    # Nothing differs, then somebody changes a permission, then it is put right.
    for grant, is_open in ((None, 0), ("NONE", 1), ("READ", 0)):
        if grant:
            (row,) = life.service.call("alice", "GET", "/jobs/v2").result
            body = {"username": "bob", "permission": grant}
            life.service.call("alice", "POST", f"/jobs/v2/{row['id']}/pems", body=body)
        life.service.wait("alice", life.service.call("alice", "GET", "/jobs/v2").result[0]["id"])
        ran = lab.run("drift", "schedule", {}, TAPIS_TOKEN=life.token)
        assert ran.passed, ran.log
        assert sum(issue["state"] == "open" for issue in hub.issues) == is_open, ran.log
    assert len(hub.issues) == 1 and "bob" in hub.issues[0]["body"]


def test_what_is_not_applied(life: Life) -> None:
    lab, hub = life.lab, life.hub
    push = {"ref": "refs/heads/main"}

    # From a fork: no secrets, no comment; the page of the run shows what it declares.
    lab.commit(ONE)
    request = life.request(6, fork=True)
    commit = lab.commit(TWO)
    ran = lab.run("plan", "pull_request", request)
    assert ran.passed, ran.log
    assert "### Not compared with the service" in ran.log
    assert "+ job two" in ran.log and life.ours(6) == []

    # Merged without a reviewed plan: the new plan is posted, nothing is done.
    hub.merge(6, commit)
    ran = lab.run("apply", "push", push, TAPIS_TOKEN=life.token)
    assert not ran.passed and "exitcode=3" in ran.log, ran.log
    (comment,) = life.ours(6)
    assert "no reviewed plan is known" in comment and "Plan: 2 to add" in comment

    # Reviewed as another plan than it is now.
    stale = f"<!-- jobsync phylo env -->\n<!-- digest {'a' * 64} -->\n\nPlan\n"
    hub.comment(6, stale, BOT)
    ran = lab.run("apply", "push", push, TAPIS_TOKEN=life.token)
    assert not ran.passed and "failure-reason=stale" in ran.log, ran.log

    # Not the head of its branch any more.
    hub.heads["main"] = "d" * 40
    ran = lab.run("apply", "push", push, TAPIS_TOKEN=life.token)
    assert not ran.passed and "is not the head of main any more" in ran.log, ran.log

    # A token that was revoked.
    hub.heads["main"] = commit
    ran = lab.run("apply", "push", push, TAPIS_TOKEN="revoked-token")
    assert not ran.passed and "failure-reason=unauthorised" in ran.log, ran.log
    assert life.jobs() == []

    # A comment that may not be written fails no plan.
    hub.refuses = {"POST", "PATCH"}
    ran = lab.run("plan", "pull_request", life.request(7), TAPIS_TOKEN=life.token)
    assert ran.passed and "403" in ran.log, ran.log


def test_a_runner_that_is_killed_and_the_next_one(life: Life) -> None:
    """It is killed when the service has taken the submit and says nothing yet."""
    lab, hub = life.lab, life.hub
    commit = lab.commit(ONE)
    ran = lab.run("plan", "pull_request", life.request(5), TAPIS_TOKEN=life.token)
    assert ran.passed, ran.log
    hub.merge(5, commit)
    life.service.arm("lost,seconds=8,on=submit,times=1")
    ran = lab.run(
        "apply",
        "push",
        {"ref": "refs/heads/main"},
        killed_when=lambda: life.service.hits("lost") > 0,
        TAPIS_TOKEN=life.token,
    )
    assert not ran.passed and len(life.jobs()) == 1
    life.service.disarm()
    ran = lab.run("apply", "push", {"ref": "refs/heads/main"}, TAPIS_TOKEN=life.token)
    assert len(life.jobs()) == 1, ran.log
    assert "failure-reason=stale" in ran.log, ran.log  # the job is there: it is another plan now


def test_inputs_are_words_and_never_shell(life: Life) -> None:
    """What a caller passes reaches jobsync as one argument each."""
    caller = life.lab.folder / ".github/workflows/call-plan.yml"
    document = json.loads(caller.read_text())
    document["jobs"]["plan"]["with"]["target"] = "$(touch /tmp/never)`id`; exit 0"
    caller.write_text(json.dumps(document))
    life.lab.commit(ONE)
    ran = life.lab.run("plan", "pull_request", life.request(5), TAPIS_TOKEN=life.token)
    assert not ran.passed and "there is no target" in ran.log, ran.log
    assert not Path("/tmp/never").exists()
