"""Outputs of jobs (tapis-v3 §8)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from jobsync.testing import LocalService, Reply
from tests.local.tapis.conftest import User

TREE = """
cd "$_tapisExecSystemOutputDir"
mkdir -p sub/deep empty; echo a > a.txt; echo b > 'sub/b c.txt'; echo d > sub/deep/d.txt
head -c 1000000 /dev/zero > exact; head -c 1000001 /dev/zero > large
ln -s a.txt link; ln -s /etc/passwd leak; ln -s .. up
"""
ALL = {"a.txt", "sub", "sub/b c.txt", "sub/deep", "sub/deep/d.txt", "empty", "exact", "large",
       "link", "tapisjob.out"}  # fmt: skip


def names(reply: Reply, base: str) -> set[str]:
    assert reply.status == 200, reply.body
    assert all(row["path"].startswith(f"{base}/") for row in reply.result)
    return {row["path"].removeprefix(f"{base}/") for row in reply.result}


@pytest.fixture
def tree(alice: User, app: Callable[..., str]) -> dict[str, Any]:
    job = alice.run(app(TREE))
    assert job["status"] == "FINISHED"
    return job


def test_lists(alice: User, tree: dict[str, Any]) -> None:
    base, listing = tree["archiveSystemDir"], f"jobs/{tree['uuid']}/output/list"
    assert base.startswith("/.work/jobs/"), "from the root of the system"
    for path in ("", "/", "//"):
        assert names(alice.get(listing + path), base) == ALL
    assert names(alice.get(f"{listing}/?skip=0"), base) == ALL
    top = {name for name in ALL if "/" not in name}
    assert names(alice.get(f"{listing}/?limit=1000"), base) == top
    assert names(alice.get(f"{listing}/sub?limit=10"), base) == {"sub/b c.txt", "sub/deep"}
    pages = [names(alice.get(f"{listing}/?limit=3&skip={skip}"), base) for skip in (0, 3, 6, 9)]
    assert set().union(*pages) == top
    assert [len(page) for page in pages[:2]] == [3, 3]
    [row] = alice.get(f"{listing}/sub%2Fb%20c.txt").result
    assert (row["name"], row["type"], row["size"]) == ("b c.txt", "file", 2)
    assert set(row) == {"mimeType", "type", "owner", "group", "nativePermissions", "url",
                        "lastModified", "name", "path", "size"}  # fmt: skip
    metadata = alice.get(f"{listing}/?limit=3").json["metadata"]
    assert (metadata["recordCount"], metadata["recordLimit"]) == (3, 3)
    for missing in ("nothing", "a.txt/x", "..", "%2e%2e", "sub/..%2f..", "leak", "up", "%00"):
        assert alice.get(f"{listing}/{missing}").status == 404, missing


def test_a_recursive_list_is_cut_at_100(alice: User, app: Callable[..., str]) -> None:
    many = 'cd "$_tapisExecSystemOutputDir"; mkdir d; touch d/$(seq -w 1 150 | tr "\\n" " " '
    script = many + '| sed "s# # d/#g;s# d/\\$##")\n'
    uuid = alice.run(app(script))["uuid"]
    assert len(alice.get(f"jobs/{uuid}/output/list/").result) == 100
    assert len(alice.get(f"jobs/{uuid}/output/list/d?limit=1000").result) == 150


def test_downloads(alice: User, tree: dict[str, Any]) -> None:
    path = f"jobs/{tree['uuid']}/output/download"
    reply = alice.get(f"{path}/sub/b%20c.txt")
    assert (reply.body, reply.headers["content-type"]) == (b"b\n", "application/octet-stream")
    assert reply.headers["content-disposition"] == "attachment; filename=b c.txt"
    assert reply.headers["cache-control"] == "max-age=3600"
    assert len(alice.get(f"{path}/exact").body) == 1_000_000
    assert alice.get(f"{path}/link").body == b"a\n"
    for query, name, members in (
        ("large", "large.zip", ["large"]),
        ("a.txt?compress=True", "a.zip", ["a.txt"]),
        ("a.txt/", "a.zip", ["a.txt"]),
        ("sub", "sub.zip", ["b c.txt", "deep/d.txt"]),
        ("sub/deep?format=zip&compress=False", "deep.zip", ["d.txt"]),
    ):
        reply = alice.get(f"{path}/{query}")
        assert reply.headers["content-disposition"] == f"attachment; filename={name}"
        with zipfile.ZipFile(io.BytesIO(reply.body)) as opened:
            assert sorted(opened.namelist()) == members
    whole = zipfile.ZipFile(io.BytesIO(alice.get(f"{path}/").body)).namelist()
    assert set(whole) == {name for name in ALL if name not in ("sub", "sub/deep", "empty")}
    reply = alice.get(f"{path}/empty")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
    assert json.loads(reply.body)["status"] == "success"
    for missing in ("nothing", "..", "leak"):
        assert alice.get(f"{path}/{missing}").status == 404


def test_a_live_job(alice: User, app: Callable[..., str]) -> None:
    uuid = alice.submit(app('echo x > "$_tapisExecSystemOutputDir/x"; sleep 60\n'))
    alice.wait(uuid, "RUNNING")
    reply = alice.get(f"jobs/{uuid}/output/list/")
    assert (reply.status, "NOT_TERMINATED" in reply.json["message"]) == (400, True)
    while alice.get(f"jobs/{uuid}/output/download/x?allowIfRunning=True").body != b"x\n":
        pass
    assert alice.get(f"jobs/{uuid}/output/download/x").status == 400
    alice.post(f"jobs/{uuid}/cancel")
    assert alice.wait(uuid)["status"] == "CANCELLED"
    assert alice.text(uuid, "x") == "x\n", "a cancelled job's outputs are where they were"


FAILS = """
echo x > "$_tapisExecSystemOutputDir/x"
echo 3 > "$_tapisExecSystemOutputDir/tapisjob.exitcode"
"""


@pytest.mark.parametrize(
    ("request_", "outcome", "place"),
    [
        ({}, "FAILED", "archive"),
        ({"archiveMode": "SKIP_ON_FAIL"}, "FAILED_SKIP_ARCHIVE", "local"),
        ({"archiveOnAppError": False}, "FAILED_SKIP_ARCHIVE", "local"),
        ({"archiveMode": "NEVER"}, "FAILED_SKIP_ARCHIVE", "local"),
    ],
)
def test_where_a_failed_jobs_outputs_are(
    alice: User, app: Callable[..., str], request_: dict[str, Any], outcome: str, place: str
) -> None:
    job = alice.run(app(FAILS), archiveSystemId="archive", **request_)
    assert (job["status"], job["remoteOutcome"]) == ("FAILED", outcome)
    assert job["condition"] == "JOB_REMOTE_OUTCOME_ERROR"
    rows = alice.get(f"jobs/{job['uuid']}/output/list/x").result
    assert rows[0]["url"].startswith(f"tapis://{place}/")


def test_never_archived(alice: User, app: Callable[..., str]) -> None:
    job = alice.run(app(), archiveSystemId="archive", archiveMode="NEVER")
    [row] = alice.get(f"jobs/{job['uuid']}/output/list/tapisjob.out").result
    assert row["path"] == f"{job['execSystemOutputDir']}/tapisjob.out"


def test_failed_before_archiving_has_no_outputs(alice: User, app: Callable[..., str]) -> None:
    job = alice.run(app(script=""), archiveSystemId="archive")
    assert (job["status"], job["condition"], job["remoteOutcome"]) == (
        "FAILED", "JOB_UNABLE_TO_STAGE_JOB", None)  # fmt: skip
    assert alice.get(f"jobs/{job['uuid']}/output/list/").status == 404


# --- what is archived -----------------------------------------------------------------------

FILES = 'cd "$_tapisExecSystemOutputDir"; mkdir -p a/b; touch x.txt y.log a/x.txt a/b/z.txt\n'
MADE = {"x.txt", "y.log", "a/x.txt", "a/b/z.txt", "tapisjob.out"}


@pytest.mark.parametrize(
    ("archive_filter", "kept"),
    [
        ({}, MADE),
        ({"excludes": ["*.txt"]}, MADE - {"x.txt"}),
        ({"excludes": ["**.txt"]}, {"y.log", "tapisjob.out"}),
        ({"excludes": ["**/*"]}, set()),
        ({"includes": ["a/*"]}, {"a/x.txt"}),
        ({"includes": ["a/**"]}, {"a/x.txt", "a/b/z.txt"}),
        ({"includes": ["**/*.txt"], "excludes": ["a/b/*"]}, {"x.txt", "a/x.txt"}),
        ({"includes": ["{x,y}.*"]}, {"x.txt", "y.log"}),
        ({"includes": ["?.[!t]*"]}, {"y.log"}),
        ({"includes": ["REGEX:.*x\\.txt"]}, {"x.txt", "a/x.txt"}),
        ({"includes": ["nothing"]}, set()),
    ],
)
def test_the_filter(
    alice: User, app: Callable[..., str], archive_filter: dict[str, Any], kept: Any
) -> None:
    given = {"archiveFilter": {"includeLaunchFiles": False, **archive_filter}}
    job = alice.run(app(FILES), archiveSystemId="archive", parameterSet=given)
    rows = alice.get(f"jobs/{job['uuid']}/output/list/").result
    base = job["archiveSystemDir"] + "/"
    assert {row["path"].removeprefix(base) for row in rows if row["type"] == "file"} == kept


def test_launch_files_and_the_same_place(alice: User, app: Callable[..., str]) -> None:
    name = app(FILES)
    everything = {"archiveFilter": {"excludes": ["**/*"]}}
    job = alice.run(name, archiveSystemId="archive", parameterSet=everything)
    rows = alice.get(f"jobs/{job['uuid']}/output/list/").result
    assert {row["name"] for row in rows} == {"tapisjob.sh", "tapisjob.env"}
    job = alice.run(name, parameterSet=everything)
    rows = alice.get(f"jobs/{job['uuid']}/output/list/").result
    assert {row["name"] for row in rows if row["type"] == "file"} == {
        name.rsplit("/", 1)[-1] for name in MADE}  # fmt: skip


def test_archiving_elsewhere_on_the_same_system(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    job = alice.run(app(FILES), archiveSystemDir=f"/.work/{alice.name}/kept")
    assert alice.get(f"jobs/{job['uuid']}/output/list/a/b/z.txt").status == 200
    own = service.state / "work" / ".work" / "jobs" / job["uuid"]
    assert not own.exists(), "what the service made for the job went when it was archived"
    assert (service.state / "work" / ".work" / alice.name / "kept" / "x.txt").exists()
