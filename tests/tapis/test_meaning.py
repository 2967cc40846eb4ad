"""What a request of Tapis v3 means: its canonical form, and what differs between two."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.identity import fingerprint
from jobsync.model import App, DeclaredJob, OutputRef, Run, RunState
from jobsync.plan.diff import drift, placement_changes, semantic_changes
from jobsync.plan.references import References
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.secret import HIDDEN, Sensitive

FULL: dict[str, Any] = {
    "appId": "salmon-quant",
    "appVersion": "1.10.1",
    "description": "a test",
    "execSystemId": "stampede3",
    "execSystemLogicalQueue": "skx",
    "execSystemExecDir": "/work//runs/${JobUUID}/",
    "archiveSystemId": "store",
    "archiveSystemDir": "${EffectiveUserId}/runs/${JobUUID}",
    "archiveMode": "ALWAYS",
    "archiveOnAppError": False,
    "isMpi": False,
    "cmdPrefix": "nice",
    "nodeCount": 2,
    "memoryMB": 96000,
    "maxMinutes": 90,
    "fileInputs": [
        {"name": "reads", "sourceUrl": "tapis://s/a.fq", "targetPath": "*", "description": "x"},
        {"name": "b", "sourceUrl": "tapis://s/b", "targetPath": "b.txt", "autoMountLocal": True},
        {"sourceUrl": "tapis://s/c", "notes": {"n": 1}, "autoMountLocal": False},
    ],
    "fileInputArrays": [{"name": "refs", "sourceUrls": ["tapis://s/2", "tapis://s/1"]}],
    "parameterSet": {
        "appArgs": [{"name": "t", "arg": "--t 4", "include": True}, {"arg": "-v"}],
        "containerArgs": [{"name": "gpu", "arg": "--nv", "include": False}],
        "schedulerOptions": [{"name": "alloc", "arg": "-A me"}],
        "envVariables": [{"key": "B", "value": "2"}, {"key": "A", "value": "1", "notes": {}}],
        "archiveFilter": {"includes": ["b", "a"], "excludes": [], "includeLaunchFiles": True},
        "logConfig": {"stdoutFilename": "o", "stderrFilename": "e"},
    },
    "subscriptions": [],
    "tags": ["x"],
    "notes": {"y": 1},
}

CANONICAL = {
    "appId": "salmon-quant",
    "appVersion": "1.10.1",
    "archiveSystemId": "store",
    "archiveOnAppError": False,
    "isMpi": False,
    "cmdPrefix": "nice",
    "execSystemExecDir": "work/runs/${JobUUID}",
    "archiveSystemDir": "${EffectiveUserId}/runs/${JobUUID}",
    "fileInputs": [
        {"sourceUrl": "tapis://s/c", "autoMountLocal": False},
        {"name": "b", "sourceUrl": "tapis://s/b", "targetPath": "b.txt"},
        {"name": "reads", "sourceUrl": "tapis://s/a.fq"},
    ],
    "fileInputArrays": [{"name": "refs", "sourceUrls": ["tapis://s/2", "tapis://s/1"]}],
    "appArgs": [{"name": "t", "arg": "--t 4"}, {"arg": "-v"}],
    "containerArgs": [{"name": "gpu", "arg": "--nv", "include": False}],
    "envVariables": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}],
    "archiveFilter": {"includes": ["a", "b"]},
    "logConfig": {"stdoutFilename": "o", "stderrFilename": "e"},
}

FROZEN = {
    "tzx756mjz6": {"appId": "a", "appVersion": "1"},
    "t6d6a45xcv": FULL,
    "tjwc4waf2u": {
        "appId": "a",
        "appVersion": "1",
        "fileInputs": [{"name": "x", "sourceUrl": OutputRef("up", "o.txt")}],
    },
}
"""Fingerprints that must never change: runs of people carry them."""


def test_the_canonical_form() -> None:
    assert TAPIS.canonical(FULL) == CANONICAL


@pytest.mark.parametrize("expected", FROZEN)
def test_fingerprints_are_frozen(expected: str) -> None:
    upstream = {"up": "tabcdefghi"} if expected == "tjwc4waf2u" else {}
    found = fingerprint(TAPIS, FROZEN[expected], upstream=upstream, digests={})
    assert found == expected


SAME = {
    "description": "another",
    "tags": ["y"],
    "notes": {"z": 1},
    "subscriptions": [{"eventCategoryFilter": "ALL"}],
    "nodeCount": 7,
    "execSystemLogicalQueue": "normal",
    "execSystemId": "ls6",
    "memoryMB": 1,
    "maxMinutes": 1,
    "coresPerNode": 3,
    "jobType": "FORK",
    "archiveMode": None,
    "execSystemExecDir": "work/runs/${JobUUID}",
}
"""Values that mean the same run as those of :data:`FULL`."""

OTHER = {
    "appVersion": "1.10",
    "archiveMode": "NEVER",
    "archiveOnAppError": True,
    "isMpi": True,
    "archiveSystemDir": "elsewhere",
    "cmdPrefix": None,
    "dtnSystemInputDir": "x",
    "execSystemInputDir": "x",
    "fileInputArrays": [{"name": "refs", "sourceUrls": ["tapis://s/1", "tapis://s/2"]}],
}


def without_none(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if value is not None}


@pytest.mark.parametrize("field", SAME)
def test_what_means_nothing_changes_nothing(field: str) -> None:
    assert TAPIS.canonical(without_none({**FULL, field: SAME[field]})) == CANONICAL


@pytest.mark.parametrize("field", OTHER)
def test_what_means_something_changes_the_form(field: str) -> None:
    assert TAPIS.canonical(without_none({**FULL, field: OTHER[field]})) != CANONICAL


@given(st.data())
def test_the_order_of_inputs_variables_and_globs_means_nothing(data: st.DataObject) -> None:
    request = copy.deepcopy(FULL)
    parameters = request["parameterSet"]
    for entries in (
        request["fileInputs"], parameters["envVariables"], parameters["archiveFilter"]["includes"],
    ):  # fmt: skip
        entries[:] = data.draw(st.permutations(entries))
    shuffled = {name: request[name] for name in data.draw(st.permutations([*request]))}
    assert TAPIS.canonical(shuffled) == CANONICAL
    parameters["appArgs"].reverse()
    assert TAPIS.canonical(shuffled) != CANONICAL


NOTHING: dict[str, Any] = {"appId": "a", "appVersion": "1"}


@pytest.mark.parametrize(
    "more",
    [
        {"fileInputs": []},
        {"parameterSet": {}},
        {"parameterSet": {"appArgs": [], "envVariables": [], "archiveFilter": {"includes": []}}},
        {"parameterSet": {"archiveFilter": {"includeLaunchFiles": True}}},
        {"archiveMode": "ALWAYS"},
    ],
    ids=str,
)
def test_what_the_service_assumes_equals_nothing(more: dict[str, Any]) -> None:
    assert TAPIS.canonical({**NOTHING, **more}) == NOTHING


@pytest.mark.parametrize("more", [{"isMpi": False}, {"archiveOnAppError": True}], ids=str)
def test_what_an_app_may_assume_differs_from_nothing(more: dict[str, Any]) -> None:
    assert TAPIS.canonical({**NOTHING, **more}) != NOTHING


# --- what differs ----------------------------------------------------------------------


def run(request: dict[str, Any], **job: Any) -> Run:
    record = {**request, "job": job} if job else request
    return Run("1", "n", "alice", "a:1", "FINISHED", RunState.FINISHED, request=record)


def declared(request: dict[str, Any]) -> DeclaredJob:
    return DeclaredJob("a", "tabcdefghi", "n", request)


def changes(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs, by path: (what the run has, what is declared)."""
    upstream = run({}, status="FINISHED", archiveSystemId="s", archiveSystemDir="/up")
    references = References(TAPIS, {"up": [upstream]})
    found = semantic_changes(declared(ours), run(theirs), references, None)
    return {change.path: (change.before, change.after) for change in found}


def other(**fields: Any) -> dict[str, Any]:
    request = copy.deepcopy(FULL)
    request["parameterSet"].update(fields.pop("parameterSet", {}))
    return {**request, **fields}


def test_differences_are_told_by_the_names_of_entries() -> None:
    assert changes(FULL, copy.deepcopy(FULL)) == {}
    theirs = other(
        fileInputs=[
            {**FULL["fileInputs"][0], "sourceUrl": "tapis://s/old"},
            *FULL["fileInputs"][1:],
        ],
        archiveMode="NEVER",
        parameterSet={"envVariables": [{"key": "B", "value": "3"}, {"key": "C", "value": "c"}]},
    )
    assert changes(FULL, theirs) == {
        "archiveMode": ("NEVER", "ALWAYS"),
        "fileInputs.reads": ("tapis://s/old", "tapis://s/a.fq"),
        "parameterSet.envVariables.A": (None, "1"),
        "parameterSet.envVariables.B": ("3", "2"),
        "parameterSet.envVariables.C": ("c", None),
    }


def test_another_order_of_arguments_is_told() -> None:
    theirs = other(parameterSet={"appArgs": [*reversed(FULL["parameterSet"]["appArgs"])]})
    (path,) = {path.partition("[")[0] for path in changes(FULL, theirs)}
    assert path == "parameterSet.appArgs (their order)"


def test_a_part_of_an_entry_is_told_below_it() -> None:
    theirs = other(
        fileInputs=[{**FULL["fileInputs"][0], "targetPath": "x"}, *FULL["fileInputs"][1:]],
        parameterSet={"containerArgs": [{"name": "gpu", "arg": "--nv"}]},
    )
    assert changes(FULL, theirs) == {
        "fileInputs.reads.targetPath": ("x", None),
        "parameterSet.containerArgs.gpu.include": (None, False),
    }


def test_a_reference_is_compared_with_where_the_output_was() -> None:
    ours = {**NOTHING, "fileInputs": [{"name": "x", "sourceUrl": OutputRef("up", "o.txt")}]}
    theirs = {**NOTHING, "fileInputs": [{"name": "x", "sourceUrl": "tapis://s//up/o.txt"}]}
    assert changes(ours, theirs) == {}
    theirs["fileInputs"] = [{"name": "x", "sourceUrl": "tapis://s/up/o%2Etxt"}]
    assert changes(ours, theirs) == {
        "fileInputs.x": ("tapis://s/up/o%2Etxt", "${jobs.up.outputs/o.txt}")
    }


@pytest.mark.parametrize(
    ("ours", "path"),
    [
        ({"parameterSet": {"appArgs": [{"name": "a.b", "arg": Sensitive("x")}]}}, "appArgs.a.b"),
        ({"parameterSet": {"appArgs": [{"arg": Sensitive("x")}]}}, "appArgs[0]"),
        ({"parameterSet": {"envVariables": [{"key": "A", "value": Sensitive("x")}]}},
         "envVariables.A"),
        ({"fileInputs": [{"name": "A", "sourceUrl": Sensitive("x")}]}, "fileInputs.A"),
        ({"fileInputArrays": [{"name": "A", "sourceUrls": [Sensitive("x")]}]}, "fileInputArrays.A"),
        ({"mpiCmd": Sensitive("x")}, "mpiCmd"),
    ],
)  # fmt: skip
def test_a_sensitive_value_is_shown_on_neither_side(ours: dict[str, Any], path: str) -> None:
    theirs = json.loads(json.dumps(ours, default=lambda _: "y"))
    ((found, sides),) = changes({**NOTHING, **ours}, {**NOTHING, **theirs}).items()
    assert path in found and set(sides) == {HIDDEN}
    assert (
        changes(
            {**NOTHING, **ours}, {**NOTHING, **json.loads(json.dumps(ours, default=lambda _: "x"))}
        )
        == {}
    )


def test_a_request_that_is_not_told_is_not_compared() -> None:
    untold = run({}, status="FINISHED", appId="a", archiveSystemId="s", archiveSystemDir="/up")
    references = References(TAPIS, {})
    assert semantic_changes(declared(FULL), untold, references, None) == ()
    assert placement_changes(declared(FULL), untold, TAPIS) == ()


def test_what_a_pinned_run_has_and_nobody_declares_is_no_difference() -> None:
    ours = {
        **NOTHING,
        "archiveMode": "ALWAYS",
        "parameterSet": {"appArgs": [{"name": "t", "arg": "1"}]},
    }
    theirs = {
        **FULL, "appId": "a", "appVersion": "1",
        "parameterSet": {"appArgs": [{"name": "t", "arg": "2"}, {"arg": "more"}]},
    }  # fmt: skip
    found, dropped = drift(declared(ours), run(theirs), References(TAPIS, {}), None)
    assert [change.path for change in found] == ["parameterSet.appArgs.t"] and dropped == ()


def test_placement_applies_to_the_next_run() -> None:
    theirs = {
        **FULL, "execSystemLogicalQueue": "old",
        "parameterSet": {"schedulerOptions": [{"name": "alloc", "arg": "-A you"}]},
    }  # fmt: skip
    assert "nodeCount" not in [
        c.path for c in placement_changes(declared(FULL), run(theirs), TAPIS)
    ]
    found = {c.path: c.after for c in placement_changes(declared(FULL), run(theirs), TAPIS)}
    assert found == {
        "execSystemLogicalQueue": "skx",
        "parameterSet.schedulerOptions": [{"name": "alloc", "arg": "-A me"}],
    }


# --- node-hours ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "defaults", "hours"),
    [
        ({"maxMinutes": 90, "nodeCount": 2}, None, 3.0),
        ({"maxMinutes": 90}, None, None),
        ({"maxMinutes": 90}, {}, 1.5),
        ({"maxMinutes": 60, "nodeCount": 0}, {"nodeCount": 4}, 4.0),
        ({}, {"maxMinutes": 30, "nodeCount": 2}, 1.0),
        ({}, {}, 10 / 60),
    ],
)
def test_node_hours(
    request_: dict[str, Any], defaults: dict[str, Any] | None, hours: float | None
) -> None:
    app = None if defaults is None else App("a:1", {}, {}, defaults)
    assert TAPIS.node_hours(request_, app) == hours


def test_the_time_limit_is_in_seconds() -> None:
    assert TAPIS.time_limit({"maxMinutes": 90}, None) == 5400
    assert TAPIS.time_limit({}, App("a:1", {}, {}, {})) == 600
    assert TAPIS.time_limit({}, None) is None


def test_the_request_survives_json() -> None:
    assert TAPIS.canonical(json.loads(json.dumps(FULL))) == CANONICAL
