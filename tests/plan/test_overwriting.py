"""A run whose archive folder a later run has archived to is not current: whose files are there?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jobsync.model import Plan, RunState, Standing
from jobsync.plan import PlanOptions, build
from jobsync.structs import replace
from tests.fakes.planworld import START, Older, World, desired, id_of, job

FOLDER = {"archivePath": "study/results", "archiveSystem": "data"}
ONE = job("one", {**FOLDER, "parameters": {"n": 1}})
TWO = job("two", {**FOLDER, "archivePath": "study//results/", "parameters": {"n": 2}})


def planned(world: World, *, after: int, allow: frozenset[str] = frozenset()) -> Plan:
    """The plan for ONE, whose run was made *after* minutes before the newest one."""
    wanted = desired(ONE)
    seen = world.snapshot(wanted)
    last = len(seen.archived) - 1
    moved = [
        replace(one, run=replace(one.run, created=START + timedelta(minutes=after * (i == last))))
        for i, one in enumerate(seen.archived)
    ]
    return build(wanted, replace(seen, archived=tuple(moved)), PlanOptions(allow=allow))


@pytest.mark.parametrize(
    ("after", "standing"),
    [(1, Standing.INCOMPLETE), (0, Standing.INCOMPLETE), (-1, Standing.CURRENT)],
)
def test_a_run_as_old_may_be_later(after: int, standing: Standing) -> None:
    world = World()
    world.of(ONE)
    world.of(TWO)
    assert [state.standing for state in planned(world, after=after).states] == [standing]


@pytest.mark.parametrize(
    ("ended", "state", "standing"),
    [
        (31, RunState.FINISHED, Standing.INCOMPLETE),
        (30, RunState.FINISHED, Standing.INCOMPLETE),
        (29, RunState.FINISHED, Standing.CURRENT),
        (31, RunState.FAILED, Standing.INCOMPLETE),
        (None, RunState.FINISHED, Standing.CURRENT),
        (None, RunState.ACTIVE, Standing.INCOMPLETE),
    ],
)
def test_a_run_that_began_earlier_may_have_archived_later(
    ended: int | None, state: RunState, standing: Standing
) -> None:
    world = World()
    mine = world.of(ONE)
    world.of(TWO)
    wanted = desired(ONE)
    seen = world.snapshot(wanted)

    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else START + timedelta(minutes=minutes)

    moved = [
        replace(one, run=replace(one.run, created=at(1), ended=at(30)))
        if one.run.id == mine.id
        else replace(one, run=replace(one.run, created=START, ended=at(ended), state=state))
        for one in seen.archived
    ]
    plan = build(wanted, replace(seen, archived=tuple(moved)), PlanOptions())
    assert [state.standing for state in plan.states] == [standing]


def test_whoever_accepts_the_hazard_is_told_and_takes_the_files() -> None:
    world = World()
    world.of(ONE)
    other = world.of(TWO)
    (state,) = planned(world, after=1, allow=frozenset({"overwrite-archive"})).states
    assert state.standing is Standing.CURRENT
    assert any(other.id in note for note in state.notes)


def test_runs_of_the_same_meaning_write_the_same_files_again() -> None:
    world = World()
    world.of(ONE)
    world.of(ONE, attempt=2)
    assert [state.standing for state in planned(world, after=1).states] == [Standing.CURRENT]
    world = World()
    world.of(ONE)
    world.add(f"other.elsewhere.{ONE.fingerprint}", request=ONE.request)
    assert [state.standing for state in planned(world, after=1).states] == [Standing.CURRENT]


def test_so_does_a_run_of_the_same_job_with_its_older_fingerprint() -> None:
    older = replace(ONE, earlier=Older(("aqwertyuio",)))
    world = World()
    first = world.of(older)
    world.of(older, mark="aqwertyuio")
    wanted = desired(older)
    (state,) = build(wanted, world.snapshot(wanted), PlanOptions()).states
    assert state.run is not None
    assert (state.standing, id_of(state.run)) == (Standing.CURRENT, first.id)
