"""``plan --offline``: what a change declares, where no credentials are, as for a fork."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.line.linebench import ECHO, Bench, add_app

BEFORE = """\
apiVersion: jobsync/v1
project: p
targets: {tacc: {baseUrl: https://api.tacc.example}}
jobs:
  align:
    appId: famsa-2.2
    nodeCount: 1
    maxRunTime: "01:00:00"
    parameters: {threads: 2}
    permissions: {bob: READ}
  old: {appId: famsa-2.2}
  kept: {appId: famsa-2.2, notifications: [{url: "https://h.example/KEY", event: FINISHED}]}
"""
AFTER = """\
apiVersion: jobsync/v1
project: p
targets: {tacc: {baseUrl: https://api.tacc.example}}
jobs:
  align:
    appId: famsa-2.2
    nodeCount: 1
    maxRunTime: "01:00:00"
    parameters: {threads: 4, text: "::error::x"}
    permissions: {carol: READ_WRITE, world: READ}
  kept: {appId: famsa-2.2, notifications: [{url: "https://h.example/OTHER", event: FAILED}]}
  new: {appId: famsa-2.2, nodeCount: 1, maxRunTime: "02:00:00"}
"""


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repo(bench: Bench) -> Bench:
    """A repository whose base is a commit, with the change in the work tree, as CI has it."""
    jobs = bench.folder / "jobs"
    jobs.mkdir()
    (bench.folder / "README").write_text("x")
    (jobs / "set.yaml").write_text(BEFORE)
    (jobs / "link.yaml").symlink_to("/etc/passwd")
    git(bench.folder, "init", "-q", "-b", "main")
    git(bench.folder, "add", "README", "jobs")
    git(bench.folder, "commit", "-qm", "one")
    (jobs / "link.yaml").unlink()
    (jobs / "set.yaml").write_text(AFTER)
    bench.environ["CI"] = "true"
    return bench


def test_what_a_change_declares_against_its_base(repo: Bench) -> None:
    done = repo.run("plan", "jobs", "--offline", "--base", "main")
    assert done.code == 0, done.err
    assert done.out == (
        """\
Not compared with the service: what the manifests of p declare, against main.

~ job align  # jobs/set.yaml:5, runs anew
    + parameters.text = "\\x3a:error::x"
    ~ parameters.threads = 2 -> 4
    - permissions.bob = "READ"
    + permissions.carol = "READ_WRITE"
    + permissions.world = "READ"

~ job kept  # jobs/set.yaml:11
    ~ notifications = [{event = "FINISHED", url = "https://h.example/..."}] -> """
        """[{event = "FAILED", url = "https://h.example/..."}]

+ job new  # jobs/set.yaml:12
    + appId = "famsa-2.2"
    + maxRunTime = "02:00:00"
    + nodeCount = 1

- job old  # its runs are kept

Declared: 1 added, 2 changed, 1 removed, 0 as before. 2 to run, at most 3.0 node-hours. """
        "Access for everybody: align.\n"
    )
    told = json.loads(
        repo.run("plan", "jobs", "--offline", "--base", "main", "--format", "json").out
    )
    assert told["compared_with_service"] is False
    assert [one["action"] for one in told["declarations"]] == [
        "changed", "changed", "added", "removed",
    ]  # fmt: skip
    assert "KEY" not in json.dumps(told) and "OTHER" not in json.dumps(told)


def test_the_same_for_a_comment_and_as_a_report(repo: Bench) -> None:
    call = ("plan", "jobs", "--offline", "--base", "main", "--format", "markdown")
    summary = repo.folder / "summary"
    done = repo.run(
        *call,
        *("--report", "github", "--report", "gitlab", "--detailed-exitcode"),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert done.code == 2
    assert done.out.startswith("<!-- jobsync p -->\n\n### Not compared with the service")
    assert summary.read_text() == done.out
    assert "::warning file=jobs/set.yaml,line=5,col=3,title=jobsync public::align" in done.err
    told = json.loads((repo.folder / "jobsync-terraform.json").read_text())
    assert told == {"error": ["not compared with the service"]}


def test_without_a_base_all_is_shown_and_a_base_that_is_invalid_is_said(repo: Bench) -> None:
    assert "3 added, 0 changed, 0 removed" in repo.run("plan", "jobs", "--offline").out
    (repo.folder / "jobs/set.yaml").write_text("nonsense: [")
    git(repo.folder, "commit", "-qam", "two")
    (repo.folder / "jobs/set.yaml").write_text(AFTER)
    done = repo.run("plan", "jobs", "--offline", "--base", "HEAD")
    assert "Warning: HEAD has no set that can be read, so all jobs count as added" in done.out
    assert "3 added" in done.out
    (repo.folder / "other").mkdir()
    (repo.folder / "other/new.yaml").write_text(AFTER)
    done = repo.run("plan", "other", "--offline", "--base", "HEAD")
    assert "3 added" in done.out and "Warning" not in done.out


def test_nothing_that_differs_is_no_change_and_what_cannot_be_known_is_an_error(
    repo: Bench,
) -> None:
    (repo.folder / "jobs/set.yaml").write_text(BEFORE)
    done = repo.run("plan", "jobs", "--offline", "--base", "main", "--detailed-exitcode")
    assert (done.code, done.out.splitlines()[-1]) == (
        0, "Declared: 0 added, 0 changed, 0 removed, 3 as before.",
    )  # fmt: skip
    for ref in ("nosuch", "--output=x", ""):
        done = repo.run("plan", "jobs", "--offline", f"--base={ref}")
        assert done.code == 1 and "no such commit" in done.err, done.err
    assert repo.run("plan", "jobs", "--base", "main").code == 64
    done = repo.run("plan", "jobs", "--offline", "--prune")
    assert done.code == 64 and "--prune needs a service" in done.err


def test_the_content_of_an_input_and_of_an_app_is_compared_too(bench: Bench) -> None:
    add_app(bench, ECHO)
    (bench.folder / "in.txt").write_text("one")
    (bench.folder / "m.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: p\ntarget: local\n"
        "jobs: {a: {appId: echo-1.0, inputs: {f: agave://local/in.txt}}}\n"
    )
    git(bench.folder, "init", "-q", "-b", "main")
    git(bench.folder, "add", ".")
    git(bench.folder, "commit", "-qm", "one")
    assert "1 as before" in bench.run("plan", "--offline", "--base", "main").out
    (bench.folder / "in.txt").write_text("two")
    (bench.folder / "apps/echo/w.sh").write_text("echo other\n")
    done = bench.run("plan", "--offline", "--base", "main")
    assert "~ content of agave://local/in.txt" in done.out
    assert "~ content of the app" in done.out and "runs anew" in done.out
