"""Runs that a person submitted again: told from a double, held to the permissions, never preferred
where they mean something else."""

from __future__ import annotations

from typing import Any

import pytest

from jobsync.model import AccessChange, Action, DeclaredJob, Plan, Run, RunState, Snapshot, Standing
from jobsync.observe import questions
from jobsync.plan import PlanOptions, build
from jobsync.structs import replace
from tests.fakes.planworld import START, World, desired, grants, job

JOB = job("align", {"parameters": {"threads": 2}, "archivePath": "kept"}, permissions=grants())
FINISHED, ACTIVE, FAILED = RunState.FINISHED, RunState.ACTIVE, RunState.FAILED
OTHER = {**JOB.request, "parameters": {"threads": 9}}


def sent(world: World, number: int, nonce: str, state: RunState = FINISHED, **more: Any) -> Run:
    run = replace(world.of(JOB, state, **more), number=number, sent=nonce)
    world.runs[run.id] = run
    return run


def planned(world: World, *jobs: DeclaredJob) -> Plan:
    wanted = desired(*(jobs or (JOB,)))
    return build(wanted, world.snapshot(wanted), PlanOptions())


def test_a_run_that_was_submitted_again_is_no_duplicate() -> None:
    world = World()
    first, again = sent(world, 1, "a"), sent(world, 2, "a")
    plan = planned(world)
    assert plan.duplicates == {} and plan.changes == ()
    assert plan.states[0].run and plan.states[0].run.id == first.id
    (said,) = plan.warnings
    assert said == f"align: run {again.id} is run {first.id}, which a person submitted again"


@pytest.mark.parametrize("nonces", [("a", "b"), ("a", ""), ("", "")])
def test_two_sends_are_a_duplicate(nonces: tuple[str, str]) -> None:
    world = World()
    runs = [sent(world, number, nonce) for number, nonce in enumerate(nonces, 1)]
    plan = planned(world)
    assert plan.duplicates == {"align": tuple(run.id for run in runs)}
    (said,) = plan.warnings
    assert ("hide those" in said) is ("" in nonces)


def test_the_lowest_number_is_ours_whatever_the_clocks_say() -> None:
    world = World()
    again, first = sent(world, 8, "a"), sent(world, 7, "a")
    (said,) = planned(world).warnings
    assert said.startswith(f"align: run {again.id} is run {first.id}")


@pytest.mark.parametrize("state", [FINISHED, ACTIVE])
def test_one_that_means_the_same_counts_where_ours_has_failed(state: RunState) -> None:
    world = World()
    sent(world, 1, "a", FAILED)
    again = sent(world, 2, "a", state)
    (found,) = planned(world).states
    assert found.run and found.run.id == again.id
    assert found.standing is (Standing.CURRENT if state is FINISHED else Standing.IN_PROGRESS)


def test_one_that_means_something_else_never_counts() -> None:
    world = World()
    sent(world, 1, "a", FAILED)
    again = sent(world, 2, "a", request=OTHER)
    plan = planned(world)
    (found,) = plan.states
    assert found.standing is Standing.FAILED
    (said,) = plan.warnings
    assert again.id in said and "another request" in said


def test_all_of_them_are_held_to_the_permissions() -> None:
    world = World()
    sent(world, 1, "a")
    for number, request in ((2, JOB.request), (3, OTHER)):
        again = sent(world, number, "a", request=request)
        world.acl[again.id] = dict(grants_of("bob"))
    changes = [c for c in planned(world).changes if isinstance(c, AccessChange)]
    assert len(changes) == 2 and all(c.action is not Action.CREATE for c in changes)


def grants_of(*users: str) -> dict[str, Any]:
    return {user: grant.access for user, grant in grants(**dict.fromkeys(users, "READ")).items()}


def test_their_records_are_asked_for() -> None:
    """Only a request tells whether one means the same."""
    world = World()
    runs = [sent(world, number, "a") for number in (1, 2)]
    wanted = desired(JOB)
    seen: Snapshot = world.snapshot(wanted)
    rows = tuple(replace(run, request=None) for run in seen.runs)
    known = questions.known(wanted, replace(seen, runs=rows))
    assert questions.records(known) == sorted(run.id for run in runs)
    assert questions.records(questions.known(wanted, seen)) == []


@pytest.mark.parametrize("nonce", ["a", "b"])
def test_the_oldest_is_the_one_with_the_lowest_number(nonce: str) -> None:
    """Times come from the clocks of several machines, or cannot be read (tapis-v3 §16)."""
    world = World()
    late, early = sent(world, 8, nonce), sent(world, 7, "a")
    for run, created in ((late, START), (early, None)):
        world.runs[run.id] = replace(world.runs[run.id], created=created)
    (state,) = planned(world).states
    assert state.run and state.run.id == early.id
