"""One comment that stays, labels, one issue, and whose word counts for the reviewed digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.forge.comments import Comment, fitted, reviewed_digest
from tests.ci.fake_forge import BOT, PERSON, REPOSITORY, TOKEN, Forge, forge
from tests.line.linebench import Bench

MARKER = "<!-- jobsync phylo tacc -->"
HEX = "a" * 64
PAGE = f"{MARKER}\n<!-- digest {HEX} -->\n\n### jobsync plan\n\n**Plan: 1 to add.**\n"
COMMIT = "c" * 40


@pytest.fixture
def hub() -> Iterator[Forge]:
    with forge() as running:
        yield running


@pytest.fixture
def job(tmp_path: Path, hub: Forge) -> Iterator[Bench]:
    """A job of GitHub on the pull request 5, with a page to comment."""
    bench = Bench(tmp_path)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 5}}))
    (tmp_path / "page.md").write_text(PAGE)
    bench.environ |= {
        "GITHUB_API_URL": hub.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": COMMIT,
    }
    yield bench
    bench.close()


def test_a_comment_is_made_once_and_replaced_from_then_on(job: Bench, hub: Forge) -> None:
    hub.comment(5, PAGE, PERSON)  # somebody else's is not ours, whatever it says
    for number in range(120):  # more than one page of them
        hub.comment(5, f"talk {number}", PERSON)
    hub.labels[5] = ["bug", "jobsync: failed"]
    first = job.run("ci", "comment", "page.md", "--label", "jobsync", "--result", "changes")
    assert first.code == 0 and "Wrote the comment on 5" in first.err, first.err
    (job.folder / "page.md").write_text(PAGE.replace("1 to add", "2 to add"))
    second = job.run("ci", "comment", "page.md")
    assert "Replaced the comment" in second.err
    ours = [one["body"] for one in hub.comments[5] if one["user"] is BOT]
    assert len(ours) == 1 and "2 to add" in ours[0]
    assert hub.comments[5][0]["body"] == PAGE
    assert hub.labels[5] == ["bug", "jobsync: changes"]
    hub.seen.clear()
    job.run("ci", "comment", "page.md")
    assert not [line for line in hub.seen if line.startswith(("POST", "PATCH"))]


def test_refusals_are_said_with_what_to_do(job: Bench, hub: Forge) -> None:
    hub.refuses = {"POST"}
    done = job.run("ci", "comment", "page.md")
    assert done.code == 1 and "403" in done.err and "right to write comments" in done.err
    assert TOKEN not in done.err
    done = job.run("ci", "comment", "page.md", GITHUB_TOKEN="wrong")
    assert done.code == 1 and "401" in done.err and "wrong" not in done.err
    done = job.run("ci", "comment", "page.md", GITHUB_TOKEN="")
    assert done.code == 1 and "GITHUB_TOKEN is not set" in done.err
    (job.folder / "page.md").write_text("no marker\n")
    assert job.run("ci", "comment", "page.md").code == 64
    (job.folder / "page.md").write_text("")
    assert job.run("ci", "comment", "page.md").code == 64


def test_what_is_too_long_keeps_its_head(job: Bench, hub: Forge) -> None:
    (job.folder / "page.md").write_text(f"{PAGE}\n```\n{'x' * 70_000}\n```\n")
    assert job.run("ci", "comment", "page.md").code == 0
    (made,) = hub.comments[5]
    assert made["body"].startswith(PAGE) and "too long for a comment" in made["body"]
    assert "```" not in made["body"] and fitted(PAGE, 65_536) == PAGE


def test_on_gitlab_too(job: Bench, hub: Forge) -> None:
    job.environ |= {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": hub.url,
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "5",
        "JOBSYNC_FORGE_TOKEN": TOKEN,
    }
    hub.comment(5, PAGE, PERSON)
    hub.labels[5] = ["bug", "jobsync: failed"]
    for text in (PAGE, PAGE.replace("1 to", "3 to")):
        (job.folder / "page.md").write_text(text)
        done = job.run("ci", "comment", "page.md", "--label", "jobsync")
        assert done.code == 0, done.err
    assert [one["body"] for one in hub.comments[5]] == [PAGE, PAGE.replace("1 to", "3 to")]
    assert hub.labels[5] == ["bug", "jobsync: no-changes"]
    assert job.run("ci", "comment", "page.md", CI_MERGE_REQUEST_IID="").code == 0


def test_the_digest_is_taken_only_from_our_comment_on_what_was_merged(
    job: Bench, hub: Forge
) -> None:
    hub.merge(5, COMMIT)
    hub.comment(5, PAGE.replace(HEX, "b" * 64), PERSON)
    hub.comment(5, PAGE.replace(HEX, "b" * 64), {**BOT, "type": "User", "id": 3})
    hub.comment(5, f"{MARKER}\n\n<!-- digest {'b' * 64} -->\n", BOT)  # not on the second line
    hub.comment(5, PAGE.replace("tacc", "other").replace(HEX, "d" * 64), BOT)
    call = ("ci", "digest", "--target", "tacc")
    (job.folder / "set.yaml").write_text("apiVersion: jobsync/v1\nproject: phylo\njobs: {}\n")
    assert job.run(*call).out == "none\n"
    hub.comment(5, PAGE, BOT)
    for marker in ((), ("--marker", "jobsync phylo tacc")):
        done = job.run(*call, *marker)
        assert (done.code, done.out) == (0, f"{HEX}\n"), done.err
    gitlab = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": hub.url,
        "CI_PROJECT_ID": "7",
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_SHA": COMMIT,
        "JOBSYNC_FORGE_TOKEN": TOKEN,
    }
    assert job.run(*call, **gitlab).out == f"{HEX}\n"
    # Of another branch, a commit that merged nothing, a tag, and two pull requests: no plan.
    hub.heads["other"] = COMMIT
    assert job.run(*call, GITHUB_REF_NAME="other").out == "none\n"
    assert job.run(*call, GITHUB_REF_TYPE="tag").out == "none\n"
    done = job.run(*call, GITHUB_SHA="e" * 40)
    assert done.code == 3 and "is not the head of main any more" in done.err
    done = job.run(*call, **{**gitlab, "CI_COMMIT_SHA": "e" * 40})
    assert done.code == 3 and "is not the head of main any more" in done.err
    hub.heads["main"] = "e" * 40
    assert job.run(*call, GITHUB_SHA="e" * 40).out == "none\n"
    hub.heads["main"] = COMMIT
    hub.merge(6, COMMIT)
    assert job.run(*call).out == "none\n"


def test_a_run_started_again_after_the_merge_leaves_the_plan_that_was_reviewed(
    job: Bench, hub: Forge
) -> None:
    hub.comment(5, PAGE, BOT)
    hub.merge(5, COMMIT)
    (job.folder / "page.md").write_text(PAGE.replace(HEX, "b" * 64))
    done = job.run("ci", "comment", "page.md")
    assert done.code == 0 and "stays as it was reviewed" in done.err
    assert [one["body"] for one in hub.comments[5]] == [PAGE]


def test_two_digests_are_none() -> None:
    comments = [Comment(1, PAGE), Comment(2, PAGE.replace(HEX, "b" * 64))]
    assert reviewed_digest(comments[:1], MARKER) == HEX
    assert reviewed_digest(comments, MARKER) == ""
    assert reviewed_digest([Comment(1, PAGE.replace("\n", "\r\n"))], MARKER) == HEX


def test_one_issue_is_opened_kept_and_closed(job: Bench, hub: Forge) -> None:
    call = ("ci", "issue", "page.md", "--title", "Drift on tacc")
    assert "Opened issue 1" in job.run(*call).err
    (job.folder / "page.md").write_text(PAGE.replace("1 to add", "9 to add"))
    assert "Issue 1 is up to date" in job.run(*call).err
    assert [one["title"] for one in hub.issues] == ["Drift on tacc"]
    assert "9 to add" in hub.issues[0]["body"]
    assert "Closed issue 1" in job.run(*call, "--close").err
    assert hub.issues[0]["state"] == "closed"
    assert job.run(*call, "--close").code == 0
    assert "Opened issue 2" in job.run(*call).err
