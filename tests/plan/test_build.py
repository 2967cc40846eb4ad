"""The decision table of product §3, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from jobsync.errors import PlanError
from jobsync.model import (
    NO_ACCESS,
    AccessChange,
    Action,
    DeclaredJob,
    JobChange,
    OutputChange,
    OutputRef,
    Plan,
    Reason,
    RunState,
    Standing,
)
from jobsync.plan import PlanOptions, build
from jobsync.platforms.agave.permissions import READ
from tests.fakes.planworld import ME, World, all_of, desired, grants, id_of, job, rows, rule

ALIGN = job("align", {"parameters": {"threads": 2}})


def only_job(plan: Plan) -> JobChange:
    (change,) = [change for change in plan.changes if isinstance(change, JobChange)]
    return change


def plan_of(world: World, *jobs: DeclaredJob, **options: Any) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, world.snapshot(wanted), PlanOptions(**options))


def test_nothing_there_creates() -> None:
    change = only_job(plan_of(World(), ALIGN))
    assert (change.action, change.name, change.attempt) == (Action.CREATE, ALIGN.name, 1)
    assert change.request == ALIGN.request


@pytest.mark.parametrize(
    ("state", "standing"),
    [(RunState.FINISHED, Standing.CURRENT), (RunState.ACTIVE, Standing.IN_PROGRESS)],
)
def test_a_live_run_is_left_alone(state: RunState, standing: Standing) -> None:
    world = World()
    run = world.of(ALIGN, state)
    plan = plan_of(world, ALIGN)
    assert plan.changes == ()
    assert [(s.standing, id_of(s.run)) for s in plan.states] == [(standing, run.id)]


def test_an_older_fingerprint_is_replaced_and_says_why() -> None:
    world = World()
    old = world.of(job("align", {"parameters": {"threads": 1}}))
    change = only_job(plan_of(world, ALIGN))
    assert (change.action, change.reason) == (Action.REPLACE, Reason.FIELDS_CHANGED)
    assert change.before is not None and id_of(change.before) == old.id
    assert [(f.path, f.before, f.after) for f in change.fields] == [("parameters.threads", 1, 2)]


def test_a_failed_run_is_retried_while_retries_are_left() -> None:
    wanted = job("align", retries=1)
    world = World()
    world.of(wanted, RunState.FAILED)
    change = only_job(plan_of(world, wanted))
    assert (change.action, change.attempt) == (Action.RETRY, 2)
    assert change.name == f"{wanted.name}.r2"
    world.of(wanted, RunState.FAILED, attempt=2)
    plan = plan_of(world, wanted)
    assert plan.changes == ()
    assert plan.states[0].standing is Standing.FAILED


def test_a_name_that_was_not_asked_for_is_never_created() -> None:
    wanted = desired(ALIGN)
    snapshot = World().snapshot()
    with pytest.raises(PlanError, match="was not asked whether"):
        build(wanted, snapshot)


def test_the_current_run_gets_grants_and_an_old_one_is_only_reduced() -> None:
    wanted = job("align", {"parameters": {"threads": 2}}, permissions=grants(bob="READ"))
    world = World()
    old = world.of(job("align"), acl=rows(bob="READ_WRITE", carol="READ"))
    new = world.of(wanted, acl={})
    plan = plan_of(world, wanted)
    by_run = {
        id_of(c.run): {g.user: g.after for g in c.grants}
        for c in all_of(AccessChange, plan.changes)
    }
    read, none = READ, NO_ACCESS
    assert by_run == {old.id: {"bob": read, "carol": none}, new.id: {"bob": read}}
    assert all(isinstance(change, AccessChange) for change in plan.changes)


def test_outputs_not_in_the_lock_are_fetched() -> None:
    wanted = job("align", outputs=(rule(),))
    world = World()
    run = world.of(wanted)
    plan = plan_of(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert [(file.path, file.to) for file in change.files or ()] == [("out.txt", "results/out.txt")]
    assert id_of(change.run) == run.id
    world.apply(plan)
    assert plan_of(world, wanted).changes == ()


def test_a_job_waits_for_what_it_takes_outputs_from() -> None:
    up = job("align")
    down = job(
        "tree", {"inputs": {"alignment": OutputRef("align", "out.txt")}}, among={"align": up}
    )
    world = World()
    plan = plan_of(world, up, down)
    assert [change.address for change in plan.changes] == ["align", "tree"]
    world.apply(plan)
    assert plan_of(world, up, down).changes == ()
    assert all(run.owner == ME for run in world.runs.values())
