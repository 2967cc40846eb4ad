"""The plan of somebody who may only look at the owner's runs: what it never says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.apply import apply
from jobsync.errors import SettingsError, Usage
from jobsync.model import (
    DeclaredJob,
    DesiredState,
    OutputChange,
    Plan,
    RunState,
    Snapshot,
    Standing,
    Unavailable,
)
from jobsync.plan import PlanOptions, build, check
from jobsync.plan.exit_status import not_as_declared
from jobsync.render import FORMATS, RenderOptions
from jobsync.render.plan_json import dumps, loads
from jobsync.structs import replace
from tests.fakes.planworld import ME, World, desired, grants, job, rows
from tests.fakes.planworlds import EITHER

ONE = job("align", {"parameters": {"threads": 2}}, retries=1)
OLD = job("align", {"parameters": {"threads": 1}})


def seen_by_bob(snapshot: Snapshot, unreadable: Iterable[str] = ()) -> Snapshot:
    """*snapshot* as bob has it, to whom ME shows the visible runs in it, and not who sees them."""
    lists = {
        run: Unavailable("401") if run in set(unreadable) else access
        for run, access in snapshot.access.items()
    }
    visible = tuple(run for run in snapshot.runs if run.visible)
    return replace(snapshot, user="bob", owner=ME, runs=visible, access=lists, archived=())


def viewed(world: World, *jobs: DeclaredJob) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, seen_by_bob(world.snapshot(wanted)))


@settings(deadline=None, max_examples=120)
@given(EITHER, st.data())
def test_a_view_decides_nothing(made: tuple[DesiredState, World], data: st.DataObject) -> None:
    wanted, world = made
    snapshot = world.snapshot(wanted)
    dark = st.sets(st.sampled_from(sorted(snapshot.access))) if snapshot.access else st.just(set())
    snapshot = seen_by_bob(snapshot, data.draw(dark))
    plan = build(wanted, snapshot)
    assert all(isinstance(change, OutputChange) and change.run for change in plan.changes)
    assert plan.hazards == () and plan.effective == () and plan.superseded == 0
    assert plan.view is not None and plan.view.owner == ME
    ours = {run.id for run in snapshot.runs if run.owner == ME} | {
        one.pinned for one in wanted.jobs.values()
    }
    for state in plan.states:
        assert state.standing not in (Standing.PENDING, Standing.BLOCKED)
        assert (state.run is None) == (state.standing is Standing.NOT_VISIBLE)
        assert state.run is None or state.run.id in ours
        if state.standing is Standing.NOT_VISIBLE:
            assert state.address in not_as_declared(plan)
    assert dumps(loads(dumps(plan))) == dumps(plan)
    for name, form in FORMATS.items():
        told = form(plan, RenderOptions())
        assert name == "json" or f"only {ME} applies" in told
        assert "to add" not in told and "No changes" not in told
    with pytest.raises(SettingsError, match=f"only {ME} applies"):
        check(plan)


def test_an_apply_of_a_view_is_refused_before_anything_is_asked() -> None:
    plan = viewed(World(), ONE)
    nothing = cast(Any, object())
    with pytest.raises(SettingsError, match=f"only {ME} applies"):
        apply(plan, nothing, nothing, lambda event: None)


@pytest.mark.parametrize(
    ("runs", "standing"),
    [
        ([], Standing.NOT_VISIBLE),
        ([RunState.FINISHED], Standing.CURRENT),
        ([RunState.ACTIVE], Standing.IN_PROGRESS),
        ([RunState.FAILED], Standing.FAILED),
        ([RunState.FAILED, RunState.STOPPED], Standing.STOPPED),
    ],
)
def test_how_a_job_stands_for_a_reader(runs: list[RunState], standing: Standing) -> None:
    world = World()
    for attempt, state in enumerate(runs, 1):
        world.of(ONE, state, attempt=attempt)
    (found,) = viewed(world, ONE).states
    assert found.standing is standing and not found.retriable


def test_an_older_run_is_named_and_stands_for_nothing() -> None:
    world = World()
    old = world.of(OLD)
    (state,) = viewed(world, ONE).states
    assert state.standing is Standing.NOT_VISIBLE and state.run is None
    assert f"run {old.id}, which you can see, is of an older declaration" in state.notes


def test_a_pinned_run_that_is_not_shared_is_no_error() -> None:
    (state,) = viewed(World(), job("theirs", pinned="0007-007")).states
    assert state.standing is Standing.NOT_VISIBLE


def test_permissions_that_cannot_be_listed_are_unknown_and_others_are_compared() -> None:
    world = World()
    same, other, dark = (
        job(name, permissions=grants(bob="READ")) for name in ("same", "other", "dark")
    )
    world.of(same, acl=rows(bob="READ"))
    world.of(other, acl=rows(bob="READ", carol="READ"))
    hidden = world.of(dark)
    wanted = desired(same, other, dark)
    plan = build(wanted, seen_by_bob(world.snapshot(wanted), [hidden.id]))
    assert plan.view is not None
    assert (plan.view.differing, plan.view.unknown) == (("other",), ("dark",))
    assert not_as_declared(plan) == ("dark", "other")
    without = build(
        wanted,
        seen_by_bob(world.snapshot(wanted), [hidden.id]),
        PlanOptions(only=frozenset({"jobs"})),
    )
    assert not_as_declared(without) == ()


@pytest.mark.parametrize(
    "options",
    [
        PlanOptions(prune=True),
        PlanOptions(retry_failed=True),
        PlanOptions(retry=frozenset({"align"})),
        PlanOptions(stop_superseded=True),
    ],
)
def test_what_only_an_apply_needs_is_refused(options: PlanOptions) -> None:
    wanted = desired(ONE)
    with pytest.raises(Usage, match=f"only {ME} changes anything"):
        build(wanted, seen_by_bob(World().snapshot(wanted)), options)
