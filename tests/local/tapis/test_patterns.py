"""Patterns of users: what they mean, and that none of them takes long."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.java_globs import matches
from jobsync.local.store.likeness import fits, prefix
from tests.local.tapis.conftest import User

NAMES = st.text(alphabet="ab%_\\.\n", max_size=8)


@given(NAMES, NAMES)
def test_like_is_what_the_expression_says(pattern: str, text: str) -> None:
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    said = "".join(
        {"%": ".*", "_": "."}.get(one) or re.escape(one[1:] if len(one) > 1 else one)
        for one in pieces
    )
    assert fits(pattern, text) == bool(re.fullmatch(said, text, re.DOTALL))
    if fits(pattern, text):
        assert text.startswith(prefix(pattern))


def test_like_of_nothing() -> None:
    assert not fits("%", None)
    assert fits("%", "")
    assert fits("1%", 12)


@given(st.text(alphabet="ab/*?", max_size=7), st.text(alphabet="ab/", max_size=7))
def test_globs_are_what_the_expression_says(pattern: str, path: str) -> None:
    said = "".join(
        {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(one) or re.escape(one)
        for one in re.findall(r"\*\*|.", pattern)
    )
    wanted = bool(re.fullmatch(said, path))
    if pattern.startswith("**/"):
        wanted = wanted or bool(re.fullmatch(said, "/" + path))
    assert matches(pattern, path) == wanted


@pytest.mark.parametrize(
    ("pattern", "path", "fits_it"),
    [("[a-c]x", "bx", True), ("[a-c]x", "dx", False), ("[!a]x", "bx", True), ("[!a]x", "ax", False),
     ("[!a]x", "/x", False), ("a\\*b", "a*b", True), ("a\\*b", "axb", False),
     ("{a,b}/{c,d}", "b/c", True), ("{a,b}/{c,d}", "c/a", False),
     ("REGEX:a|b", "b", True), ("REGEX:a|b", "xb", False)],
)  # fmt: skip
def test_globs(pattern: str, path: str, fits_it: bool) -> None:
    assert matches(pattern, path) == fits_it


@pytest.mark.parametrize("pattern", ["{a", "{a,{b}}", "[a", "REGEX:[", "*" * 2000, "{a,b}" * 20])
def test_patterns_that_cannot_be_tried(alice: User, app: Callable[..., str], pattern: str) -> None:
    """What they would keep is not known: a 400, never a job whose outputs are lost."""
    with pytest.raises(ValueError, match=r".+"):
        matches(pattern, "a")
    body = {"name": "x", "appId": app(), "appVersion": "1.0",
            "parameterSet": {"archiveFilter": {"includes": [pattern]}}}  # fmt: skip
    reply = alice.post("jobs/submit", body)
    assert (reply.status, "includes: " in reply.json["message"]) == (400, True)


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "**a" * 60 + "b", "{a,*a,**a}" * 20,
                                     "REGEX:(a*)*b", "REGEX:" + "a*" * 30 + "b"])  # fmt: skip
def test_no_glob_takes_long(pattern: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(ValueError):
        assert not matches(pattern, "a" * 200)
    assert time.perf_counter() - began < 2


def test_no_likeness_takes_long() -> None:
    began = time.perf_counter()
    assert not fits("%a" * 500 + "b", "a" * 16_000)
    assert not fits("%_a" * 50 + "b%", "a" * 2_000)
    assert time.perf_counter() - began < 2
