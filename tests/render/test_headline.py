"""What is said when there is nothing to do: true of what was looked at, and of nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobsync.model import DeclaredJob, Plan, RunState, Scope
from jobsync.plan import PlanOptions, build
from jobsync.render import FORMATS, RenderOptions, plan_json
from jobsync.render.summary import also, headline
from tests.fakes.planworld import World, desired, job

ALL_IS_WELL = "No changes. Every job, permission and output is as declared."


def drift(*jobs: DeclaredJob, world: World | None = None, **options: Any) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, (world or World()).snapshot(wanted), PlanOptions(**options))


def done(*jobs: DeclaredJob) -> World:
    world = World()
    for one in jobs:
        world.of(one)
    return world


def only(*kinds: str) -> dict[str, Any]:
    return {"only": frozenset(kinds)}


PAIR = (job("one"), job("two", {"parameters": {"x": 1}}))


def test_all_is_as_declared_only_when_all_was_looked_at() -> None:
    assert headline(drift(*PAIR, world=done(*PAIR))) == ALL_IS_WELL


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (only("jobs"), "Everything selected is as declared (jobs only)."),
        (only("permissions"), "Everything selected is as declared (permissions only)."),
        (
            only("outputs", "jobs"),
            "Everything selected is as declared (jobs and outputs only).",
        ),
        (
            {"select": ("one",)},
            "Everything selected is as declared (1 of 2 addresses left out).",
        ),
        (
            {"exclude": ("one",), **only("outputs")},
            "Everything selected is as declared (outputs only; 1 of 2 addresses left out).",
        ),
        ({"exclude": ("*",)}, "No declared job is selected."),
    ],
)
def test_a_part_is_called_a_part(options: Any, words: str) -> None:
    assert headline(drift(*PAIR, world=done(*PAIR), **options)) == f"No changes. {words}"


def test_every_kind_by_name_is_the_whole() -> None:
    options = only("jobs", "permissions", "outputs")
    assert headline(drift(*PAIR, world=done(*PAIR), **options)) == ALL_IS_WELL


def test_what_is_not_declared_is_nothing_that_is_declared() -> None:
    world = World()
    world.add("phylo.bad.abcdefghij")
    assert headline(drift(*PAIR, world=world, select=("bad",))) == (
        "No changes. No declared job is selected."
    )
    assert headline(drift()) == "No changes. The manifests declare no jobs."


@pytest.mark.parametrize("kind", ["permissions", "outputs"])
def test_what_has_not_run_is_not_as_declared(kind: str) -> None:
    assert headline(drift(*PAIR, **only(kind))) == (
        f"No changes. Left unchanged: 2 to submit or restore ({kind} only)."
    )


def test_what_stays_as_it_is_is_named() -> None:
    world = World()
    world.of(PAIR[0], RunState.FAILED)
    blocked = job("two", needs=("one",))
    plan = drift(PAIR[0], blocked, world=world)
    said = "Not everything is as declared: 1 failed, 1 blocked. The rest needs no change."
    assert headline(plan) == said and also(plan) == ""


def test_what_runs_is_not_yet_as_declared() -> None:
    world = done(PAIR[0])
    world.of(PAIR[1], RunState.ACTIVE)
    assert headline(drift(*PAIR, world=world)) == (
        "No changes. All declared jobs have run or are running."
    )
    assert headline(drift(*PAIR, world=world, select=("two",))) == (
        "No changes. All selected jobs have run or are running (1 of 2 addresses left out)."
    )


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_a_saved_plan_says_the_same(name: str) -> None:
    plan = drift(*PAIR, world=done(*PAIR), select=("one",), **only("jobs"))
    assert plan.scope == Scope(("jobs",), declared=2, left_out=("two",))
    loaded = plan_json.loads(plan_json.dumps(plan))
    assert loaded.scope == plan.scope
    text = FORMATS[name](loaded, RenderOptions())
    assert text == FORMATS[name](plan, RenderOptions())
    assert "No changes. Everything selected is as declared (jobs only; 1 of 2" in text


def test_json_tells_what_was_looked_at() -> None:
    plan = drift(*PAIR, world=done(*PAIR), exclude=("one",), **only("outputs"))
    document = json.loads(FORMATS["json"](plan, RenderOptions()))
    assert document["scope"] == {"kinds": ["outputs"], "declared": 2, "left_out": 1}


@pytest.mark.parametrize(
    ("requests", "retries", "said"),
    [
        ([{"maxRunTime": "01:00:00", "nodeCount": 2}], 0, "At most 2.0 node-hours."),
        ([{"maxRunTime": "01:00:00", "nodeCount": 2}], 2, "At most 6.0 node-hours."),
        ([{"maxRunTime": "00:00:02", "nodeCount": 1}], 0, "At most 0.1 node-hours."),
        ([{"maxRunTime": "00:06:00", "nodeCount": 3}], 0, "At most 0.3 node-hours."),
        ([{}], 0, "Node-hours unknown for 1 run."),
        (
            [{"maxRunTime": "01:00:00", "nodeCount": 2}, {}, {"parameters": {"x": 1}}],
            0,
            "At most 2.0 node-hours for 1 run, unknown for 2 runs.",
        ),
    ],
)
def test_node_hours_are_an_upper_bound_and_say_what_is_unknown(
    requests: list[dict[str, Any]], retries: int, said: str
) -> None:
    jobs = [job(f"job{i}", request, retries=retries) for i, request in enumerate(requests)]
    assert also(drift(*jobs)) == f"Also: {said}"


def test_a_change_says_how_many_attempts_its_node_hours_are_for() -> None:
    wanted = job("one", {"maxRunTime": "01:00:00", "nodeCount": 2}, retries=2)
    text = FORMATS["text"](drift(wanted), RenderOptions())
    assert "# at most 6.0 node-hours in 3 attempts" in text
