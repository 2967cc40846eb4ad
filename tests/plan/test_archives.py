"""Two spellings of one archive folder are one, and what meets it is found among many."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.archives import Folders, canonical, is_same, meet
from jobsync.model import Archive
from jobsync.platforms.agave.archive import output_folder

PATHS = st.lists(
    st.sampled_from(
        ["a", "b", "${JOB_OWNER}", "x-${APP_ID}", "${JobOwner}", "${**Dir}", ".", "", ".."]
    ),
    max_size=5,
)
ARCHIVES = st.builds(
    lambda system, parts: Archive(system, canonical("/".join(parts))),
    st.sampled_from(["", "s", "t"]),
    PATHS,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", "a/b"),
        ("/a/b/", "a/b"),
        ("//a///b//", "a/b"),
        ("./a/./b/.", "a/b"),
        (" a/b ", "a/b"),
        ("a/c/../b", "a/b"),
        ("../../a", "a"),
        ("/", ""),
        (".", ""),
    ],
)
def test_one_spelling(path: str, expected: str) -> None:
    assert canonical(path) == expected


@given(PATHS)
def test_a_spelling_is_where_a_file_system_would_go(parts: list[str]) -> None:
    path = "/".join(parts)
    assert f"/{canonical(path)}" == os.path.normpath(f"/./{path}")
    assert canonical(canonical(path)) == canonical(path)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"archivePath": "/a/"}, Archive("", "a")),
        ({"archivePath": "/", "archiveSystem": "s"}, Archive("s", "")),
        ({"archivePath": "a/${APP_ID}", "appId": "x-1"}, Archive("", "a/x-1")),
        ({"archivePath": "a/${JOB_ID}"}, None),
        ({"archivePath": "a/${JOB_NAME}"}, None),
        ({"archivePath": "a", "archive": False}, None),
        ({"archivePath": " "}, None),
        ({"archivePath": None}, None),
        ({}, None),
    ],
)
def test_what_a_request_names(request_: dict[str, object], expected: Archive | None) -> None:
    assert output_folder(request_) == expected


@given(st.lists(ARCHIVES, max_size=8), ARCHIVES)
def test_all_that_meet_are_found_and_no_others(folders: list[Archive], one: Archive) -> None:
    found = sorted(Folders((folder, number) for number, folder in enumerate(folders)).meeting(one))
    assert found == [number for number, folder in enumerate(folders) if meet(folder, one)]


@pytest.mark.parametrize(
    ("declared", "there", "meets"),
    [
        ("${JOB_OWNER}/out", "alice/out", True),
        ("${JOB_OWNER}/out", "alice/out/deeper", True),
        ("${JOB_OWNER}/out", "alice/other", False),
        ("${EffectiveUserId}/out", "alice/out", True),
        ("${EffectiveUserId}/out", "alice/other", False),
        ("x/${JobOwner}-${JobCreateDate}", "x/alice-2026-11-26Z", True),
        ("x/${JobOwner}-y", "x/alice-z", False),
        ("${JobOwner}/out", "work/01/alice/out", False),
        ("${**JobWorkingDir}/out", "work/01/alice/out", True),
        ("${**JobWorkingDir}/out", "work/01/alice/out/deeper", True),
        ("${**JobWorkingDir}/out", "work/01/alice/other", False),
        ("${**HOST_EVAL($WORK, a b)}/out", "work/01/alice/out", True),
        ("${**HOST_EVAL($WORK)}", "work/01", True),
    ],
)
def test_a_macro_may_stand_for_anything(declared: str, there: str, meets: bool) -> None:
    one, other = Archive("", canonical(declared)), Archive("s", canonical(there))
    assert meet(one, other) is meets and meet(other, one) is meets
    assert [*Folders([(one, 1)]).meeting(other)] == [1] * meets
    assert [*Folders([(other, 1)]).meeting(one)] == [1] * meets


@given(ARCHIVES, ARCHIVES)
def test_what_is_the_same_meets_and_order_does_not_matter(one: Archive, other: Archive) -> None:
    assert meet(one, other) == meet(other, one)
    assert is_same(one, other) == is_same(other, one)
    assert meet(one, other) or not is_same(one, other)
    assert meet(one, one)
    assert meet(Archive("", ""), one), "everything lies in the root"
