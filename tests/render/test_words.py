"""What is said after an apply, about one address, and about who may do what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Location, SettingsError, Usage
from jobsync.model import (
    Action,
    DeclaredJob,
    EffectiveAccess,
    Grant,
    Outcome,
    OutputRef,
    Plan,
    Result,
    RunState,
)
from jobsync.plan import build
from jobsync.plan.access_matrix import matrix
from jobsync.plan.explain import explain
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.render import access
from jobsync.render.advice import Call
from jobsync.render.outcome import ending, troubles
from jobsync.render.why import why
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, job, rows
from tests.fakes.planworlds import EITHER


def outcome(plan: Plan, outcomes: Sequence[Outcome], call: Call | None = None) -> str:
    """What the end of an apply says, without the logs of what failed."""
    told = [*troubles(outcomes, call or Call()), *ending(plan, outcomes, call or Call())]
    return "\n".join(told) + "\n"


def test_what_follows_from_one_failure_is_told_once() -> None:
    wanted = desired(job("up"))
    plan = build(wanted, World().snapshot(wanted))
    skipped = [
        Outcome(f"b.{n}", kind, Action.CREATE, Result.SKIPPED, why)
        for n in range(7)
        for kind, why in (("job", "up ended as FAILED"), ("output", f"b.{n} was not submitted"))
    ]
    deeper = [
        Outcome(f"c.{n}", "job", Action.CREATE, Result.SKIPPED, f"b.{n} was not submitted")
        for n in range(7)
    ]
    up = Outcome("up", "run", Action.CREATE, Result.FAILED, "FAILED: exit 1", "0001-007")
    done = [Outcome(f"a.{n}", "job", Action.CREATE, Result.DONE) for n in range(50)]
    assert outcome(plan, [*skipped, *deeper, up, *done]).splitlines()[:4] == [
        "up          run     failed   run 0001-007: FAILED: exit 1; see its log with: "
        "jobsync logs up",
        "b (7 jobs)  submit  skipped  up ended as FAILED",
        "c (7 jobs)  submit  skipped  b.* was not submitted",
        "",
    ]


def test_the_table_of_outcomes() -> None:
    wanted = desired(job("align"))
    plan = build(wanted, World().snapshot(wanted))
    text = outcome(
        plan,
        (
            Outcome("tree", "job", Action.CREATE, Result.WAITING, "needs align"),
            Outcome("align", "job", Action.CREATE, Result.DONE, run_id="0001-007"),
            Outcome("align", "permission", Action.CREATE, Result.FAILED, "403 \x1b[2J"),
            Outcome("zip", "job", Action.RETRY, Result.UNKNOWN, "timeout", "0002-007"),
        ),
    )
    assert text == (
        "zip    submit again  unknown  run 0002-007: timeout\n"
        "align  permissions   failed   403 \\x1b[2J\n"
        "tree   submit        waiting  needs align\n"
        "\n"
        "Applied 4 changes: 1 done, 1 waiting, 1 failed, 1 unknown.\n"
        "It is not known whether a submit reached the service. The next apply searches for it "
        "first.\n"
        "The next apply tries the failed changes again: jobsync apply\n"
        "Some changes wait for runs that have not finished. Apply again later, or wait: "
        "jobsync apply --wait\n"
    )


@pytest.mark.parametrize(
    ("call", "after"),
    [(Call(), ""), (Call(("my set", "b.yaml"), ("--target", "x")), " 'my set' b.yaml --target x")],
)
def test_a_report_advises_commands_for_the_addresses_that_it_is_about(
    call: Call, after: str
) -> None:
    pinned = replace(job("fixed"), pinned="0001-007")
    world = World()
    world.add("made by hand", RunState.ACTIVE)
    wanted = desired(job("align"), job("tree", {"parameters": {"n": 1}}), pinned)
    plan = build(wanted, world.snapshot(wanted))
    failed = [
        Outcome(address, "run", Action.CREATE, Result.FAILED, "exit 1", "0002-007")
        for address in ("align", pinned.address, "tree")
    ]
    text = outcome(plan, failed, call)
    advised = f"jobsync apply{after} --retry align --retry tree"
    assert f"Unchanged, failed runs start again only on request: {advised}\n" in text
    assert "ADDRESS" not in text


def test_a_report_of_many_failures_names_them_together() -> None:
    addresses = [f"job{number}" for number in range(11)]
    wanted = desired(*map(job, addresses))
    plan = build(wanted, World().snapshot(wanted))
    failed = [Outcome(one, "run", Action.CREATE, Result.FAILED, "exit 1") for one in addresses]
    assert "on request: jobsync apply --retry-failed\n" in outcome(plan, failed)


def test_commands_other_than_plan_and_apply_name_the_set_by_an_option() -> None:
    call = Call(("a", "b"), ("--var", "x=1 2"))
    assert call.command("why", "s") == "jobsync why -m a -m b --var 'x=1 2' s"


def test_nothing_done_and_nothing_to_do() -> None:
    wanted = desired(job("align"))
    world = World()
    plan = build(wanted, world.snapshot(wanted))
    assert outcome(plan, ()) == "Nothing was done.\n"
    world.apply(plan)
    assert outcome(build(wanted, world.snapshot(wanted)), ()) == "There was nothing to do.\n"


def told(world: World, address: str, *jobs: DeclaredJob) -> str:
    wanted = desired(*jobs)
    snapshot = world.snapshot(wanted)
    return why(explain(wanted, snapshot, build(wanted, snapshot), address))


def test_why_a_job_is_replaced_shows_each_field_on_both_sides() -> None:
    world = World()
    world.of(job("align", {"parameters": {"threads": 2, "v": "1"}}), request=None)
    place = {"parameters.threads": Location("a.yaml", 22, 7)}
    wanted = job("align", {"parameters": {"threads": 4, "v": 1}, "nodeCount": 2}, places=place)
    run = world.runs["0001-007"]
    sent: dict[str, Any] = {**(run.request or {}), "parameters": {"threads": 2, "v": "1"}}
    world.runs["0001-007"] = replace(run, request=sent)
    text = told(world, "align", wanted)
    assert "rule        no run has this name, but the address has an older run" in text
    assert "action      replace because fields_changed" in text
    assert "  0001-007  FINISHED  superseded  phylo.align." in text
    assert "parameters.threads  4, run has 2   # differs, a.yaml:22" in text
    assert 'parameters.v        1, run has "1"   # same' in text
    assert "nodeCount           2, run has (unset)   # differs" in text


def test_why_a_job_is_left_alone() -> None:
    world = World()
    up = job("align")
    down = job("tree", {"inputs": {"x": OutputRef("align", "a")}}, among={"align": up})
    world.of(up)
    world.of(down)
    text = told(world, "tree", up, down)
    assert text.startswith("tree: current\n")
    assert "a visible run of this name has finished: nothing is submitted" in text
    assert '"${jobs.align.outputs/a}", run has "agave://' in text
    assert "# same" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.ACTIVE, "is active: nothing is submitted"),
        (RunState.FAILED, "no retry is left"),
        (RunState.STOPPED, "a person stopped or hid the run"),
    ],
)
def test_why_names_the_rule(state: RunState, words: str) -> None:
    world = World()
    world.of(job("align"), state)
    assert words in told(world, "align", job("align"))


@pytest.mark.parametrize("rerun", [1, 3])
def test_why_says_what_rerun_is_and_what_runs_the_job_again(rerun: int) -> None:
    said = told(World(), "align", job("align", rerun=rerun))
    assert f"  rerun       {rerun}; rerun: {rerun + 1} in the manifest runs it again\n" in said


def test_why_of_what_is_not_declared() -> None:
    with pytest.raises(Usage, match="not declared"):
        told(World(), "nothing", job("align"))


@settings(deadline=None, max_examples=60)
@given(EITHER)
def test_why_can_be_told_of_everything(made: Any) -> None:
    wanted, world = made
    snapshot = world.snapshot(wanted)
    plan = build(wanted, snapshot)
    for address in wanted.jobs:
        text = why(explain(wanted, snapshot, plan, address))
        assert "\x1b" not in text
        assert text.endswith("\n")


def cells(
    declared: Mapping[str, Grant] | None = None, **levels: str
) -> tuple[EffectiveAccess, ...]:
    wanted = desired(job("align", permissions=declared))
    world = World()
    world.of(wanted.jobs["align"], acl=rows(**levels))
    snapshot = world.snapshot(wanted)
    return matrix(wanted, snapshot, build(wanted, snapshot))


def test_the_matrix_as_text() -> None:
    text = access.as_text(cells(grants(bob="READ"), bob="READ", zed="ALL"))
    assert text == (
        "job    run       bob   zed\n"
        "align  0001-007  READ  READ_WRITE -> NONE\n"
    )  # fmt: skip
    assert "nobody" not in access.as_text(())


def test_the_matrix_as_csv_and_json() -> None:
    found = cells(grants(bob="READ"), bob="READ", zed="ALL")
    assert access.as_csv(found) == (
        "address,run,user,access,after\n"
        "align,0001-007,bob,READ,READ\n"
        "align,0001-007,zed,READ_WRITE,NONE\n"
    )
    document = json.loads(access.as_json(found))
    assert document["access"][1] == {
        "address": "align", "run": "0001-007", "user": "zed", "access": "READ_WRITE",
        "after": "NONE", "share": True,
    }  # fmt: skip
    assert [row.user for row in access.changed(found)] == ["zed"]


@pytest.mark.parametrize("show", [access.as_csv, access.as_json])
def test_a_committed_matrix_is_what_it_was_printed_from(show: Any) -> None:
    found = cells(bob="READ", zed="ALL")
    assert access.unexpected(found, show(found), LEVELS) == ()
    moved = cells(bob="READ_WRITE", zed="ALL")
    assert access.unexpected(moved, show(found), LEVELS) == (
        "align (run 0001-007): bob has READ_WRITE, expected READ",
    )
    fewer = cells(bob="READ")
    assert access.unexpected(fewer, show(found), LEVELS) == (
        "align (run 0001-007): zed has NONE, expected READ_WRITE",
    )
    more = cells(bob="READ", zed="ALL", carol="READ")
    assert access.unexpected(more, show(found), LEVELS) == (
        "align (run 0001-007): carol has READ, expected NONE",
    )


def test_a_committed_matrix_without_runs_holds_for_every_run() -> None:
    found = cells(bob="READ")
    assert access.unexpected(found, "address,user,access\nalign,bob,READ\n", LEVELS) == ()
    assert len(access.unexpected(found, "address,user,access\nalign,bob,WRITE\n", LEVELS)) == 1


@pytest.mark.parametrize(
    "text", ["{", "a,b\n1,2\n", '{"access": [{"user": "x"}]}', '{"access": 1}']
)
def test_a_file_that_is_no_matrix_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        access.unexpected((), text, LEVELS)


@settings(deadline=None, max_examples=60)
@given(EITHER, st.sampled_from(sorted(access.FORMATS)))
def test_every_matrix_can_be_shown_and_read_back(made: Any, name: str) -> None:
    wanted, world = made
    snapshot = world.snapshot(wanted)
    found = matrix(wanted, snapshot, build(wanted, snapshot))
    text = access.FORMATS[name](found, ())
    if name != "text":
        levels = world.platform.permissions.levels
        assert access.unexpected(found, text, levels) == ()
