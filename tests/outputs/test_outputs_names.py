"""The choke point: hostile names refused, ordinary ones untouched, no escape, no silent rename."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync import destinations, filenames
from jobsync.outputs.destination import OutputsRoot
from tests.campaigns import hostile_names as campaign
from tests.outputs.names_corpus import COLLIDING, HOSTILE, ORDINARY


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_refused_with_a_reason(name: str) -> None:
    assert filenames.refusal(name)
    filenames.refusal(name).encode()


@pytest.mark.parametrize("name", ORDINARY, ids=ascii)
def test_ordinary_names_pass_and_land_as_they_are(name: str, tmp_path: Path) -> None:
    assert filenames.refusal(name) == ""
    with OutputsRoot(str(tmp_path / "out")) as root, root.place(name) as place, place.open_part():
        pass
    written = list((tmp_path / "out").rglob("*.part"))
    assert len(written) == 1 and written[0].parent == (tmp_path / "out" / name).parent


@pytest.mark.parametrize(("first", "second"), COLLIDING, ids=ascii)
def test_names_that_are_one_file_somewhere_clash(first: str, second: str) -> None:
    assert filenames.Tree([first]).clash(second)


def test_names_that_are_apart_do_not_clash() -> None:
    taken = ["a/b", "a/c.txt", "\u00e9", "x/y/z"]
    for path in ["a/d", "b", "e", "x/y/w", "x/v", "aa", "a-b"]:
        assert filenames.Tree(taken).clash(path) == ""


def test_generated_names_neither_escape_nor_change(tmp_path: Path) -> None:
    counts = campaign.campaign(20_000, 3, tmp_path)
    assert counts["escapes"] == counts["renames"] == 0
    assert counts["accepted"] > 2000 and counts["written"] > 20
    assert os.listdir(tmp_path) == ["root"]  # noqa: PTH208  (a bare name is what is asked for)


@given(st.from_regex(destinations._PLAIN, fullmatch=True))
def test_the_short_way_to_accept_a_path_accepts_none_that_the_long_one_refuses(path: str) -> None:
    assert destinations.full_name_refusal(path) == ""


@pytest.mark.parametrize(
    "path", ["apps/x", "Apps/x", "HEAD", "a/con", ".git/x", "jobsync.lock", "COM1", "x\n", "git~1"]
)
def test_the_short_way_leaves_names_that_mean_something_to_the_long_one(path: str) -> None:
    assert destinations.name_refusal(path) == destinations.full_name_refusal(path) != ""
