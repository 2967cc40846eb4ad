"""A reviewed plan against what would be planned now: what moves it, and what its file can do."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import PlanError, PlanFileError, StalePlan, Usage
from jobsync.model import (
    NO_ACCESS,
    AccessChange,
    Action,
    DeclaredJob,
    DesiredState,
    JobChange,
    OutputChange,
    PermissionsMode,
    Plan,
    Run,
    RunState,
)
from jobsync.plan import PlanOptions, Stale, build, digest, reviewed
from jobsync.plan.reviewed import refuse_other_manifests, refuse_other_plan
from jobsync.render import plan_json
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, job, rows, rule
from tests.fakes.planworlds import EITHER

OPTIONS = st.builds(PlanOptions, prune=st.booleans(), stop_superseded=st.booleans())


def saved_of(plan: Plan) -> Plan:
    return plan_json.loads(plan_json.dumps(plan))


Found = tuple[Plan, Plan, tuple[Stale, ...]]


def review(saved: Plan, wanted: DesiredState, world: World, *allow: str) -> Found:
    """The plan as of now, what an apply of *saved* carries out of it, and what it leaves alone."""
    options = replace(saved.options, allow=frozenset(allow))
    snapshot = world.snapshot(wanted)
    fresh = build(wanted, snapshot, options)
    part, stale = reviewed(saved, fresh, wanted, snapshot, frozenset(allow))
    return fresh, part, stale


def stale_after(
    world: World, jobs: list[DeclaredJob], change: Callable[[], object], stop: bool = False
) -> tuple[str, ...]:
    wanted = desired(*jobs)
    saved = saved_of(build(wanted, world.snapshot(wanted), PlanOptions(stop_superseded=stop)))
    change()
    _, part, stale = review(saved, wanted, world)
    moved = {one.change.address for one in stale}
    assert not moved & {change.address for change in part.changes}
    assert all(one.why for one in stale)
    return tuple(sorted(moved))


def test_nothing_moved_is_not_stale() -> None:
    world = World()
    assert stale_after(world, [job("align")], lambda: None) == ()


def test_a_run_of_the_name_that_appeared_is_stale() -> None:
    world, one = World(), job("align")
    assert stale_after(world, [one], lambda: world.of(one)) == ("align",)


def test_somebody_elses_run_of_the_name_is_not() -> None:
    world, one = World(), job("align")
    assert stale_after(world, [one], lambda: world.of(one, owner="bob")) == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (RunState.ACTIVE, RunState.FINISHED, ()),
        (RunState.ACTIVE, RunState.FAILED, ("align",)),
        (RunState.ACTIVE, RunState.STOPPED, ("align",)),
    ],
)
def test_running_becoming_finished_is_not_a_difference(
    before: RunState, after: RunState, expected: tuple[str, ...]
) -> None:
    wanted = job("align", permissions=grants(bob="READ"))
    world = World()
    run = world.of(wanted, before)
    moved = stale_after(world, [wanted], lambda: world._set(run, state=after))
    assert moved == expected


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("after", [RunState.FAILED, RunState.FINISHED, RunState.STOPPED])
def test_how_a_superseded_run_ends_is_not_a_difference(after: RunState, stop: bool) -> None:
    world = World()
    old = world.of(job("align"), RunState.ACTIVE)
    wanted = job("align", {"parameters": {"n": 1}})

    def end() -> None:
        world._set(old, state=after)

    assert stale_after(world, [wanted], end, stop) == ()
    gone = stale_after(world, [wanted], lambda: world._set(old, visible=False))
    assert gone == ("align",)


def test_a_run_that_was_hidden_or_vanished_is_stale() -> None:
    wanted = job("align", permissions=grants(bob="READ"))
    world = World()
    run = world.of(wanted)
    assert stale_after(world, [wanted], lambda: world._set(run, visible=False)) == ("align",)


def test_a_list_that_moved_is_stale_for_its_address_only() -> None:
    one, two = (job(name, permissions=grants(bob="READ")) for name in ("a", "b"))
    world = World()
    first = world.of(one)
    world.of(two)
    moved = stale_after(world, [one, two], lambda: world.acl[first.id].update(rows(carol="READ")))
    assert moved == ("a",)


def test_a_row_that_the_plan_keeps_is_part_of_what_it_was_decided_on() -> None:
    """Nothing is done about it, and yet the list before the change is not the one reviewed."""
    one = job("a", permissions=grants(bob="READ"), permissions_mode=PermissionsMode.ADDITIVE)
    world = World()
    run = world.of(one)
    moved = stale_after(world, [one], lambda: world.acl[run.id].update(rows(carol="READ")))
    assert moved == ("a",)


def test_a_plan_does_not_say_which_hazards_were_accepted_for_it() -> None:
    wanted = desired(job("a"))
    options = PlanOptions(prune=True, allow=frozenset({"delete-jobs"}))
    plan = build(wanted, World().snapshot(wanted), options)
    assert plan.options == PlanOptions(prune=True)


def test_what_the_plan_leaves_alone_is_never_stale() -> None:
    one, two = job("a"), job("b")
    world = World()
    run = world.of(one)
    assert stale_after(world, [one, two], lambda: world._set(run, visible=False)) == ()


def test_what_nobody_reviewed_is_not_carried_out() -> None:
    """Something else is to be done by now, and was not when the plan was made."""
    one, two = (job(name, permissions=grants(bob="READ")) for name in ("a", "b"))
    world, wanted = World(), desired(one, two)
    world.of(one, acl=rows(bob="READ"))
    saved = saved_of(build(wanted, world.snapshot(wanted)))
    world.acl[next(iter(world.runs))].clear()
    fresh, part, stale = review(saved, wanted, world)
    assert {change.address for change in fresh.changes} == {"a", "b"}
    assert {change.address for change in part.changes} == {"b"} and not stale


def test_outputs_of_a_run_that_has_finished_meanwhile_are_fetched() -> None:
    one = job("a", outputs=(rule("*.txt"),))
    world, wanted = World(), desired(one)
    run = world.of(one, RunState.ACTIVE)
    saved = saved_of(build(wanted, world.snapshot(wanted)))
    world._set(run, state=RunState.FINISHED)
    _, part, stale = review(saved, wanted, world)
    assert [c.files for c in part.changes if isinstance(c, OutputChange)] and not stale


@pytest.mark.parametrize(
    ("field", "value"),
    [("user", "bob"), ("target", "tacc"), ("base_url", "https://x"), ("project", "other")],
)
def test_a_plan_for_somewhere_else_is_refused(field: str, value: str) -> None:
    wanted, world = desired(job("align")), World()
    plan = build(wanted, world.snapshot(wanted))
    with pytest.raises(PlanFileError, match="this plan was made for"):
        review(saved_of(replace(plan, **{field: value})), wanted, world)


def test_what_differs_in_the_manifests_is_told() -> None:
    sources = {"a.yaml": "1", "b.yaml": "1", "variable queue": "1", "variable x": "1"}
    now = {"a.yaml": "2", "c.yaml": "1", "variable queue": "2", "variable x": "1"}
    before = replace(desired(job("a")), sources=sources, digest="e" * 64)
    plan = build(before, World().snapshot(before))
    refuse_other_manifests(saved_of(plan), before)
    with pytest.raises(StalePlan) as caught:
        refuse_other_manifests(saved_of(plan), replace(before, sources=now, digest="f" * 64))
    told = "b.yaml is missing; c.yaml is new; a.yaml has changed; variable queue has another value"
    assert str(caught.value).endswith(f"differ from those of this plan: {told}")


# --- the digest ----------------------------------------------------------------------------


Happening = Callable[[World, Run, DesiredState], "DesiredState | None"]


def moved_by(change: Happening) -> bool:
    """Whether *change* to a world, or to what is declared, moves the digest of its plan."""
    one = job("a", permissions=grants(bob="READ"), outputs=(rule("*.txt"),))
    two = job("b", {"parameters": {"n": 1}})
    world, wanted = World(), desired(one, two)
    run = world.of(one, RunState.ACTIVE, acl=rows(carol="READ"))
    world.of(job("b"), RunState.ACTIVE)
    before = build(wanted, world.snapshot(wanted))
    wanted = change(world, run, wanted) or wanted
    return digest(before) != digest(build(wanted, world.snapshot(wanted)))


def test_progress_does_not_move_the_digest() -> None:
    def finish(world: World, run: Run, wanted: DesiredState) -> None:
        for one in list(world.runs.values()):
            world._set(one, state=RunState.FINISHED)

    def stranger(world: World, run: Run, wanted: DesiredState) -> None:
        world.add("phylo.gone.abcdefghij")

    def elsewhere(world: World, run: Run, wanted: DesiredState) -> DesiredState:
        return replace(wanted, root="/elsewhere", outputs_root="/elsewhere/out")

    def accepted(world: World, run: Run, wanted: DesiredState) -> DesiredState:
        return replace(wanted, guards=replace(wanted.guards, mass_submit=0))

    for harmless in (finish, stranger, elsewhere, accepted):
        assert not moved_by(harmless), harmless.__name__


def test_what_is_decided_moves_the_digest() -> None:
    def row(world: World, run: Run, wanted: DesiredState) -> None:
        world.acl[run.id].update(rows(dave="READ"))

    def hidden(world: World, run: Run, wanted: DesiredState) -> None:
        world._set(run, visible=False)

    def failed(world: World, run: Run, wanted: DesiredState) -> None:
        world._set(run, state=RunState.FAILED)

    def manifests(world: World, run: Run, wanted: DesiredState) -> DesiredState:
        return replace(wanted, digest="e" * 64)

    def there(world: World, run: Run, wanted: DesiredState) -> None:
        world.of(wanted.jobs["b"])

    for change in (row, hidden, failed, manifests, there):
        assert moved_by(change), change.__name__


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", "other"),
        ("user", "bob"),
        ("base_url", "https://x"),
        ("manifest_digest", "e" * 64),
        ("options", PlanOptions(stop_superseded=True)),
    ],
)
def test_what_the_plan_is_for_moves_the_digest(field: str, value: object) -> None:
    wanted = desired(job("a"))
    plan = build(wanted, World().snapshot(wanted))
    assert digest(replace(plan, **{field: value})) != digest(plan)
    assert digest(replace(plan, warnings=("x",), states=(), hazards=(), basis={})) == digest(plan)
    assert digest(saved_of(plan)) == digest(plan) == json.loads(plan_json.dumps(plan))["digest"]
    refuse_other_plan(plan, digest(plan))
    with pytest.raises(StalePlan, match="not the plan that was reviewed"):
        refuse_other_plan(replace(plan, **{field: value}), digest(plan))


# --- whatever the file says ------------------------------------------------------------------


def forged(plan: Plan, chance: random.Random) -> str | None:
    """A file that somebody made of *plan* by changing values, whole in itself; or None."""
    from jobsync.plan import codec

    body = codec.encode(plan)
    for _ in range(chance.randint(1, 3)):
        _edit(body, chance)
    try:
        return plan_json.dumps(codec.decode(body))
    except (PlanFileError, TypeError, ValueError, KeyError, AttributeError):
        return None


def _edit(body: dict[str, Any], chance: random.Random) -> None:
    """Change one value anywhere: to one from elsewhere in the plan, or to one of its kind."""
    places = list(_places(body))
    container, key = chance.choice(places)
    value = container[key]
    same = [c[k] for c, k in places if type(c[k]) is type(value)]
    if isinstance(value, bool):
        container[key] = not value
    elif isinstance(value, (int, float)):
        container[key] = value + chance.choice((-1, 1, 10**6))
    elif isinstance(value, list) and value and chance.random() < 0.6:
        if chance.random() < 0.5:
            value.pop(chance.randrange(len(value)))
        else:
            value.append(copy.deepcopy(chance.choice(value)))
    elif isinstance(value, str) and chance.random() < 0.3:
        container[key] = chance.choice(("eve", "world", "../x", "/etc/x", "delete", "READ", ""))
    else:
        container[key] = copy.deepcopy(chance.choice(same))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


def carried_out(text: str, wanted: DesiredState, world: World) -> Found | None:
    """What an apply of the file *text* would do; None when it is refused."""
    try:
        return review(plan_json.loads(text), wanted, world)
    except (PlanFileError, StalePlan, Usage, PlanError):
        return None


def is_only_what_was_checked(true: Plan, found: Found, everybody: str = "world") -> None:
    """Nothing is carried out that would not be planned here, with every hazard still to accept."""
    fresh, part, _ = found
    for change in part.changes:
        assert any(change is other for other in fresh.changes)
        if fresh.options == true.options:
            assert change in true.changes
    assert (part.gates, part.states, part.root) == (fresh.gates, fresh.states, fresh.root)
    assert not any(hazard.accepted for hazard in part.hazards)
    named = {hazard.name for hazard in part.hazards}
    jobs = [change for change in part.changes if isinstance(change, JobChange)]
    assert "delete-jobs" in named or not any(c.action is Action.DELETE for c in jobs)
    opened = [
        grant
        for change in part.changes
        if isinstance(change, AccessChange)
        for grant in change.grants
        if grant.user == everybody and grant.after != NO_ACCESS and grant.before == NO_ACCESS
    ]
    assert "public-access" in named or not opened


@settings(deadline=None, max_examples=300)
@given(EITHER, OPTIONS, st.randoms(use_true_random=False))
def test_a_forged_file_does_nothing_that_was_not_checked(
    made: tuple[DesiredState, World], options: PlanOptions, chance: random.Random
) -> None:
    wanted, world = made
    true = build(wanted, world.snapshot(wanted), options)
    for _ in range(8):
        if (text := forged(true, chance)) and (found := carried_out(text, wanted, world)):
            is_only_what_was_checked(true, found, wanted.platform.permissions.everybody)


def test_an_edited_byte_does_nothing_that_was_not_checked() -> None:
    up, world = job("up", outputs=(rule("*.txt"),)), World()
    world.of(up, acl=rows(carol="READ", world="READ"))
    open_up = replace(up, permissions=grants(bob="READ", world="READ_WRITE"))
    wanted = desired(open_up, job("new", {"inputs": {"x": "agave://s/x"}}, needs=("up",)))
    true = build(wanted, world.snapshot(wanted))
    text = plan_json.dumps(true).encode()
    chance = random.Random(27)
    refused = 0
    for place in range(0, len(text), 7):
        edited = bytearray(text)
        edited[place] = chance.choice(b'0123456789abcdefxyz{}[]",: \\/tfn-.')
        found = carried_out(edited.decode("ascii"), wanted, world)
        if found is None:
            refused += 1
        else:
            is_only_what_was_checked(true, found)
    assert refused > len(text) // 7 * 0.8


def test_the_forger_of_these_tests_can_forge() -> None:
    """What the tests above try is not refused for its shape alone."""
    wanted, world = desired(job("a", permissions=grants(bob="READ")), job("b")), World()
    plan = build(wanted, world.snapshot(wanted))
    files = {text for n in range(200) if (text := forged(plan, random.Random(n)))}
    assert len(files) > 40
    assert sum(carried_out(text, wanted, world) is not None for text in files) > 20
    assert sum(plan_json.loads(text).changes != saved_of(plan).changes for text in files) > 20
