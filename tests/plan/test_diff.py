"""The normalisation table of the contract (3.7), row by row, and what DeepDiff may not do."""

from __future__ import annotations

from typing import Any

import pytest

from jobsync.errors import Location
from jobsync.model import IdRef, OutputRef
from jobsync.plan.diff import drift, placement_changes, semantic_changes, side_by_side
from jobsync.plan.references import References, in_value
from jobsync.platforms.agave.node_hours import seconds
from jobsync.platforms.agave.placement import gigabytes
from jobsync.platforms.agave.platform import AGAVE
from tests.fakes.planworld import World, job

NONE = References(AGAVE, {})


def against(
    declared: dict[str, Any], record: dict[str, Any], references: References = NONE
) -> list[tuple[str, object, object]]:
    """(path, before, after) of what differs."""
    run = World().add("x", request=record)
    changes = semantic_changes(job("align", declared), run, references, None)
    return [(change.path, change.before, change.after) for change in changes]


@pytest.mark.parametrize(
    ("declared", "remote"),
    [
        # N9: inputs
        ({"inputs": {"a": "x"}}, {"inputs": {"a": ["x"]}}),
        ({"inputs": {"a": "x;y"}}, {"inputs": {"a": ["x", "y"]}}),
        ({"inputs": {"a": ["x;y"]}}, {"inputs": {"a": ["x", "y"]}}),
        ({"inputs": {"a": [" x ", ""]}}, {"inputs": {"a": "x"}}),
        ({"inputs": {"a": []}}, {}),
        ({"inputs": {"a": ["x;y", "z"]}}, {"inputs": {"a": ["x;y", "z"]}}),
        # N10: hidden defaults
        ({}, {"parameters": {"hidden": ["1"]}, "inputs": {"also": ["x"]}}),
        # N12: numbers
        ({"parameters": {"n": 5}}, {"parameters": {"n": "5"}}),
        ({"parameters": {"n": 5}}, {"parameters": {"n": "5.0"}}),
        ({"parameters": {"n": 0.5}}, {"parameters": {"n": "0.5"}}),
        ({"parameters": {"n": 100000.0}}, {"parameters": {"n": "1e5"}}),
        ({"parameters": {"n": -5}}, {"parameters": {"n": "-5"}}),
        # N13: booleans
        ({"parameters": {"b": 1}}, {"parameters": {"b": True}}),
        ({"parameters": {"b": "on"}}, {"parameters": {"b": True}}),
        ({"parameters": {"b": "TRUE"}}, {"parameters": {"b": True}}),
        ({"parameters": {"b": "off"}}, {"parameters": {"b": False}}),
        ({"parameters": {"b": True}}, {"parameters": {"b": "true"}}),
        # N14: lists
        ({"parameters": {"l": ["a"]}}, {"parameters": {"l": "a"}}),
        ({"parameters": {"l": "a;b"}}, {"parameters": {"l": ["a", "b"]}}),
        ({"parameters": {"l": [1, None]}}, {"parameters": {"l": "1"}}),
        ({"parameters": {"l": ""}}, {}),
        # N17: null and absent
        ({"parameters": {"x": None}}, {}),
        ({"parameters": None}, {"inputs": {}}),
        ({"archivePath": None}, {"archivePath": "alice/archive/job-1"}),
        # N6 to N8
        ({}, {"archive": True}),
        ({"archive": True}, {}),
        ({"archiveSystem": "data"}, {"archiveSystem": "data"}),
        ({"archivePath": "a/b/"}, {"archivePath": "a/b"}),
        ({"archivePath": "/a//b"}, {"archivePath": "./a/b/"}),
        ({"archivePath": "/"}, {"archivePath": "/"}),
        ({"archivePath": "a/${JOB_ID}"}, {"archivePath": "a/0001-007"}),
        ({"archive": False, "archivePath": "a"}, {"archive": False}),
        # N2, N5, N16: not part of what a run is
        ({"nodeCount": 3, "batchQueue": "q"}, {"nodeCount": 1, "batchQueue": "p"}),
        ({"notifications": [{"url": "http://x", "event": "*"}]}, {}),
    ],
)
def test_these_mean_the_same(declared: dict[str, Any], remote: dict[str, Any]) -> None:
    run = World().add("x", request=remote)
    assert drift(job("align", declared), run, NONE, None) == ((), ())


@pytest.mark.parametrize(
    ("declared", "remote", "expected"),
    [
        ({"appId": "b-1"}, {"appId": "a-1"}, [("appId", "a-1", "b-1")]),
        ({"appId": "tool-1.0"}, {"appId": "tool-1.0u1"}, [("appId", "tool-1.0u1", "tool-1.0")]),
        ({"inputs": {"a": "y"}}, {"inputs": {"a": ["x"]}}, [("inputs.a", "x", "y")]),
        (
            {"inputs": {"a": ["x", "z"]}},
            {"inputs": {"a": ["x", "y"]}},
            [("inputs.a[1]", "y", "z")],
        ),
        (
            {"inputs": {"a": ["y", "x"]}},
            {"inputs": {"a": ["x", "y"]}},
            [("inputs.a[0]", "x", "y"), ("inputs.a[1]", "y", "x")],
        ),
        (
            {"inputs": {"a": ["x", "y", "y"]}},
            {"inputs": {"a": ["x", "y"]}},
            [("inputs.a[2]", None, "y")],
        ),
        (
            {"inputs": {"a": ["p", "q"]}},
            {"inputs": {"a": ["r", "s", "t"]}},
            [("inputs.a[0]", "r", "p"), ("inputs.a[1]", "s", "q"), ("inputs.a[2]", "t", None)],
        ),
        ({"inputs": {"a": "x"}}, {}, [("inputs.a", None, "x")]),
        ({"inputs": {"a": ["x", "y"]}}, {"inputs": {"a": "x"}}, [("inputs.a", "x", ["x", "y"])]),
        ({"parameters": {"n": 5}}, {"parameters": {"n": 6}}, [("parameters.n", 6, 5)]),
        ({"parameters": {"n": 1}}, {"parameters": {"n": False}}, [("parameters.n", False, 1)]),
        ({"parameters": {"n": "x"}}, {"parameters": {"n": True}}, [("parameters.n", True, "x")]),
        ({"parameters": {"b": "1"}}, {"parameters": {"b": "on"}}, [("parameters.b", "on", "1")]),
        ({"archive": False}, {"archive": True}, [("archive", True, False)]),
        ({}, {"archive": False}, [("archive", False, True)]),
        ({"archivePath": "a/c"}, {"archivePath": "a/b"}, [("archivePath", "a/b", "a/c")]),
    ],
)
def test_these_differ_and_are_shown_by_path(
    declared: dict[str, Any],
    remote: dict[str, Any],
    expected: list[tuple[str, ...]] | list[tuple[Any, ...]] | list[Any],
) -> None:
    assert against(declared, remote) == expected


def test_when_only_the_spelling_differs_it_is_shown_after_all() -> None:
    assert against({"parameters": {"v": "1.10"}}, {"parameters": {"v": "1.1"}}) == [
        ("parameters.v", "1.1", "1.10")
    ]


def test_what_the_run_had_more_is_shown_when_nothing_else_explains_it() -> None:
    assert against({}, {"parameters": {"old": 1}}) == [("parameters.old", 1, None)]


def test_a_change_has_the_place_of_the_nearest_thing_that_was_written() -> None:
    places = {"parameters": Location("a.yaml", 4, 5), "inputs.a": Location("a.yaml", 9, 7)}
    declared = job("x", {"parameters": {"n": 1}, "inputs": {"a": ["p", "q"]}}, places=places)
    run = World().add("x", request={"parameters": {"n": 2}, "inputs": {"a": ["p", "z"]}})
    found = {c.path: c.where and c.where.line for c in semantic_changes(declared, run, NONE, None)}
    assert found == {"parameters.n": 4, "inputs.a[1]": 9}


def test_a_reference_equals_what_any_run_of_its_job_resolved_to() -> None:
    world = World()
    first, second = world.of(job("up")), world.of(job("up"))
    references = References(AGAVE, {"up": [first, second]})
    archive = (second.request or {})["archivePath"]
    wanted = {"inputs": {"x": OutputRef("up", "a b.fa")}}
    for text in (f"agave://data/{archive}/a%20b.fa", f"agave://data/{archive}/a b.fa"):
        assert against(wanted, {"inputs": {"x": [text]}}, references) == []
    assert against({"inputs": {"x": IdRef("up")}}, {"inputs": {"x": first.id}}, references) == []
    other = f"agave://data/{archive}/other.fa"
    assert against(wanted, {"inputs": {"x": [other]}}, references) == [
        ("inputs.x", other, "${jobs.up.outputs/a b.fa}")
    ]


def test_references_inside_values_are_found() -> None:
    one, two = OutputRef("a", "x"), IdRef("b")
    assert in_value({"z": [one, {"y": two}], "k": 1}) == (one, two)


@pytest.mark.parametrize(
    ("field", "declared", "remote"),
    [
        ("nodeCount", 2, 2),
        ("nodeCount", "2", 2),
        ("memoryPerNode", "4GB", 4.0),
        ("memoryPerNode", "1 TB", 1024.0),
        ("memoryPerNode", 4, 4.0),
        ("memoryPerNode", "1,024gb", 1024.0),
        ("maxRunTime", "1:00:00", "01:00:00"),
        ("batchQueue", "normal", "normal"),
        ("batchQueue", None, "normal"),
    ],
)
def test_placement_that_is_the_same(
    field: str, declared: int | str | None, remote: int | float | str
) -> None:
    run = World().add("x", request={field: remote})
    assert placement_changes(job("x", {field: declared}), run, AGAVE) == ()


@pytest.mark.parametrize(
    ("field", "declared", "remote"),
    [
        ("nodeCount", 2, 1),
        ("memoryPerNode", "4GiB", 4.0),
        ("maxRunTime", "01:00:01", "01:00:00"),
        ("batchQueue", "long", "normal"),
        ("processorsPerNode", 8, None),
    ],
)
def test_placement_that_differs(
    field: str, declared: int | str, remote: int | float | str | None
) -> None:
    run = World().add("x", request={field: remote})
    (change,) = placement_changes(job("x", {field: declared}), run, AGAVE)
    assert (change.path, change.before, change.after) == (field, remote, declared)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4", 4.0), ("4.5GB", 4.5), ("0.5TB", 512.0), ("2PB", 2 * 1024**2), ("512KB", None),
     (True, None), (None, None), ("x", None)],
)  # fmt: skip
def test_memory(text: str | bool | None, expected: float | int | None) -> None:
    assert gigabytes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("01:00:00", 3600), ("1:00:01", 3601), ("999:59:59", 3599999), ("00:60:00", None),
     (3600, None), ("1:00", None)],
)  # fmt: skip
def test_run_time(text: str | int, expected: int | None) -> None:
    assert seconds(text) == expected


def test_side_by_side_has_every_field_once() -> None:
    declared = job("x", {"parameters": {"n": 5, "m": 1}, "nodeCount": 2})
    run = World().add("x", request={"parameters": {"n": "5", "h": 1}, "nodeCount": 1})
    seen = {v.path: (v.declared, v.actual, v.same) for v in side_by_side(declared, run, NONE)}
    assert seen["parameters.n"] == (5, "5", True)
    assert seen["parameters.m"] == (1, None, False)
    assert seen["parameters.h"] == (None, 1, True)
    assert seen["nodeCount"] == (2, 1, False)
    assert "batchQueue" not in seen, "what neither side says is not shown"
