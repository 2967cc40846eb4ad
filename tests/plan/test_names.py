"""The names of a job: every row of the table looks at all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobsync.model import (
    Action,
    AppFolder,
    DeclaredJob,
    FetchedFile,
    Guards,
    JobChange,
    OutputRef,
    Plan,
    Presence,
    Reason,
    Run,
    RunState,
    Standing,
)
from jobsync.plan import PlanOptions, build
from jobsync.plan.history import histories, names_of
from jobsync.plan.plan_outputs import with_present_addresses
from jobsync.render import FORMATS, RenderOptions
from jobsync.structs import replace
from tests.fakes.planworld import PROJECT, START, Older, World, desired, id_of, job, rule

FINISHED, ACTIVE = RunState.FINISHED, RunState.ACTIVE
FAILED, STOPPED = RunState.FAILED, RunState.STOPPED

ONE = job("align", {"parameters": {"threads": 2}}, formerly=("sort", "lab/al"))
OTHERS = [name for name in names_of(desired(ONE), ONE) if name != ONE.name]


def planned(world: World, *jobs: DeclaredJob, guards: Guards | None = None, **options: Any) -> Plan:
    wanted = desired(*jobs, guards=guards)
    return build(wanted, world.snapshot(wanted), PlanOptions(**options))


def row(plan: Plan, address: str = "align") -> tuple[Action | None, Standing]:
    found = [c for c in plan.changes if isinstance(c, JobChange) and c.address == address]
    standing = next(s.standing for s in plan.states if s.address == address)
    return (found[0].action if found else None), standing


def test_the_names_are_all_addresses_with_all_fingerprints() -> None:
    new, old = ONE.fingerprint, (ONE.older or ())[0]
    assert names_of(desired(ONE), ONE) == (
        f"{PROJECT}.align.{new}",
        f"{PROJECT}.align.{old}",
        f"{PROJECT}.sort.{new}",
        f"{PROJECT}.sort.{old}",
        f"lab.al.{new}",
        f"lab.al.{old}",
    )


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    ("state", "visible", "expected"),
    [
        (FINISHED, True, (None, Standing.CURRENT)),
        (ACTIVE, True, (None, Standing.IN_PROGRESS)),
        (FINISHED, False, (Action.RESTORE, Standing.PENDING)),
        (FAILED, True, (None, Standing.FAILED)),
        (STOPPED, True, (None, Standing.STOPPED)),
        (ACTIVE, False, (None, Standing.STOPPED)),
    ],
)
def test_every_row_of_the_table(
    name: str, state: RunState, visible: bool, expected: tuple[Any, ...]
) -> None:
    world = World()
    run = world.add(name, state, visible=visible, request=ONE.request)
    plan = planned(world, ONE)
    assert row(plan) == expected
    if plan.changes:
        (change,) = plan.changes
        assert isinstance(change, JobChange)
        assert change.before is not None
        assert (change.name, id_of(change.before)) == (name, run.id)
    else:
        assert plan.states[0].run is not None and id_of(plan.states[0].run) == run.id
    assert plan.undeclared == ()


@pytest.mark.parametrize("name", OTHERS)
def test_attempts_are_counted_over_all_names_and_sent_under_the_present_one(name: str) -> None:
    world = World()
    world.add(name, FAILED, request=ONE.request)
    last = world.add(f"{name}.r3", FAILED, request=ONE.request)
    world.of(ONE, FAILED, attempt=2)
    plan = planned(world, replace(ONE, retries=3))
    (change,) = plan.changes
    assert isinstance(change, JobChange)
    assert change.before is not None
    assert (change.action, change.attempt, id_of(change.before)) == (Action.RETRY, 4, last.id)
    assert change.name == f"{ONE.name}.r4"
    every = names_of(desired(ONE), ONE)
    tails = ("", ".r2", ".r3", ".r4")
    assert set(plan.basis["align"].names) == {base + tail for base in every for tail in tails}


def test_of_two_attempts_of_one_second_the_higher_one_is_the_newer() -> None:
    """A service tells times by the second, and a run that fails at once is tried again in it."""
    for ids in (("1", "2"), ("2", "1")):
        world = World()
        runs = [world.of(ONE, FAILED, attempt=attempt) for attempt in (1, 2)]
        same = tuple(
            replace(run, id=one, created=START) for run, one in zip(runs, ids, strict=True)
        )
        wanted = desired(ONE)
        seen = replace(world.snapshot(wanted), runs=same)
        assert [run.id for run in histories(wanted, seen)["align"].exact] == [*ids]


@pytest.mark.parametrize("name", [ONE.name, *OTHERS])
def test_a_run_of_somebody_else_is_never_a_run_of_the_job(name: str) -> None:
    wanted, world = desired(ONE), World()
    theirs = world.add(name, owner="mallory", request=ONE.request)
    seen = world.snapshot(wanted)
    plan = build(wanted, replace(seen, runs=(*seen.runs, theirs)), PlanOptions())
    assert row(plan) == (Action.CREATE, Standing.PENDING)


def test_a_name_that_was_not_asked_for_is_no_reason_to_submit() -> None:
    wanted = desired(ONE)
    seen = World().snapshot(wanted)
    for name in names_of(wanted, ONE):
        with pytest.raises(Exception, match="was not asked whether it has a run named"):
            build(wanted, replace(seen, confirmed=seen.confirmed - {name}), PlanOptions())


def test_duplicates_are_of_one_exact_name() -> None:
    world = World()
    for name in (ONE.name, f"{ONE.name}.r2", *OTHERS):
        world.add(name, request=ONE.request)
    assert planned(world, ONE).duplicates == {}
    world.add(OTHERS[0], request=ONE.request)
    plan = planned(world, ONE)
    twins = tuple(run.id for run in world.runs.values() if run.name == OTHERS[0])
    assert plan.duplicates == {"align": twins}
    assert len(twins) == 2


def test_what_a_run_is_called_is_said_while_it_is_current() -> None:
    world = World()
    world.add(OTHERS[1], request=ONE.request)
    assert planned(world, ONE).states[0].notes == (
        "was sort: keep formerly as long as that run is current",
    )
    world = World()
    world.add(OTHERS[3], FINISHED, visible=False, request=ONE.request)
    (change,) = planned(world, ONE).changes
    assert isinstance(change, JobChange)
    assert change.notes == ("was lab/al: keep formerly as long as that run is current",)
    world = World()
    world.add(OTHERS[0], request=ONE.request)
    assert planned(world, ONE).states[0].notes == ()


def test_what_is_said_of_a_matrix_is_said_once() -> None:
    runs = [job(f"tree.{n}", formerly=(f"wood.{n}",)) for n in range(9)]
    world = World()
    for one in runs:
        world.add(f"{PROJECT}.wood.{one.address[5:]}.{one.fingerprint}", request=one.request)
    text = FORMATS["text"](planned(world, *runs), RenderOptions())
    assert text.count("was wood: keep formerly") == 1
    assert "tree.0, tree.1, tree.2, tree.3, tree.4 and 4 more: was wood" in text


def test_requires_is_advised_once_there_is_a_run_of_the_scheme_before() -> None:
    world, wanted = World(), desired(ONE)
    world.of(ONE)
    assert build(wanted, world.snapshot(wanted)).warnings == ()
    world.add(OTHERS[0], request=ONE.request)
    (warning,) = build(wanted, world.snapshot(wanted)).warnings
    assert 'write requires: ">=0.1.0" into the set' in warning
    said = replace(wanted, requires=">=0.1.0")
    assert build(said, world.snapshot(wanted)).warnings == ()


# --- upstream --------------------------------------------------------------------------


def test_what_takes_outputs_of_a_renamed_job_is_left_as_it_is() -> None:
    up = job("sort")
    down = job("tree", {"inputs": {"a": OutputRef("sort", "f")}}, among={"sort": up})
    world = World()
    world.of(up)
    world.of(down)
    renamed = job("align", formerly=("sort",))
    after = job("tree", {"inputs": {"a": OutputRef("align", "f")}}, among={"align": renamed})
    plan = planned(world, renamed, after)
    assert plan.changes == ()
    assert [state.standing for state in plan.states] == [Standing.CURRENT, Standing.CURRENT]


def test_too_many_former_names_are_told_when_it_would_be_submitted() -> None:
    unknown = replace(ONE, earlier=Older(None))
    (change,) = planned(World(), unknown).changes
    assert isinstance(change, JobChange)
    assert any(
        "does not recognise runs that an older version submitted" in note for note in change.notes
    )
    world = World()
    world.of(ONE)
    assert planned(world, unknown).changes == ()


# --- without formerly ------------------------------------------------------------------


def test_a_new_job_that_is_an_undeclared_one_is_taken_for_a_rename() -> None:
    lone = job("tree.lg", {"maxRunTime": "10:00:00"})
    for name in (
        f"{PROJECT}.wood.lg.{lone.fingerprint}",
        f"{PROJECT}.wood.lg.{(lone.older or ('',))[0]}",
    ):
        world = World()
        world.add(name, request=lone.request)
        plan = planned(world, lone, guards=Guards(rerun_node_hours=1))
        (change,) = plan.changes
        assert isinstance(change, JobChange)
        assert change.action is Action.CREATE
        assert change.notes == (
            "looks like wood.lg renamed: add formerly: [wood] to keep that run",
        )
        assert [hazard.name for hazard in plan.hazards] == ["rerun-finished"]
    world = World()
    world.add(f"{PROJECT}.wood.lg.{lone.fingerprint}", FAILED, request=lone.request)
    assert planned(world, lone, guards=Guards(rerun_node_hours=1)).hazards == ()


def test_a_declared_twin_is_no_rename_nor_is_another_job() -> None:
    one, other = job("one", {"maxRunTime": "10:00:00"}), job("other", {"maxRunTime": "10:00:00"})
    world = World()
    world.of(one)
    world.add(f"{PROJECT}.else.babcdefghi")
    plan = planned(world, one, other, guards=Guards(rerun_node_hours=1))
    (change,) = plan.changes
    assert isinstance(change, JobChange)
    assert (change.address, change.notes, plan.hazards) == ("other", (), ())


# --- the app ---------------------------------------------------------------------------


def with_app(minutes: float) -> DeclaredJob:
    changed = (START + timedelta(minutes=minutes)).timestamp()
    return replace(ONE, app=AppFolder("d" * 64, {"x/app.json": 0.0, "x/wrapper.sh": changed}))


@pytest.mark.parametrize("name", [OTHERS[0], OTHERS[2], OTHERS[4]])
def test_a_run_of_the_scheme_before_counts_unless_its_app_was_changed_later(name: str) -> None:
    world = World()
    run = world.add(name, request=ONE.request)  # made in the first minute
    assert planned(world, with_app(0.9)).changes == ()
    (change,) = planned(world, with_app(1.1)).changes
    assert isinstance(change, JobChange)
    assert (change.action, change.reason) == (Action.REPLACE, Reason.APP_CHANGED)
    assert f"apps/x/wrapper.sh has changed since run {run.id}" in change.notes
    world.runs[run.id] = replace(run, created=None)
    assert row(planned(world, with_app(0.9)))[0] is Action.REPLACE


def test_a_run_of_this_scheme_says_itself_which_app_it_had() -> None:
    world = World()
    world.of(ONE)
    assert planned(world, with_app(9)).changes == ()


def test_a_changed_app_is_the_reason_when_nothing_else_is() -> None:
    world = World()
    run = world.add(f"{PROJECT}.align.babcdefghi", request=ONE.request)
    (change,) = planned(world, with_app(9)).changes
    assert isinstance(change, JobChange)
    assert change.reason is Reason.APP_CHANGED
    assert f"apps/x/wrapper.sh has changed since run {run.id}" in change.notes
    (change,) = planned(world, with_app(0)).changes
    assert isinstance(change, JobChange)
    assert change.reason is Reason.APP_CHANGED
    assert "the app tool-1.0 in apps/ may have changed" in change.notes


@pytest.mark.parametrize(("minutes", "told"), [(0, False), (9, True)])
def test_a_file_that_left_the_app_may_be_the_reason_beside_an_input(
    minutes: int, told: bool
) -> None:
    """A file that is gone, or was only renamed, has no time of its own: its folder has."""
    world, uri = World(), "agave://local/a.txt"
    world.add(f"{PROJECT}.align.babcdefghi", request=ONE.request)
    app = AppFolder("d" * 64, {"x/w.sh": 0.0}, (START + timedelta(minutes=minutes)).timestamp())
    (change,) = planned(world, replace(ONE, app=app, digests={uri: "e" * 64})).changes
    assert isinstance(change, JobChange)
    said = f"the content of {uri} has changed"
    more = ", or a file of the app tool-1.0 in apps/ was removed or renamed"
    assert change.notes == (said + more if told else said,)


def test_a_private_app_that_was_changed_after_the_run_is_a_note() -> None:
    world, wanted = World(), desired(ONE)
    world.of(ONE)
    for minutes, noted in ((0, False), (1, False), (2, True)):
        changed = {"tool-1.0": START + timedelta(minutes=minutes)}
        plan = build(wanted, replace(world.snapshot(wanted), changed_apps=changed))
        assert plan.changes == ()
        expected = "its app changed at 2026-01-01 00:02 UTC, after this run was submitted: increase"
        assert bool(plan.states[0].notes) is noted
        assert not noted or plan.states[0].notes[0].startswith(expected)


# --- the lock --------------------------------------------------------------------------


def test_what_was_fetched_from_a_run_is_found_by_its_id() -> None:
    with_rules = replace(ONE, outputs=(rule("out.txt", "results/"),), expect=("out.txt",))
    world = World()
    run = world.add(OTHERS[1], request=ONE.request)
    world.fetched = [
        FetchedFile("sort", run.id, "out.txt", "results/out.txt", 12, "0" * 64, Presence.HERE)
    ]
    world.expectations = {("sort", run.id)}
    plan = planned(world, with_rules)
    assert plan.changes == ()
    wanted = desired(with_rules)
    seen = with_present_addresses(world.snapshot(wanted), histories(wanted, world.snapshot(wanted)))
    assert [line.address for line in seen.fetched] == ["align"]
    assert seen.expectations == {("align", run.id)}


def test_a_place_of_a_renamed_job_is_still_its_own() -> None:
    one = replace(ONE, outputs=(rule("out.txt", "results/"),))
    other = job("zip", outputs=(rule("out.txt", "results/"),))
    world = World()
    run: Run = world.add(OTHERS[1], request=ONE.request)
    world.of(other)
    world.fetched = [
        FetchedFile("sort", run.id, "out.txt", "results/out.txt", 12, "0" * 64, Presence.HERE)
    ]
    plan = planned(world, one, other)
    assert plan.changes == ()
    (problem,) = plan.states[1].problems
    assert "would go to results/out.txt, which belongs to align" in problem
