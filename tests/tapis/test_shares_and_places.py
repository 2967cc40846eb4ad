"""Permissions by resource, tags, and where outputs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.archives import meet
from jobsync.model import NO_ACCESS, Archive, Mark, Run, RunState
from jobsync.permission_model import effective
from jobsync.plan.doubts import doubtful_outputs
from jobsync.platforms.tapis.archive import no_output
from jobsync.platforms.tapis.permissions import (
    LEVELS,
    OPENING,
    READ,
    RESOURCES,
    access_of,
    resources_of,
)
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.platforms.tapis.tags import nonce_of, tags_of, without_ours
from tests.tapis.sets import load_text

ANY = st.frozensets(st.sampled_from(RESOURCES))


@given(ANY)
def test_one_word_for_what_a_user_may_read(resources: frozenset[str]) -> None:
    access = access_of(resources)
    assert (access == NO_ACCESS) == (not resources), "any share is a row that can be revoked"
    assert LEVELS[access.word] == access == TAPIS.permissions.access(access.gives)
    assert (access == READ) == (resources >= OPENING), "met by the two that open something"
    assert access_of(resources_of(access)) == access
    assert access == READ or set(resources_of(access)) <= resources, "never more than was there"
    assert TAPIS.permissions.level([*resources]) == access


def test_read_is_granted_with_all_resources() -> None:
    assert set(resources_of(READ)) == set(RESOURCES) and resources_of(NO_ACCESS) == ()


def test_the_owner_has_all_and_rows_decide_for_their_own_user() -> None:
    rows = {"bob": LEVELS["[JOB_OUTPUT]"], "world": READ}
    model = TAPIS.permissions
    assert effective(model, rows, "me", "me") == READ
    assert effective(model, rows, "me", "bob") == LEVELS["[JOB_OUTPUT]"]
    assert effective(model, rows, "me", "carol") == NO_ACCESS
    assert not model.managing and not model.narrows_in_place


@pytest.mark.parametrize("name", ["bob", "Eve.X@site", "u" * 64, "é-1", "a:b"])
def test_users(name: str) -> None:
    assert TAPIS.permissions.wrong_user(name) is None
    assert TAPIS.permissions.folded(name) == name, "the case of a name counts"


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "a,b", "(a", "a)", "a~", "a'", "a\n", "u" * 65, "world", "public"]
)
def test_what_is_no_user(name: str) -> None:
    assert TAPIS.permissions.wrong_user(name)


def test_tags() -> None:
    tags = tags_of(Mark("rnaseq", "quant.lg.1", "tabcdefghi", 3), "5f0c")
    assert tags == ["jobsync:rnaseq/quant.lg.1", "jobsync-op:5f0c"]
    assert nonce_of(["mine", *tags]) == "5f0c" and without_ours(["mine", *tags]) == ["mine"]
    assert nonce_of([*tags, "jobsync-op:other"]) == nonce_of([]) == ""


@given(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True))
def test_tags_can_be_searched_for(key: str) -> None:
    """The longest are short enough, and none has a character that a search cannot match."""
    for tag in tags_of(Mark(key, f"{key}.{'x' * (46 - 2 * len(key))}", "tabcdefghi"), "0" * 16):
        assert len(tag) <= 126 and not set(tag) & set("~,()'")


# --- where outputs are -----------------------------------------------------------------

JOB = {
    "status": "FINISHED",
    "archiveSystemId": "store",
    "archiveSystemDir": "/alice/jobs/1/",
    "execSystemId": "exec",
    "execSystemOutputDir": "/scratch/jobs/1/output",
}


def run(**job: Any) -> Run:
    record: dict[str, Any] = {"appId": "a", "job": {**JOB, **job}}
    return Run("1", "n", "alice", "a:1", "FINISHED", RunState.FINISHED, request=record)


def test_an_output_is_named_as_it_is() -> None:
    uri = TAPIS.output_uri(run(), "a b%20#?/ü.txt")
    assert uri == "tapis://store/alice/jobs/1/a b%20#?/ü.txt"
    assert TAPIS.is_output(uri, run(), "a b%20#?/ü.txt")
    assert TAPIS.is_output("tapis://store//alice/jobs/1//x/", run(), "x")
    assert not TAPIS.is_output("tapis://other/alice/jobs/1/x", run(), "x")
    assert not TAPIS.is_output("tapis://store/alice/jobs/1/x%20y", run(), "x y")
    for path in ("a\nb", "x/../y"):
        assert TAPIS.output_uri(run(), path) is None
        assert "no URL can name" in TAPIS.no_uri_hint(run(), path)


@pytest.mark.parametrize(
    "job",
    [
        {"archiveMode": "NEVER"},
        {"status": "CANCELLED"},
        {"status": "FAILED", "remoteOutcome": "FAILED_SKIP_ARCHIVE"},
    ],
    ids=str,
)
def test_what_was_not_archived_stays_where_it_was_made(job: dict[str, Any]) -> None:
    assert TAPIS.output_uri(run(**job), "x") == "tapis://exec/scratch/jobs/1/output/x"
    assert TAPIS.output_uri(run(status="FAILED"), "x") == "tapis://store/alice/jobs/1/x"
    nowhere = run(archiveSystemId=None)
    assert TAPIS.output_uri(nowhere, "x") is None
    assert "tells no directory" in TAPIS.no_uri_hint(nowhere, "x")


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/a//b/", Archive("", "a/b")),
        ("x/${AppId}-${AppVersion}", Archive("", "x/tool-1")),
        ("x/${JobCreateDate}", Archive("", "x/${JobCreateDate}")),
        ("${JobOwner}/out", Archive("", "${JobOwner}/out")),
        ("${JobWorkingDir}/out", Archive("", "${**JobWorkingDir}/out")),
        ("HOST_EVAL($WORK)/out", Archive("", "${**HOST_EVAL($WORK)}/out")),
        ("HOST_EVAL($WORK, a/b)/x", Archive("", "${**HOST_EVAL($WORK, a:b)}/x")),
        ("x/${JobUUID}", None),
        ("x/${JobName}/y", None),
    ],
)
def test_the_folder_that_a_request_names(folder: str, found: Archive | None) -> None:
    request: dict[str, Any] = {"appId": "tool", "appVersion": "1", "archiveSystemDir": folder}
    assert TAPIS.output_folder(request) == found
    assert TAPIS.output_folder({**request, "archiveMode": "NEVER"}) is None
    assert TAPIS.output_folder({"job": JOB}) == Archive("store", "alice/jobs/1")


def test_the_directory_of_a_run_is_its_own_unless_the_request_says_where() -> None:
    """By default it has the id of the run in it (tapis-v3 §4.4)."""
    request: dict[str, Any] = {"archiveSystemDir": "${ExecSystemOutputDir}/kept"}
    assert TAPIS.output_folder(request) is None
    fixed = {**request, "execSystemOutputDir": "/a/b"}
    assert TAPIS.output_folder(fixed) == Archive("", "a/b/kept")
    assert TAPIS.output_folder({**request, "execSystemOutputDir": "/a/${JobUUID}"}) is None


@pytest.mark.parametrize(
    ("folder", "there"),
    [
        ("${EffectiveUserId}/out", "/alice/out"),
        ("${JobOwner}/out/${JobCreateDate}", "/alice/out/2026-11-26Z"),
        ("/${JobWorkingDir}/out", "/work/01/alice/out"),
        ("HOST_EVAL($WORK, runs)/out", "/work/01/alice/runs/out"),
    ],
)
def test_a_run_that_archived_where_a_macro_may_lead_is_found(folder: str, there: str) -> None:
    declared = TAPIS.output_folder({"appId": "x", "appVersion": "1", "archiveSystemDir": folder})
    was = TAPIS.output_folder({"job": {**JOB, "archiveSystemDir": there}})
    assert declared is not None and was is not None and meet(declared, was)
    assert not meet(declared, Archive("store", "somewhere/else/of/mine"))


def test_two_jobs_with_one_folder_are_refused(tmp_path: Path) -> None:
    body = "\ndefaults: {appId: x, appVersion: '1', archiveSystemDir: /a/b}\njobs: {a: {}, b: {}}\n"
    with pytest.raises(Exception, match="a and b use the same archiveSystemDir"):
        load_text(tmp_path, body)


def test_an_output_of_a_job_that_is_not_archived_is_doubtful(tmp_path: Path) -> None:
    desired = load_text(tmp_path, """
jobs:
  up: {appId: x, appVersion: "1", archiveMode: NEVER}
  a: {appId: x, appVersion: "1", fileInputs: [{sourceUrl: "${jobs.up.outputs/f}"}]}
""")  # fmt: skip
    assert doubtful_outputs(desired) == [
        "a takes f of up: archiveMode: NEVER leaves it in the output directory of the job"
    ]


@given(
    st.lists(st.text(alphabet="a*/{},[x]!.?", max_size=8), max_size=3), st.text("ab/x.", max_size=8)
)
def test_any_filter_is_judged(globs: list[str], path: str) -> None:
    for kept in ({"includes": globs}, {"excludes": globs}):
        assert isinstance(no_output({"parameterSet": {"archiveFilter": kept}}, path), str)  # type: ignore[dict-item]
