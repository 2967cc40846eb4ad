"""What a plan says that people gain and lose: by address, whatever runs it has."""

from __future__ import annotations

import json

import pytest

from jobsync.model import NO_ACCESS, AccessChange, Plan, RunState
from jobsync.plan import PlanOptions, build
from jobsync.render import FORMATS, RenderOptions
from jobsync.render.summary import also, summarise
from tests.fakes.planworld import World, desired, grants, job, rows

OLD = job("align")


def planned(seen: World, **levels: str) -> Plan:
    """After the job was edited: a new run, with these grants."""
    wanted = desired(job("align", {"parameters": {"n": 2}}, permissions=grants(**levels)))
    return build(wanted, seen.snapshot(wanted), PlanOptions())


def counts(plan: Plan) -> tuple[int, int, int]:
    found = summarise(plan)
    return found.gains, found.changes, found.loses


@pytest.mark.parametrize(
    ("declared", "expected", "words"),
    [
        ({"bob": "READ", "carol": "READ"}, (0, 0, 0), ""),
        ({"bob": "READ"}, (0, 0, 1), "Access: 1 lost."),
        (
            {"bob": "READ_WRITE", "dave": "READ"},
            (1, 1, 1),
            "Access: 1 gained, 1 changed, 1 lost.",
        ),
    ],
)
def test_a_run_that_is_replaced_is_no_gain_for_those_who_had_it(
    declared: dict[str, str], expected: tuple[int, int, int], words: str
) -> None:
    world = World()
    world.of(OLD, acl=rows(bob="READ", carol="READ"))
    plan = planned(world, **declared)
    assert counts(plan) == expected
    assert also(plan).endswith(words) and ("Access" in also(plan)) == bool(words)
    markdown = FORMATS["markdown"](plan, RenderOptions())
    assert ("Access:" in markdown) == bool(words) and words.rstrip(".") in markdown
    told = {
        (row["run_id"], row["user"]): (row["before"]["read"], row["after"]["read"])
        for row in json.loads(FORMATS["json"](plan, RenderOptions()))["effective_access"]
    }
    assert told["", "bob"] == (True, True)
    if "dave" in declared:
        assert told["", "dave"] == (False, True)


def test_a_first_run_is_a_gain() -> None:
    assert counts(planned(World(), bob="READ", world="READ")) == (2, 0, 0)


def test_a_failed_run_that_is_tried_again_and_a_hidden_one_that_comes_back() -> None:
    wanted = job("align", permissions=grants(bob="READ"), retries=1)
    world = World()
    world.of(wanted, RunState.FAILED, acl=rows(bob="READ"))
    state = desired(wanted)
    assert counts(build(state, world.snapshot(state))) == (0, 0, 0)
    world = World()
    world.of(wanted, visible=False, acl=rows(bob="READ"))
    assert counts(build(state, world.snapshot(state))) == (1, 0, 0), "nobody sees a hidden run"


def test_losing_one_run_of_several_is_not_losing_access() -> None:
    """bob may only write the old run, and still reads the current one."""
    wanted = job("align", {"parameters": {"n": 2}}, permissions=grants(bob="READ"))
    world = World()
    old = world.of(OLD, acl=rows(bob="WRITE"))
    new = world.of(wanted, acl=rows(bob="READ"))
    state = desired(wanted)
    plan = build(state, world.snapshot(state))
    assert [
        change.run.id for change in plan.changes if isinstance(change, AccessChange) and change.run
    ] == [old.id]
    assert counts(plan) == (0, 1, 0)
    seen = {row.run_id: (str(row.before), str(row.after)) for row in plan.effective}
    assert seen == {old.id: ("WRITE", "NONE"), new.id: ("READ", "READ")}


def test_who_is_reached_by_another_row_counts() -> None:
    wanted = job("align", permissions=grants(zed="READ"))
    world = World()
    world.of(wanted, acl=rows(world="READ_WRITE", zed="READ"))
    state = desired(wanted)
    assert counts(build(state, world.snapshot(state))) == (0, 1, 1)


def test_rows_of_a_new_run_without_a_safe_place_are_named() -> None:
    plan = planned(World(), w_x="READ", world="WRITE", bob="READ")
    (state,) = plan.states
    assert state.problems == (
        "w_x, world: the access to the new run stays as it is, because no order of the changes is "
        "safe for alice",
    )
    (row,) = (row for row in plan.effective)
    assert (row.user, row.before) == ("bob", NO_ACCESS)
