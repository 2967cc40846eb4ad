"""What a person signs is told in every form: outputs that come later, and what is wrong."""

from __future__ import annotations

import json

import pytest

from jobsync.model import DeclaredJob, Plan, RunState, Unavailable
from jobsync.plan import PlanOptions, build
from jobsync.render import FORMATS, RenderOptions
from jobsync.render.summary import also, summarise
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, job, rule

COUNTS = (rule("counts.txt", "results/counts.txt"), rule("*.log", "logs/"))


def planned(*jobs: DeclaredJob, world: World | None = None) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, (world or World()).snapshot(wanted))


def unreadable(count: int, *more: DeclaredJob) -> Plan:
    """A plan in which the access lists of *count* finished runs cannot be read."""
    jobs = [
        job(f"run{n:02d}", {"parameters": {"n": n}}, permissions=grants()) for n in range(count)
    ]
    world = World()
    runs = [world.of(one) for one in jobs]
    wanted = desired(*jobs, *more)
    refused = {run.id: Unavailable("403 from the service") for run in runs}
    return build(wanted, replace(world.snapshot(wanted), access=refused))


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_outputs_of_a_submit_are_told_before_they_are_there(name: str) -> None:
    text = FORMATS[name](planned(job("one", outputs=COUNTS)), RenderOptions())
    assert '+       outputs = ["results/counts.txt", "logs/"]' in text.replace(
        "      + ", "+       "
    )
    assert "Also: outputs of 1 run to fetch when finished." in text


def test_outputs_of_a_restore_and_of_a_replacement_are_told() -> None:
    world = World()
    hidden = job("hidden", outputs=COUNTS)
    world.of(hidden, visible=False)
    world.of(job("moved", {"parameters": {"x": 1}}))
    moved = job("moved", {"parameters": {"x": 2}}, outputs=COUNTS, permissions=grants(bob="READ"))
    text = FORMATS["text"](planned(hidden, moved, world=world), RenderOptions())
    assert text.count('["results/counts.txt", "logs/"]') == 2
    assert '      + permissions = {bob = "READ"}\n      + outputs     = ["results' in text
    assert "outputs of 2 runs to fetch when finished" in text


def test_a_check_alone_is_nothing_to_fetch() -> None:
    plan = planned(job("one", expect=("report.html",)))
    assert summarise(plan).later == 1
    assert "to fetch" not in FORMATS["text"](plan, RenderOptions())


def test_a_stopped_run_brings_no_outputs() -> None:
    world = World()
    world.of(job("one", {"parameters": {"x": 1}}), RunState.ACTIVE)
    wanted = desired(job("one", {"parameters": {"x": 2}}, outputs=COUNTS))
    plan = build(wanted, world.snapshot(wanted), PlanOptions(stop_superseded=True))
    assert FORMATS["text"](plan, RenderOptions()).count("      + outputs = ") == 1


def test_what_could_not_be_read_is_not_unchanged() -> None:
    plan = unreadable(1, job("new"))
    assert "unchanged" not in also(plan)
    assert also(plan).startswith("Also: 1 could not be planned.")
    document = json.loads(FORMATS["json"](plan, RenderOptions()))
    assert document["summary"]["unchanged"] == 0
    assert document["summary"]["unread"] == 1


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_what_could_not_be_read_is_said_without_pointing(name: str) -> None:
    text = FORMATS[name](unreadable(1), RenderOptions())
    assert (
        "Not everything is as declared: 1 could not be planned. The rest needs no change." in text
    )
    assert "No changes" not in text
    assert "below" not in text


def test_the_folded_form_keeps_what_is_wrong() -> None:
    plan = replace(
        unreadable(12, *(job(f"new{n}") for n in range(200))),
        warnings=tuple(f"warning {n:02d}" for n in range(11)),
    )
    full = FORMATS["markdown"](plan, RenderOptions())
    folded = FORMATS["markdown"](plan, RenderOptions(budget=12_000))
    assert "<details>" in folded
    assert full.count("| could not be planned |") == 12
    assert folded.count("| could not be planned |") == 10
    assert full.count("- Warning: ") == 11
    assert folded.count("- Warning: ") == 10
    assert "\n\nand 2 more\n\n- Warning" in folded
    assert "\n\nand 1 more\n\n<details>" in folded


def test_the_first_of_what_is_wrong_is_what_could_not_be_read() -> None:
    world = World()
    failed = [job(f"a{n:02d}", {"parameters": {"n": n}}) for n in range(20)]
    for one in failed:
        world.of(one, RunState.FAILED)
    lost = job("zulu", permissions=grants())
    run = world.of(lost)
    wanted = desired(*failed, lost, *(job(f"new{n}") for n in range(200)))
    access = {**world.snapshot(wanted).access, run.id: Unavailable("403")}
    plan = build(wanted, replace(world.snapshot(wanted), access=access))
    folded = FORMATS["markdown"](plan, RenderOptions(budget=12_000))
    assert "<details>" in folded
    assert "| `zulu` | could not be planned | `permissions of run" in folded
    assert "and 11 more" in folded


@pytest.mark.parametrize("budget", [60_000, 12_000, 10])
def test_every_form_counts_what_is_wrong(budget: int) -> None:
    plan = replace(unreadable(12, *(job(f"new{n}") for n in range(200))), warnings=("a", "b"))
    text = FORMATS["markdown"](plan, RenderOptions(budget=budget))
    assert "12 could not be planned, 2 warnings." in text
