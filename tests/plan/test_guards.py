"""Every hazard of product §6: below its limit, above it, and accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jobsync.errors import Blocked, ExitCode
from jobsync.model import (
    Access,
    AccessChange,
    DeclaredJob,
    Grant,
    Guards,
    JobChange,
    Plan,
    RunState,
)
from jobsync.model.hazards import HAZARDS
from jobsync.plan import PlanOptions, build, check
from jobsync.plan.access_guards import self_lockout
from jobsync.plan.guard_context import Case
from jobsync.plan.guards import GUARDS, NO_JOURNAL
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, job, rows

LONG = {"maxRunTime": "10:00:00", "nodeCount": 1}


def planned(world: World, *jobs: DeclaredJob, guards: Guards | None = None, **options: Any) -> Plan:
    wanted = desired(*jobs, guards=guards)
    return build(wanted, world.snapshot(wanted), PlanOptions(**options))


def names(plan: Plan) -> list[str]:
    return [hazard.name for hazard in plan.hazards]


def many(**levels: str) -> dict[str, Grant]:
    return {user: Grant(LEVELS[level]) for user, level in levels.items()}


def with_acl(declared: Mapping[str, Grant], image: Mapping[str, Access]) -> Plan:
    wanted = job("align", permissions=declared)
    world = World()
    world.of(wanted, acl=image)
    return planned(world, wanted)


def crowd(count: int) -> dict[str, Access]:
    return {f"user{number:02d}": LEVELS["READ"] for number in range(count)}


def keep(image: Mapping[str, Access], count: int) -> dict[str, Grant]:
    return {user: Grant(access) for user, access in list(image.items())[:count]}


def test_every_guard_has_a_name_that_can_be_accepted() -> None:
    assert len(GUARDS) == len(HAZARDS - {NO_JOURNAL})


@pytest.mark.parametrize(
    ("declared", "image", "expected"),
    [
        (grants(world="READ"), {}, ["public-access"]),
        (grants(world="ALL"), rows(world="READ"), ["public-access"]),
        (grants(world="READ"), rows(world="ALL"), []),
        (grants(), rows(world="READ"), []),
        (grants(world="NONE"), {}, []),
    ],
)
def test_public_access(declared: Any, image: Any, expected: list[str] | list[Any]) -> None:
    assert names(with_acl(declared, image)) == expected


@pytest.mark.parametrize(
    ("held", "kept", "expected"),
    [
        (9, 4, []),
        (9, 3, ["mass-revoke"]),
        (10, 7, []),
        (10, 6, ["mass-revoke"]),
        (6, 1, []),
        (6, 0, ["mass-revoke"]),
    ],
)
def test_mass_revoke(held: int, kept: int, expected: list[Any] | list[str]) -> None:
    image = crowd(held)
    assert names(with_acl(keep(image, kept), image)) == expected


def test_mass_revoke_counts_a_person_once_over_many_runs() -> None:
    jobs = [job(f"job{number}", permissions={}) for number in range(9)]
    world = World()
    for one in jobs:
        world.of(one, acl=rows(bob="READ"))
    assert names(planned(world, *jobs)) == []


def test_self_lockout_only_of_what_somebody_else_owns() -> None:
    world = World()
    mine = world.add("by hand")
    theirs = world.add("by hand", owner="olga", acl=rows(alice="READ_WRITE"))
    own = replace(job("own", permissions={}), pinned=mine.id)
    shared = replace(job("shared", permissions={}), pinned=theirs.id)
    plan = planned(world, own, shared)
    assert [(h.name, h.addresses) for h in plan.hazards] == [("self-lockout", ("shared",))]


def test_self_lockout_looks_at_every_step() -> None:
    """Also at a moment in between, whatever is given back to me in the end."""
    narrowing = many(alice="READ_WRITE")
    world = World()
    theirs = world.add("by hand", owner="olga", acl=rows(world="READ_WRITE"))
    plan = planned(world, replace(job("shared", permissions=narrowing), pinned=theirs.id))
    (change,) = plan.changes
    assert isinstance(change, AccessChange)
    assert ([grant.user for grant in change.grants], names(plan)) == (["alice", "world"], [])
    late = replace(change, grants=tuple(reversed(change.grants)))
    case = Case(desired(), world.snapshot(desired()), {}, (), (late,))
    assert self_lockout(case) is not None
    assert self_lockout(replace(case, access=(replace(late, owner="alice"),))) is None


@pytest.mark.parametrize(
    ("state", "expected"),
    [(RunState.FINISHED, ["delete-jobs"]), (RunState.ACTIVE, ["delete-jobs", "stop-running"])],
)
def test_delete_and_stop(state: RunState, expected: list[str]) -> None:
    world = World()
    world.add("phylo.gone.abcdefghij", state)
    assert names(planned(world, job("align"), prune=True)) == expected
    assert names(planned(world, job("align"))) == []


def test_stop_superseded_is_a_hazard() -> None:
    world = World()
    world.of(job("align"), RunState.ACTIVE)
    new = job("align", {"parameters": {"n": 1}})
    assert names(planned(world, new, stop_superseded=True)) == ["stop-running"]


def test_mass_submit() -> None:
    jobs = [job(f"job{number}") for number in range(101)]
    assert names(planned(World(), *jobs)) == ["mass-submit"]
    assert names(planned(World(), *jobs[:100])) == []


@pytest.mark.parametrize(
    ("request_", "limit", "expected"),
    [
        (LONG, None, []),
        (LONG, 10.0, []),
        (LONG, 9.9, ["over-budget"]),
        ({}, 1000.0, ["over-budget"]),
        ({}, None, []),
    ],
)
def test_over_budget_and_an_unknown_run_time_counts_as_over(
    request_: Any, limit: float | None, expected: list[Any] | list[str]
) -> None:
    guards = Guards(max_node_hours=limit)
    assert names(planned(World(), job("align", request_), guards=guards)) == expected


@pytest.mark.parametrize(("retries", "expected"), [(3, []), (4, ["over-budget"])])
def test_declared_retries_count_towards_the_budget(
    retries: int, expected: list[Any] | list[str]
) -> None:
    guards = Guards(max_node_hours=40.0)  # LONG takes 10 for each attempt
    plan = planned(World(), job("align", LONG, retries=retries), guards=guards)
    assert names(plan) == expected
    assert [h.actual for h in plan.hazards] == ["50.0"] * len(expected)


def test_a_retry_counts_only_the_attempts_that_are_left() -> None:
    wanted = job("align", LONG, retries=3)
    world = World()
    world.of(wanted, RunState.FAILED)
    world.of(wanted, RunState.FAILED, attempt=2)
    (change,) = planned(world, wanted).changes
    assert isinstance(change, JobChange)
    assert (change.attempt, change.node_hours) == (3, 20.0)
    used_up = replace(wanted, retries=0)
    (change,) = planned(world, used_up, retry=frozenset({"align"})).changes
    assert isinstance(change, JobChange)
    assert (change.attempt, change.node_hours) == (3, 10.0)


@pytest.mark.parametrize("retries", [0, 2])
def test_rerun_finished_counts_an_unknown_run_time_as_over(retries: int) -> None:
    world = World()
    world.of(job("align"))
    again = job("align", {"parameters": {"n": 1}}, retries=retries)
    (hazard,) = planned(world, again).hazards
    assert (hazard.name, hazard.actual) == ("rerun-finished", "unknown for 1 run")


def test_rerun_finished_counts_declared_retries() -> None:
    world = World()
    world.of(job("align"))
    again = job("align", {**LONG, "nodeCount": 4, "parameters": {"n": 1}}, retries=2)
    assert names(planned(world, again)) == ["rerun-finished"]


@pytest.mark.parametrize(("nodes", "expected"), [(10, []), (11, ["rerun-finished"])])
def test_rerun_finished(nodes: int, expected: list[Any] | list[str]) -> None:
    world = World()
    world.of(job("align"))
    again = job("align", {**LONG, "nodeCount": nodes, "parameters": {"n": 1}})
    assert names(planned(world, again)) == expected
    assert names(planned(World(), again)) == []


def test_overwrite_archive() -> None:
    path = {**LONG, "archivePath": "results/align"}
    world = World()
    world.of(job("align", path))
    new = job("align", {**path, "parameters": {"n": 1}})
    assert names(planned(world, new)) == ["overwrite-archive"]
    moved = job("align", {**LONG, "archivePath": "results/other", "parameters": {"n": 1}})
    assert names(planned(world, moved)) == []
    off = job("align", {**path, "archive": False})
    assert names(planned(world, off)) == []
    retried = job("align", path, retries=1)
    world = World()
    world.of(retried, RunState.FAILED)
    assert names(planned(world, retried)) == ["overwrite-archive"]


def test_empty() -> None:
    assert names(planned(World())) == ["empty"]


def test_acceptance_by_flag_key_or_at_apply() -> None:
    world = World()
    world.add("phylo.gone.abcdefghij")
    plan = planned(world, job("align"), prune=True)
    (hazard,) = plan.hazards
    assert (hazard.accepted, hazard.accept) == (False, "--allow delete-jobs")
    assert (hazard.limit, hazard.actual) == ("none", "1")
    with pytest.raises(Blocked, match="delete-jobs: hides 1 job") as caught:
        check(plan, frozenset())
    assert caught.value.exit_code is ExitCode.BLOCKED
    assert caught.value.hint == "accept with --allow delete-jobs"
    check(plan, frozenset({"delete-jobs"}))
    flagged = planned(world, job("align"), prune=True, allow=frozenset({"delete-jobs"}))
    assert flagged.hazards[0].accepted
    keyed = planned(
        world, job("align"), prune=True, guards=Guards(allow=frozenset({"delete-jobs"}))
    )
    check(keyed, frozenset())
