"""The name codec and the fingerprint: frozen vectors, round trips, and what does not matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.identity import (
    fingerprint,
    old_fingerprint,
    scalar_text,
    slug,
)
from jobsync.model import IdRef, Mark, OutputRef, Value
from jobsync.platforms.agave.canonical import canonical_request
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.run_names import ADDRESS_LIMIT, NAME_LIMIT, read_mark, run_name
from jobsync.structs import replace

REQUEST: dict[str, Value] = {
    "appId": "famsa-2.2",
    "inputs": {"sequences": "agave://local/data/opsins.fa"},
    "parameters": {"threads": 2},
}
TAKING = {
    "appId": "x-1",
    "inputs": {"a": OutputRef("align", "aligned.fa"), "b": [OutputRef("align", "b"), "c"]},
    "parameters": {"id": IdRef("model")},
}
DIGESTS = {"agave://local/data/opsins.fa": "ab" * 32}

VECTORS = [
    ({"appId": "x-1"}, {}, {}, 1, "", "bziq33s47h"),
    (REQUEST, {}, DIGESTS, 1, "", "bphx6g2iwe"),
    (REQUEST, {"align": "bbbbbbbbbb"}, DIGESTS, 2, "", "bo63krvrpa"),
    (TAKING, {"align": "bbbbbbbbbb", "model": "0001-007"}, {}, 1, "", "bxzndym5qi"),
    ({"appId": "x-1"}, {}, {}, 1, "cd" * 32, "b7v2bww2um"),
]
"""Frozen: a change here makes every job of every user run again."""

OLD_VECTORS = [
    ({"appId": "x-1"}, {}, {}, 1, "aexid5oid7"),
    (REQUEST, {}, DIGESTS, 1, "alvgzxhuzw"),
    (REQUEST, {"align": ("align", "abbbbbbbbb")}, DIGESTS, 2, "apkpu7c5ve"),
    (
        TAKING,
        {"align": ("align", "abbbbbbbbb"), "model": ("model", "0001-007")},
        {},
        1,
        "arvvzx2trh",
    ),
    (
        TAKING,
        {"align": ("sort", "abbbbbbbbb"), "model": ("model", "0001-007")},
        {},
        1,
        "axy3jykbnx",
    ),
]
"""Frozen: a change here makes every run of an older jobsync unknown, so that it is made again."""


@pytest.mark.parametrize(("request_", "upstream", "digests", "rerun", "app", "expected"), VECTORS)
def test_frozen_vectors(
    request_: dict[str, object],
    upstream: dict[str, str],
    digests: dict[str, str],
    rerun: int,
    app: str,
    expected: str,
) -> None:
    assert mark(request_, upstream=upstream, digests=digests, rerun=rerun, app=app) == expected


@pytest.mark.parametrize(("request_", "upstream", "digests", "rerun", "expected"), OLD_VECTORS)
def test_frozen_vectors_of_the_scheme_before(
    request_: dict[str, object],
    upstream: dict[str, tuple[str, str]],
    digests: dict[str, str],
    rerun: int,
    expected: str,
) -> None:
    found = old_fingerprint(AGAVE, request_, upstream=upstream, digests=digests, rerun=rerun)  # type: ignore[arg-type]
    assert found == expected


def test_the_address_of_what_is_upstream_means_nothing() -> None:
    renamed = {
        "appId": "x-1",
        "inputs": {"a": OutputRef("sort", "aligned.fa"), "b": [OutputRef("sort", "b"), "c"]},
        "parameters": {"id": IdRef("aaa")},
    }
    before = mark(TAKING, upstream={"align": "bbbbbbbbbb", "model": "0001-007"})
    assert mark(renamed, upstream={"sort": "bbbbbbbbbb", "aaa": "0001-007"}) == before
    assert mark(TAKING, upstream={"align": "bccccccccc", "model": "0001-007"}) != before


def test_which_upstream_job_stands_where_still_counts() -> None:
    one = {"inputs": {"a": OutputRef("x", "f"), "b": OutputRef("y", "f")}}
    other = {"inputs": {"a": OutputRef("y", "f"), "b": OutputRef("x", "f")}}
    upstream = {"x": "bxxxxxxxxx", "y": "byyyyyyyyy"}
    assert mark(one, upstream=upstream) != mark(other, upstream=upstream)


def mark(request: Mapping[str, Any], **more: Any) -> str:
    return fingerprint(AGAVE, request, **{"upstream": {}, "digests": {}, **more})


@pytest.mark.parametrize(
    "same",
    [
        {**REQUEST, "archive": True},
        {**REQUEST, "archive": None},
        {**REQUEST, "archivePath": "", "archiveSystem": None},
        {**REQUEST, "parameters": {"threads": "2", "model": None}},
        {**REQUEST, "parameters": {"threads": 2.0}},
        {**REQUEST, "parameters": {"threads": [2]}},
        {**REQUEST, "inputs": {"sequences": ["agave://local/data/opsins.fa"], "more": []}},
        {**REQUEST, "inputs": {"sequences": " agave://local/data/opsins.fa "}},
        {**REQUEST, "batchQueue": "long", "maxRunTime": "10:00:00", "nodeCount": 4},
        {**REQUEST, "notifications": [{"url": "https://x.example", "event": "*"}]},
        dict(reversed(REQUEST.items())),
    ],
)
def test_what_means_the_same_run_has_the_same_fingerprint(same: dict[str, object]) -> None:
    assert mark(same) == mark(REQUEST)


@pytest.mark.parametrize(
    "other",
    [
        {**REQUEST, "appId": "famsa-2.3"},
        {**REQUEST, "archive": False},
        {**REQUEST, "archivePath": "here"},
        {**REQUEST, "archivePath": "/"},
        {**REQUEST, "archiveSystem": "there"},
        {**REQUEST, "parameters": {"threads": 3}},
        {**REQUEST, "parameters": {"threads": "2 "}},
        {**REQUEST, "inputs": {}},
    ],
)
def test_what_means_another_run_has_another(other: dict[str, object]) -> None:
    assert mark(other) != mark(REQUEST)


def test_the_older_scheme_took_the_root_for_no_path_and_still_does() -> None:
    root, none = (
        old_fingerprint(AGAVE, {**REQUEST, "archivePath": path}, upstream={}, digests={})
        for path in ("/", None)
    )
    assert root == none


def test_versions_are_not_numbers() -> None:
    assert mark({"parameters": {"v": "1.10"}}) != mark({"parameters": {"v": "1.1"}})
    assert mark({"parameters": {"v": 1.10}}) == mark({"parameters": {"v": "1.1"}})


def test_upstream_content_and_rerun_count() -> None:
    marks = {
        mark(REQUEST),
        mark(REQUEST, upstream={"align": "aaaaaaaaaa"}),
        mark(REQUEST, upstream={"align": "abbbbbbbbb"}),
        mark(REQUEST, digests=DIGESTS),
        mark(REQUEST, rerun=2),
    }
    assert len(marks) == 5


def test_references_stay_symbolic() -> None:
    request: dict[str, Value] = {
        "inputs": {"a": OutputRef("align", "x.fa")},
        "parameters": {"id": IdRef("align")},
    }
    canonical = canonical_request(request)
    assert canonical["inputs"] == {"a": ["${jobs.align.outputs/x.fa}"]}
    assert canonical["parameters"] == {"id": "${jobs.align.id}"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2, "2"),
        (2.0, "2"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (10**20, "100000000000000000000"),
        (1e-7, "0.0000001"),
        (True, "true"),
        (None, ""),
        ("2.0", "2.0"),
    ],
)
def test_one_text_for_a_scalar(value: object, text: str) -> None:
    assert scalar_text(value) == text  # type: ignore[arg-type]


keys = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
slugs = st.from_regex(r"[a-z0-9_-]{1,6}", fullmatch=True)
fingerprints = st.from_regex(r"[ab][a-z2-7]{9}", fullmatch=True)
marks = st.builds(
    lambda project, key, parts, mark, attempt: Mark(
        project, ".".join([key, *parts]), mark, attempt
    ),
    keys,
    keys,
    st.lists(slugs, max_size=3),
    fingerprints,
    st.integers(1, 99),
)


@settings(deadline=None)
@given(marks)
def test_a_name_says_what_it_was_made_of(mark: Mark) -> None:
    assert read_mark(run_name(mark)) == mark


def test_names_are_as_they_always_were() -> None:
    """Frozen: journals, plans and the runs on the service are found by them."""
    first = Mark("phylo", "tree.lg.1", "bh4txw5qcd")
    assert run_name(first) == "phylo.tree.lg.1.bh4txw5qcd"
    assert run_name(replace(first, attempt=2)) == "phylo.tree.lg.1.bh4txw5qcd.r2"


@settings(deadline=None)
@given(st.text(max_size=70))
def test_what_parses_prints_the_same(text: str) -> None:
    mark = read_mark(text)
    assert mark is None or run_name(mark) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "phylo",
        "phylo.align",
        "phylo.align.ah4txw5qc",
        "phylo.align.ah4txw5qcd.r1",
        "phylo.align.ah4txw5qcd.r02",
        "phylo.align.ah4txw5qcd.x",
        "Phylo.align.ah4txw5qcd",
        "phylo.align.ah4txw5qcd ",
        "phylo..ah4txw5qcd",
        "phylo.align.AH4TXW5QCD",
        "xphylo.1align.ah4txw5qcd",
    ],
)
def test_what_is_not_wholly_of_the_grammar_is_nobodys(text: str) -> None:
    assert read_mark(text) is None


def test_the_longest_name_fits() -> None:
    project, address = "p" * 20, "a" * (ADDRESS_LIMIT - 20)
    assert len(run_name(Mark(project, address, "a" * 10, 99))) <= NAME_LIMIT


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_slugs_of_two_texts_differ(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


@pytest.mark.parametrize("value", [1, "lg", "a-b_c", True])
def test_a_harmless_value_is_its_own_slug(value: object) -> None:
    assert slug(value) == scalar_text(value)  # type: ignore[arg-type]
