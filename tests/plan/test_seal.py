"""Sensitive values in plans: neither shown nor saved, and known again when the plan is applied."""

from __future__ import annotations

import json

import pytest

from jobsync import render
from jobsync.model import Action, DesiredState, JobChange, Plan, RunState, Sealed
from jobsync.plan import build, reviewed
from jobsync.plan.explain import explain
from jobsync.plan.seal import sealed
from jobsync.render import plan_json
from jobsync.secret import HIDDEN, Sensitive
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, job

SECRET = "s3cret-nonce"
TOKEN = Sensitive(SECRET)


def wanted(**parameters: object) -> DesiredState:
    return desired(job("a", {"parameters": parameters}), job("b", {"nodeCount": 2}))


def planned(state: DesiredState, world: World | None = None) -> Plan:
    return build(state, (world or World()).snapshot(state))


def applied(saved: Plan, state: DesiredState) -> tuple[Plan, set[str]]:
    """What an apply of *saved* carries out where *state* is declared, and what it leaves alone."""
    snapshot = World().snapshot(state)
    part, stale = reviewed(saved, build(state, snapshot), state, snapshot, frozenset())
    return part, {one.change.address for one in stale}


def printed(plan: Plan) -> str:
    texts = [one(plan, render.RenderOptions()) for one in render.FORMATS.values()]
    return "\n".join([*texts, plan_json.dumps(plan), repr(plan)])


def change_of(plan: Plan, address: str = "a") -> JobChange:
    [found] = [c for c in plan.changes if isinstance(c, JobChange) and c.address == address]
    return found


def test_no_format_and_no_file_has_the_value() -> None:
    plan = planned(wanted(token=TOKEN, many=["x", TOKEN], text=Sensitive(f"--t={SECRET}")))
    text = printed(plan)
    assert SECRET not in text
    assert "token = (sensitive)" in text and '"token": "(sensitive)"' in text


def test_the_url_of_a_notification_comes_back_from_the_manifests() -> None:
    notices = [
        {"url": "https://me:pw@hooks.example/T0/key?t=1", "event": "FINISHED"},
        {"url": "https://hooks.example", "event": "FAILED"},
        {"url": "me@example.org", "event": "FAILED"},
    ]
    state = desired(job("a", {"notifications": notices}))
    plan = planned(state)
    text = plan_json.dumps(plan)
    assert "key" not in text.replace("accept_key", "") and "pw" not in text
    loaded = plan_json.loads(text)
    for name, show in render.FORMATS.items():
        shown = show(plan, render.RenderOptions())
        assert "https://hooks.example/..." in shown and "me@example.org" in shown, name
        assert show(loaded, render.RenderOptions()) == shown
    assert change_of(applied(loaded, state)[0]).request["notifications"] == notices
    other = desired(job("a", {"notifications": [{**notices[0], "url": "https://x/y"}]}))
    assert applied(loaded, other)[1] == {"a"}


def test_equal_plans_are_equal_bytes_and_other_values_other_bytes() -> None:
    one, same = planned(wanted(token=TOKEN)), planned(wanted(token=Sensitive(SECRET)))
    assert plan_json.dumps(one) == plan_json.dumps(same)
    saved = json.loads(plan_json.dumps(one))
    [seal] = [c["request"]["parameters"]["token"] for c in saved["apply"]["changes"][:1]]
    for other in (
        planned(wanted(token=Sensitive("s3cret-nonca"))),
        planned(wanted(token=Sensitive(7))),
        replace(one, target="other"),
        replace(one, manifest_digest="e" * 64),
    ):
        assert json.dumps(seal) not in plan_json.dumps(other)


def test_a_loaded_plan_takes_its_values_from_the_manifests() -> None:
    state = wanted(token=TOKEN, many=["x", TOKEN], plain="y")
    plan = planned(state)
    loaded = plan_json.loads(plan_json.dumps(plan))
    assert loaded.changes == sealed(plan).changes != plan.changes
    parameters = change_of(loaded).request["parameters"]
    assert isinstance(parameters, dict) and isinstance(parameters["token"], Sealed)
    assert applied(loaded, state) == (plan, set())
    assert plan_json.dumps(loaded) == plan_json.dumps(plan)


@pytest.mark.parametrize(
    "parameters",
    [
        {"token": Sensitive("another")},
        {"token": SECRET},
        {"token": TOKEN, "more": 1},
        {"token": [TOKEN]},
        {},
    ],
)
def test_another_value_is_stale(parameters: dict[str, object]) -> None:
    loaded = plan_json.loads(plan_json.dumps(planned(wanted(token=TOKEN))))
    part, stale = applied(loaded, wanted(**parameters))
    assert stale == {"a"}
    assert {change.address for change in part.changes} == {"b"}


def ran(state: DesiredState, **parameters: object) -> World:
    """A world in which an earlier declaration of a has run with *parameters*."""
    world = World()
    earlier = desired(job("a", {"parameters": parameters}), job("b", {"nodeCount": 2}))
    for one in earlier.jobs.values():
        world.of(one, RunState.FINISHED)
    return world


def test_where_either_side_holds_one_neither_is_shown() -> None:
    new, old = Sensitive("new-nonce"), SECRET
    for state, before in (
        (wanted(t=new), {"t": old}),
        (wanted(t=["x", new]), {"t": ["x", old]}),
        (wanted(t=new), {"t": ["x", old]}),
    ):
        world = ran(state, **before)
        plan = planned(state, world)
        change = change_of(plan)
        assert change.action is Action.REPLACE
        assert [(f.path, f.before, f.after) for f in change.fields] == [
            ("parameters.t", HIDDEN, HIDDEN)
        ]
        assert not {SECRET, "new-nonce"} & set(printed(plan).split('"'))
        assert "parameters.t = (sensitive) -> (sensitive)" in printed(plan)
        views = explain(state, world.snapshot(state), plan, "a").fields
        assert SECRET not in repr(views) and "new-nonce" not in repr(views)


def test_what_a_run_still_has_of_a_known_one_is_not_shown() -> None:
    """The field holds none any more, but the run was made with it."""
    jobs = wanted(t="plain", u="plain").jobs
    known = {address: replace(one, secrets=(TOKEN,)) for address, one in jobs.items()}
    state = replace(desired(), jobs=known)
    plan = planned(state, ran(state, t=SECRET, u=f"https://x/?t={SECRET}"))
    assert SECRET not in printed(plan)
    assert [(f.before, f.after) for f in change_of(plan).fields] == [(HIDDEN, HIDDEN)] * 2


def test_what_is_new_or_gone_is_still_told() -> None:
    state = wanted(t=TOKEN)
    plan = planned(state, ran(state, gone=SECRET))
    told = {field.path: (field.before, field.after) for field in change_of(plan).fields}
    assert told["parameters.t"] == (None, HIDDEN)


def test_a_pinned_run_that_differs_is_told_without_it() -> None:
    world = World()
    run = world.add("by hand", RunState.FINISHED, request={"parameters": {"t": "other-nonce"}})
    pinned = replace(job("a", {"parameters": {"t": TOKEN}}), pinned=run.id)
    state = desired(pinned)
    with pytest.raises(Exception) as caught:
        planned(state, world)
    assert "parameters.t" in str(caught.value)
    assert SECRET not in str(caught.value) and "other-nonce" not in str(caught.value)


def test_placement_that_applies_to_the_next_run_is_told_without_it() -> None:
    state = desired(job("a", {"batchQueue": Sensitive("secret-queue")}))
    world = World()
    world.of(job("a", {"batchQueue": "old-queue"}), RunState.FINISHED)
    plan = planned(state, world)
    [line] = [note for one in plan.states for note in one.notes]
    assert line == "batchQueue (sensitive) -> (sensitive) applies to the next run"
