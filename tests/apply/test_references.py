"""References are filled in with the place that the service told."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.apply.references import UnresolvedReference, fill_references, output_uri
from jobsync.model import IdRef, JsonValue, OutputRef, Run, RunState, Value
from jobsync.platforms.agave.platform import AGAVE


def run(**request: JsonValue) -> Run:
    return Run(
        "7-x", "p.align.aaaaaaaaaa", "alice", "wc", "FINISHED", RunState.FINISHED, request=request
    )


def test_scalars_lists_and_mappings() -> None:
    runs = {"align": run(archiveSystem="archive", archivePath="alice/archive/jobs/job-7/")}
    request: dict[str, Value] = {
        "appId": "x",
        "inputs": {"a": [OutputRef("align", "o.fa"), "agave://s/p"]},
        "n": 2,
    }
    assert fill_references(request, runs, AGAVE) == {
        "appId": "x",
        "inputs": {"a": ["agave://archive/alice/archive/jobs/job-7/o.fa", "agave://s/p"]},
        "n": 2,
    }
    assert fill_references({"parameters": {"id": IdRef("align")}}, runs, AGAVE) == {
        "parameters": {"id": "7-x"}
    }


def test_an_absolute_archive_path_stays_absolute() -> None:
    there = run(archiveSystem="archive", archivePath="/scratch/x")
    assert output_uri(there, "o.fa", AGAVE) == "agave://archive//scratch/x/o.fa"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_path_comes_through_encoded(path: str) -> None:
    uri = output_uri(run(archiveSystem="archive", archivePath="p"), path, AGAVE)
    assert uri.isascii()
    assert not set(uri) & set(' #?;\\"<>')
    assert unquote(uri) == f"agave://archive/p/{path.strip('/')}"


@pytest.mark.parametrize("request_", [{}, {"archiveSystem": "a"}, {"archivePath": "p"}])
def test_no_archive_no_reference(request_: dict[str, JsonValue]) -> None:
    with pytest.raises(UnresolvedReference, match="archive"):
        output_uri(run(**request_), "x", AGAVE)
    with pytest.raises(UnresolvedReference, match="no finished run"):
        fill_references({"x": OutputRef("tree", "x")}, {}, AGAVE)
