"""The laws of a plan, over generated worlds."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobsync.model import (
    NO_ACCESS,
    SUBMITS,
    AccessChange,
    Action,
    DesiredState,
    JobChange,
    OutputChange,
    OutputRef,
    Plan,
    RunState,
    Snapshot,
)
from jobsync.permission_model import effective
from jobsync.plan import PlanOptions, build, reviewed
from jobsync.plan.history import former_names
from jobsync.platforms.agave.permissions import READ
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.run_names import read_mark
from jobsync.platforms.tapis.permissions import HISTORY, OUTPUT
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.render import plan_json
from jobsync.structs import replace
from tests.fakes.planworld import ME, PROJECT, World, desired, id_of, job, rule
from tests.fakes.planworlds import EITHER

OPTIONS = st.builds(
    PlanOptions,
    prune=st.booleans(),
    stop_superseded=st.booleans(),
    only=st.sampled_from(
        [frozenset(), frozenset(), frozenset({"jobs"}), frozenset({"permissions", "outputs"})]
    ),
)
LAW = settings(deadline=None, max_examples=200)
OPENS = {AGAVE.name: frozenset({"read", "write"}), TAPIS.name: frozenset({HISTORY, OUTPUT})}
"""What of an access lets somebody see or change something."""


def _a_run_that_is_waited_for_misses_something() -> tuple[DesiredState, World]:
    """So a hidden one, of which nothing is known, is restored once the visible one has ended."""
    up = job("up", outputs=(rule("gone.txt"),))
    down = job("down", {"inputs": {"x": OutputRef("up", "gone.txt")}}, among={"up": up})
    world = World()
    world.of(up, RunState.ACTIVE)
    world.of(up, RunState.FINISHED, visible=False)
    return desired(up, down), world


def _two_hidden_runs_that_may_miss_something() -> tuple[DesiredState, World]:
    one = job("one", expect=("missing",))
    world = World()
    for _ in range(2):
        world.of(one, RunState.FINISHED, visible=False)
    return desired(one, job("other")), world


@LAW
@given(EITHER, OPTIONS)
@example(_a_run_that_is_waited_for_misses_something(), PlanOptions())
@example(_two_hidden_runs_that_may_miss_something(), PlanOptions())
def test_closure_applied_twice_is_applied_once(
    made: tuple[DesiredState, World], options: PlanOptions
) -> None:
    wanted, world = made
    before = dict(world.runs)
    plan = build(wanted, world.snapshot(wanted), options)
    world.apply(_through_a_file(plan, wanted, world.snapshot(wanted)))
    ended = [
        run_id
        for run_id, run in before.items()
        if run.state is RunState.ACTIVE and world.runs[run_id].state is RunState.FINISHED
    ]
    if ended:  # the world has moved by itself: what that means is planned once more
        world.apply(build(wanted, world.snapshot(wanted), options))
    again = build(wanted, world.snapshot(wanted), options)
    # What a hidden run misses is known once it is restored: then the next one is tried, or what
    # there is of those that miss something is fetched.
    hidden = sum(not run.visible for run in before.values())
    while hidden and again.changes:
        world.apply(again)
        again = build(wanted, world.snapshot(wanted), options)
        hidden -= 1
    assert again.changes == ()


def _through_a_file(plan: Plan, wanted: DesiredState, snapshot: Snapshot) -> Plan:
    """What an apply of the saved *plan* carries out, where nothing has moved."""
    saved = plan_json.loads(plan_json.dumps(plan))
    fresh = build(wanted, snapshot, saved.options)
    part, stale = reviewed(saved, fresh, wanted, snapshot, frozenset())
    assert not stale
    return part


def renamed(wanted: DesiredState) -> DesiredState:
    """The same set, in which every job has another address and says what it was called."""
    moved = {a: f"new-{a}" for a, one in wanted.jobs.items() if one.pinned is None}

    def value(old: object) -> object:
        if isinstance(old, OutputRef):
            return OutputRef(moved.get(old.address, old.address), old.path)
        if isinstance(old, list):
            return [value(v) for v in old]
        return {k: value(v) for k, v in old.items()} if isinstance(old, dict) else old

    jobs = [
        replace(
            one,
            address=address,
            name=f"{PROJECT}.{address}.{one.fingerprint}",
            request=value(dict(one.request)),
            needs=tuple(sorted(moved.get(need, need) for need in one.needs)),
            upstream=tuple(sorted(moved.get(up, up) for up in one.upstream)),
            formerly=(one.address, *one.formerly) if address != one.address else one.formerly,
        )
        for one in wanted.jobs.values()
        for address in [moved.get(one.address, one.address)]
    ]
    return desired(*jobs, guards=wanted.guards, platform=wanted.platform)


@LAW
@given(EITHER, OPTIONS)
def test_a_rename_of_everything_changes_nothing(
    made: tuple[DesiredState, World], options: PlanOptions
) -> None:
    """Jobs, permissions and outputs alike; only that the next submits go out under new names."""

    def said(wanted: DesiredState) -> object:
        plan = build(wanted, world.snapshot(wanted), options)
        changes = [
            (
                type(change).__name__,
                change.address.removeprefix("new-"),
                change.action,
                (change.before or None) if isinstance(change, JobChange) else change.run,
                change.attempt if isinstance(change, JobChange) else 0,
                change.grants if isinstance(change, AccessChange) else (),
                change.files if isinstance(change, OutputChange) else (),
            )
            for change in plan.changes
        ]
        states = [
            (state.address.removeprefix("new-"), state.standing, state.run, state.problems)
            for state in plan.states
        ]
        return sorted(changes, key=repr), sorted(states, key=repr), plan.undeclared

    wanted, world = made
    assert said(renamed(wanted)) == said(wanted)


def _moved_from_another_project() -> tuple[DesiredState, World]:
    """A former run of report has the address that another job, without permissions, has now."""
    world = World()
    world.add("other.align.abcdefghij.r3", RunState.FINISHED, acl={"bob": READ})
    report = job("report", permissions={}, formerly=("other/align",))
    return desired(job("align"), report), world


@LAW
@given(EITHER, OPTIONS)
@example(_moved_from_another_project(), PlanOptions())
def test_frame_what_is_not_stated_does_not_change(made: Any, options: PlanOptions) -> None:
    wanted, world = made
    before = copy.deepcopy(world)
    plan = build(wanted, world.snapshot(wanted), options)
    world.apply(plan)
    declared = {(PROJECT, job.address): job for job in wanted.jobs.values()}
    former = {key: job for job in wanted.jobs.values() for key in former_names(PROJECT, job)}
    pinned = {job.pinned for job in wanted.jobs.values()}
    for run_id, run in before.runs.items():
        name = read_mark(run.name)
        if (run.owner != ME or name is None) and run_id not in pinned:
            assert world.runs[run_id] == run
            assert world.acl[run_id] == before.acl[run_id]
        elif run.owner == ME and name is not None:
            owner = {**former, **declared}.get((name.project, name.address))
            if owner is None or owner.permissions is None:
                assert world.acl[run_id] == before.acl[run_id]
        if not options.prune:
            assert world.runs[run_id].visible >= run.visible


@LAW
@given(EITHER, OPTIONS)
def test_ownership_nobody_elses_run_is_touched(made: Any, options: PlanOptions) -> None:
    wanted, world = made
    plan = build(wanted, world.snapshot(wanted), options)
    pins = {job.pinned for job in wanted.jobs.values()}
    for change in plan.changes:
        run = change.before if isinstance(change, JobChange) else change.run
        if run is None:
            continue
        assert world.runs[run.id].owner == ME or run.id in pins
        if run.id in pins:
            assert isinstance(change, (AccessChange, OutputChange))


@LAW
@given(EITHER, OPTIONS)
def test_access_is_only_given_where_declared_and_old_runs_only_lose(
    made: Any, options: PlanOptions
) -> None:
    wanted, world = made
    plan = build(wanted, world.snapshot(wanted), options)
    held, opens = {"current", "in_progress", "incomplete"}, OPENS[wanted.platform.name]
    current = {id_of(s.run) for s in plan.states if s.run and str(s.standing) in held}
    current |= {job.pinned for job in wanted.jobs.values() if job.pinned}
    for change in plan.changes:
        if not isinstance(change, AccessChange):
            continue
        declared = wanted.jobs[change.address].permissions
        assert declared is not None
        owner = world.runs[id_of(change.run)].owner if change.run else ME
        for grant in change.grants:
            assert grant.user.lower() != owner
            if grant.after != NO_ACCESS:
                names = {world.folded(user): allowed.access for user, allowed in declared.items()}
                allowed = names.get(world.folded(grant.user), NO_ACCESS)
                assert grant.after.gives & opens <= allowed.gives
            if change.run and change.image is not None and id_of(change.run) not in current:
                assert grant.after.gives & opens <= grant.before.gives


@LAW
@given(EITHER, OPTIONS)
def test_effective_access_is_what_the_service_would_answer(made: Any, options: PlanOptions) -> None:
    wanted, world = made
    plan = build(wanted, world.snapshot(wanted), options)
    before = {
        row: effective(
            wanted.platform.permissions,
            world.acl[row.run_id],
            world.runs[row.run_id].owner,
            row.user,
        )
        for row in plan.effective
        if row.run_id and world.runs[row.run_id].visible
    }
    world.apply(plan)
    for row, was in before.items():
        now = effective(
            wanted.platform.permissions,
            world.acl[row.run_id],
            world.runs[row.run_id].owner,
            row.user,
        )
        assert (row.before, row.after) == (was, now)


@LAW
@given(EITHER, OPTIONS, st.randoms(use_true_random=False))
def test_order_of_the_input_does_not_matter(
    made: Any, options: PlanOptions, chance: random.Random
) -> None:
    wanted, world = made
    snapshot = world.snapshot(wanted)
    plan = build(wanted, snapshot, options)
    again = build(_shuffled_state(wanted, chance), _shuffled(snapshot, chance), options)
    assert plan_json.dumps(plan) == plan_json.dumps(again)


@LAW
@given(EITHER, OPTIONS)
def test_a_saved_plan_is_the_plan(made: Any, options: PlanOptions) -> None:
    wanted, world = made
    snapshot = world.snapshot(wanted)
    plan = build(wanted, snapshot, options)
    text = plan_json.dumps(plan)
    loaded = plan_json.loads(text)
    assert loaded == replace(plan, root="", outputs_root="", basis={}, gates={})
    assert plan_json.dumps(loaded) == text
    assert _through_a_file(plan, wanted, snapshot) == plan


@LAW
@given(EITHER)
def test_once_no_name_is_submitted_that_exists_and_no_two_alike(made: Any) -> None:
    wanted, world = made
    plan = build(wanted, world.snapshot(wanted))
    names = [c.name for c in plan.changes if isinstance(c, JobChange) and c.action in SUBMITS]
    assert len(names) == len(set(names))
    assert not set(names) & {run.name for run in world.runs.values() if run.owner == ME}
    for change in plan.changes:
        if isinstance(change, JobChange) and change.action is Action.RETRY:
            assert change.before is not None
            assert world.runs[id_of(change.before)].state is RunState.FAILED


def _shuffled_state(wanted: DesiredState, chance: random.Random) -> DesiredState:
    jobs = list(wanted.jobs.items())
    chance.shuffle(jobs)
    return replace(wanted, jobs=dict(jobs))


def _shuffled(snapshot: Snapshot, chance: random.Random) -> Snapshot:
    runs, foreign = list(snapshot.runs), list(snapshot.foreign)
    chance.shuffle(runs)
    chance.shuffle(foreign)
    access = list(snapshot.access.items())
    chance.shuffle(access)
    return replace(snapshot, runs=tuple(runs), foreign=tuple(foreign), access=dict(access))


def test_an_empty_plan_means_nothing_to_do_and_nothing_else() -> None:
    assert Plan("agave/v2", "p", "local", "u", ME, "d", "/", "/").changes == ()
