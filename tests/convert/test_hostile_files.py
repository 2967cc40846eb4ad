"""Whatever is in a file, convert ends with a manifest or says what is wrong with the file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.manifest.yaml_reader import read
from jobsync.platforms.converting import NotConvertible
from jobsync.platforms.tapis.convert import convert

_SCALAR = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=6)
_JSON = st.recursive(
    _SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
_NEW = (
    "name", "appId", "appVersion", "tags", "notes", "fileInputs", "parameterSet", "owner", "uuid",
)  # fmt: skip
_OLD = (
    "appId", "inputs", "parameters", "permissions", "notifications", "archive", "archivePath",
    "maxRunTime", "memoryPerNode", "nodeCount", "batchQueue", "id", "matrix", "expect", "x",
)  # fmt: skip


def of(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), _JSON, max_size=6)


def converted(file: str, data: bytes) -> None:
    try:
        found = convert([(file, data)], "p")
    except NotConvertible as error:
        assert file in str(error)
        return
    document = read(found.text.encode(), file)
    assert document.problems == () and isinstance(document.value, dict)
    assert {"apiVersion", "api"} <= document.value.keys()


@settings(max_examples=200, deadline=None)
@given(of(_NEW))
@example({"appVersion": "1", "tags": 5})
@example({"appVersion": "1", "tags": "jobsync:a"})
@example({"appVersion": "1", "notes": {"a": float("nan")}})
def test_requests(request: dict[str, Any]) -> None:
    converted("r.json", json.dumps(request).encode())


@settings(max_examples=200, deadline=None)
@given(of(_OLD), of(_OLD))
def test_sets(defaults: dict[str, Any], job: dict[str, Any]) -> None:
    document = {
        "apiVersion": "jobsync/v1",
        "project": "p",
        "defaults": defaults,
        "jobs": {"j": job},
    }
    converted("s.yaml", json.dumps(document, allow_nan=True).encode())


@pytest.mark.parametrize("depth", [200, 900, 5000])
def test_what_is_nested_too_deeply(depth: int) -> None:
    notes = "[" * depth + "]" * depth
    for text in (
        f'{{"appId": "a", "appVersion": "1", "notes": {{"a": {notes}}}}}',
        f'{{"appId": "a-1", "parameters": {{"a": {notes}}}}}',
    ):
        converted("r.json", text.encode())
    converted("s.yaml", f"apiVersion: jobsync/v1\nvariables: {{a: {notes}}}\n".encode())


def test_a_file_of_something_else() -> None:
    for data in (
        b"",
        b"\xff\xfe",
        b"apiVersion: [",
        b"apiVersion: jobsync/v1\njobs: 3\n",
        b"- 1\n",
    ):
        converted("s.yaml", data)
