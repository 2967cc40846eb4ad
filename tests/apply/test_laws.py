"""Laws of an apply over any graph of jobs and any faults: once, in order, and on to the end."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.apply import NotSubmitted, open_submits, resolve_submits
from jobsync.errors import (
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Throttled,
    Unreachable,
    Unreadable,
)
from jobsync.model import Change, JobChange, Plan, Result, RunState
from jobsync.platform import Platform
from tests.apply.plans import BOTH, World, name


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Jobs ``a`` to ``f``, each needing some of those before it."""
    letters = "abcdef"[: draw(st.integers(1, 6))]
    return {
        letter: tuple(draw(st.sets(st.sampled_from(letters[:place]), max_size=2))) if place else ()
        for place, letter in enumerate(letters)
    }


def after(error: Exception) -> Any:
    def fault(do: Any) -> Any:
        do()
        raise error

    return fault


def before(error: Exception) -> Any:
    def fault(do: Any) -> Any:
        raise error

    return fault


def fine(do: Any) -> Any:
    return do()


POSTS = [
    fine,
    before(SubmitNotSent("refused")),
    before(SubmitRejected("no", status=403)),
    before(SubmitAmbiguous("lost")),
    after(SubmitAmbiguous("answer lost")),
]
CALLS = [
    fine,
    before(Unreachable("reset")),
    after(Unreachable("reset")),
    before(Unreadable("html")),
    before(Throttled("429", status=429)),
]
SCRIPTS = st.fixed_dictionaries(
    {
        "submit": st.lists(st.sampled_from(POSTS), max_size=4),
        **{
            verb: st.lists(st.sampled_from(CALLS), max_size=4)
            for verb in ("runs", "runs_named", "run", "access", "grant")
        },
    }
)


def what_is_missing(world: World, graph: dict[str, tuple[str, ...]]) -> Plan:
    """What a planner would plan: submit what is not there, grant what is not granted."""
    from jobsync.model import AddressState, RunRef, Standing

    changes: list[Change] = []
    states = []
    for address, needs in graph.items():
        jobs = [job for job in world.service.named(name(address)) if job.visible]
        if not jobs:
            changes += [world.create(address, *needs), world.grants(address, None, {}, bob="READ")]
            continue
        [job] = jobs
        ref = RunRef(job.id, job.name, job.status(world.clock.time))
        ended = ref.status == "FINISHED"
        standing = Standing.CURRENT if ended else Standing.IN_PROGRESS
        states.append(AddressState(address, standing, ref))
        if not job.grants:
            changes.append(world.grants(address, ref, {}, bob="READ"))
    return world.plan(*changes, states=tuple(states))


@pytest.mark.parametrize("platform", BOTH, ids=lambda one: one.name)
@settings(deadline=None, max_examples=120)
@given(graph=graphs(), scripts=st.lists(SCRIPTS, max_size=3), wait=st.booleans())
def test_at_most_once_in_order_and_on_to_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    platform: Platform,
    graph: dict[str, tuple[str, ...]],
    scripts: list[dict[str, list[Any]]],
    wait: bool,
) -> None:
    world = World(tmp_path_factory.mktemp("state"), platform)
    sent_early: list[str] = []

    def watch() -> None:
        """Nothing is submitted before what it needs has finished."""
        for job in list(world.service.jobs.values()):
            for need in graph[job.name.split(".")[1]]:
                [upstream] = world.service.named(name(need))
                done = upstream.born + upstream.life[-1][0]
                if job.born < done:
                    sent_early.append(f"{job.name} before {need}")

    for script in scripts:
        world.service.script.update({verb: list(faults) for verb, faults in script.items()})
        the_plan = what_is_missing(world, graph)
        outcomes = world.apply(the_plan, wait=300.0 if wait else None, patience=20.0)
        for outcome in outcomes:
            if outcome.kind == "job" and outcome.result is Result.DONE:
                assert outcome.run_id in world.service.jobs, "success without a job"
        planned = {(c.address, type(c).__name__) for c in the_plan.changes}
        told = {(o.address, o.kind) for o in outcomes}
        for address, kind in planned:
            assert (address, {"JobChange": "job", "AccessChange": "permission"}[kind]) in told
        world.clock.sleep(10.0)
    world.service.script.clear()
    for _ in range(3):
        for entry in open_submits(world.folder, world.binding):
            if not world.service.named(entry.name):
                resolve_submits(
                    entry.name,
                    NotSubmitted(),
                    world.backend,
                    world.folder,
                    world.binding,
                    world.clock,
                )
        world.apply(what_is_missing(world, graph), wait=math.inf)
        world.clock.sleep(10.0)
    watch()
    assert sent_early == []
    for address in graph:
        [job] = world.service.named(name(address))
        assert job.status(world.clock.time) == "FINISHED"
        assert list(job.grants) == ["bob"]
    assert not what_is_missing(world, graph).changes


@pytest.mark.parametrize("platform", BOTH, ids=lambda one: one.name)
@settings(deadline=None, max_examples=60)
@given(graph=graphs(), failing=st.sets(st.sampled_from("abcdef")))
def test_what_depends_on_a_failure_is_left_and_everything_else_is_done(
    tmp_path_factory: pytest.TempPathFactory,
    platform: Platform,
    graph: dict[str, tuple[str, ...]],
    failing: set[str],
) -> None:
    world = World(tmp_path_factory.mktemp("state"), platform)
    for letter in failing:
        world.service.fates[name(letter)] = ((1, "FAILED"),)

    def doomed(address: str) -> bool:
        return any(need in failing or doomed(need) for need in graph[address])

    the_plan = world.plan(*(world.create(address, *needs) for address, needs in graph.items()))
    outcomes = world.apply(the_plan, wait=math.inf)
    jobs = {o.address: o.result for o in outcomes if o.kind == "job"}
    for address in graph:
        assert jobs[address] is (Result.SKIPPED if doomed(address) else Result.DONE)
        assert len(world.service.named(name(address))) == (0 if doomed(address) else 1)
    assert all(isinstance(change, JobChange) for change in the_plan.changes)
    ended = {run.name: run.state for run in world.backend.runs(lambda run: True)}
    for address in graph:
        if not doomed(address):
            wanted = RunState.FAILED if address in failing else RunState.FINISHED
            assert ended[name(address)] is wanted
