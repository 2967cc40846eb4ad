"""Permissions: the order of the calls, the proof, and what happens when the list has moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobsync.apply import AuditFile, exit_code
from jobsync.errors import ExitCode, SettingsError, Unreachable
from jobsync.model import (
    NO_ACCESS,
    Access,
    GrantChange,
    PermissionsMode,
    Result,
    RunRef,
)
from jobsync.permission_model import effective
from jobsync.plan.plan_permissions import outcome as rows_after
from jobsync.plan.write_order import Aim, in_safe_order
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.platforms.agave.platform import AGAVE
from tests.apply.plans import World, create, grants, name, plan, short
from tests.fakes.memory import Job

ACCESS = st.sampled_from([NO_ACCESS, LEVELS["READ"], LEVELS["WRITE"], LEVELS["READ_WRITE"]])
USERS = st.sampled_from(["alice", "bob", "carol", "dave", "erin", "world", "zoe"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def shared(world: World, owner: str = "alice", **levels: str) -> Job:
    job = world.service.make(name("align"), owner, {}, final="FINISHED")
    job.grants.update({user: LEVELS[word] for user, word in levels.items()})
    return job


def ref(job: Job) -> RunRef:
    return RunRef(job.id, job.name, "FINISHED")


def calls(world: World) -> list[tuple[Any, ...]]:
    return [c for c in world.service.calls if c[0] in ("access", "grant")]


def test_grants_then_changes_then_revokes_one_call_each_read_before_and_after(world: World) -> None:
    job = shared(world, bob="READ", dave="READ", erin="READ")
    before = {"bob": "READ", "dave": "READ", "erin": "READ"}
    change = grants("align", ref(job), before, dave="NONE", bob="READ_WRITE", carol="READ")
    the_plan = plan(change)
    [outcome] = world.apply(the_plan)
    assert outcome.result is Result.DONE
    assert [c[0] if c[0] == "access" else c[2] for c in calls(world)] == [
        "access",
        "carol",
        "bob",
        "dave",
        "access",
    ]
    assert job.grants == {
        "bob": LEVELS["READ_WRITE"],
        "carol": LEVELS["READ"],
        "erin": LEVELS["READ"],
    }
    assert exit_code(the_plan, [outcome]) is ExitCode.OK


@given(
    st.dictionaries(USERS.filter(lambda user: user != "world"), st.tuples(ACCESS, ACCESS)),
    st.sampled_from(["alice", "olga"]),
)
def test_nobody_loses_before_everybody_has_gained_and_i_gain_first_and_lose_last(
    changes: dict[str, tuple[Access, Access]], owner: str
) -> None:
    """Where nothing is done about ``world``, which reaches others too."""
    rows = {user: was for user, (was, _) in changes.items() if was != NO_ACCESS}
    if owner != "alice":
        rows.setdefault("alice", LEVELS["READ_WRITE"])
    steps = [
        GrantChange(user, rows.get(user, NO_ACCESS), will) for user, (_, will) in changes.items()
    ]
    aim = Aim(AGAVE.permissions, rows, rows_after(rows, steps), owner, "alice")
    assume("write" in effective(AGAVE.permissions, rows, owner, "alice").gives)
    ordered = list(in_safe_order(aim, steps))
    assert {g.user for g in ordered} == set(changes)
    if owner != "alice" and "alice" in changes:
        was, will = rows["alice"], changes["alice"][1]
        loses = (("read" in was.gives) and "read" not in will.gives) or (
            ("write" in was.gives) and "write" not in will.gives
        )
        assert ordered.pop(-1 if loses else 0).user == "alice"
    stages = [2 if g.after == NO_ACCESS else 0 if g.before == NO_ACCESS else 1 for g in ordered]
    assert stages == sorted(stages)


def test_a_list_that_has_moved_is_stale_and_nothing_is_written(world: World) -> None:
    job = shared(world, bob="READ", mallory="WRITE")
    the_plan = plan(grants("align", ref(job), {"bob": "READ"}, bob="NONE"), create("other"))
    outcomes = world.apply(the_plan)
    assert short(outcomes) == [("align", "permission", "stale"), ("other", "job", "done")]
    assert "mallory NONE -> WRITE" in outcomes[0].detail
    assert job.grants["bob"] == LEVELS["READ"]
    assert exit_code(the_plan, outcomes) is ExitCode.STALE


def test_a_run_that_is_gone_is_stale(world: World) -> None:
    job = shared(world)
    job.visible = False
    [outcome] = world.apply(plan(grants("align", ref(job), {}, bob="READ")))
    assert outcome.result is Result.STALE


def test_what_does_not_take_fails_whatever_the_service_answered(world: World) -> None:
    job = shared(world)
    world.service.ignore_grants_to = {"bob"}
    the_plan = plan(grants("align", ref(job), {}, bob="READ", carol="READ"))
    [outcome] = world.apply(the_plan)
    assert outcome.result is Result.FAILED
    assert outcome.detail == "bob has NONE, not READ"
    assert exit_code(the_plan, [outcome]) is ExitCode.ERROR


def test_what_took_counts_although_the_answer_was_lost(world: World) -> None:
    job = shared(world)

    def lost(do: Any) -> Any:
        do()
        raise Unreachable("reset")

    world.service.script["grant"] = [lost]
    [outcome] = world.apply(plan(grants("align", ref(job), {}, bob="READ")))
    assert outcome.result is Result.DONE


def test_what_cannot_be_read_back_is_not_reported_as_done(world: World) -> None:
    job = shared(world)

    def fine(do: Any) -> Any:
        return do()

    def lost(do: Any) -> Any:
        raise Unreachable("reset")

    world.service.script["access"] = [fine, lost]
    [outcome] = world.apply(plan(grants("align", ref(job), {}, bob="READ")))
    assert outcome.result is Result.FAILED
    assert "could not be read back" in outcome.detail


def test_my_own_access_is_kept_when_something_else_failed(world: World) -> None:
    job = shared(world, "bob", alice="READ_WRITE", carol="READ")

    def refuse(do: Any) -> Any:
        raise Unreachable("reset")

    world.service.script["grant"] = [refuse]
    before = {"alice": "READ_WRITE", "carol": "READ"}
    [outcome] = world.apply(plan(grants("align", ref(job), before, alice="READ", carol="NONE")))
    assert outcome.result is Result.FAILED
    assert job.grants["alice"] == LEVELS["READ_WRITE"]


def test_giving_up_my_own_access_comes_last_and_is_proven(world: World) -> None:
    job = shared(world, "bob", alice="READ_WRITE", carol="READ")
    before = {"alice": "READ_WRITE", "carol": "READ"}
    [outcome] = world.apply(plan(grants("align", ref(job), before, alice="NONE", carol="NONE")))
    assert outcome.result is Result.DONE
    assert job.grants == {}
    assert [c[2] for c in calls(world) if c[0] == "grant"] == ["carol", "alice"]


def test_what_is_left_of_my_own_access_is_not_guessed(world: World) -> None:
    """Once my READ is gone the list cannot be read: only that much is proven."""
    before = {"alice": "READ_WRITE"}
    for level, somebody_else_revoked in (("WRITE", False), ("READ", True)):
        job = shared(world, "bob", **before)

        def revoked(do: Any, job: Job = job) -> Any:
            job.grants.pop("alice")

        world.service.script["grant"] = [revoked] if somebody_else_revoked else []
        [outcome] = world.apply(plan(grants("align", ref(job), before, alice=level)))
        assert outcome.result is Result.FAILED, level
        assert level in outcome.detail


def test_a_row_like_the_owners_is_left_alone(world: World) -> None:
    job = world.service.make(name("align"), "alice", {})
    job.grants.update({"Alice": LEVELS["READ"]})
    world.apply(plan(create("align"), grants("align", None, {}, bob="READ")))
    assert job.grants == {"Alice": LEVELS["READ"], "bob": LEVELS["READ"]}


def test_a_row_without_access_that_was_to_go_must_be_gone(world: World) -> None:
    job = shared(world)
    job.grants.update({"world": NO_ACCESS, "zed": LEVELS["READ"]})
    from jobsync.structs import replace

    change = replace(
        grants("align", ref(job), {"zed": "READ"}),
        grants=(GrantChange("world", NO_ACCESS, NO_ACCESS),),
        image=dict(job.grants),
    )
    world.service.ignore_grants_to = {"world"}
    [outcome] = world.apply(plan(change))
    assert outcome.result is Result.FAILED
    world.service.ignore_grants_to = set()
    [outcome] = world.apply(plan(change))
    assert (outcome.result, set(job.grants)) == (Result.DONE, {"zed"})


def test_a_run_taken_over_is_held_to_what_is_declared(world: World) -> None:
    job = world.service.make(name("align"), "alice", {})
    job.grants.update({"Bob": LEVELS["READ"], "mallory": LEVELS["WRITE"]})
    change = grants("align", None, {}, bob="READ_WRITE")
    outcomes = world.apply(plan(create("align"), change))
    assert [o.result for o in outcomes] == [Result.DONE, Result.DONE]
    assert job.grants == {"Bob": LEVELS["READ_WRITE"]}


def test_additive_leaves_the_others(world: World) -> None:
    from jobsync.structs import replace

    job = world.service.make(name("align"), "alice", {})
    job.grants.update({"mallory": LEVELS["WRITE"]})
    change = replace(grants("align", None, {}, bob="READ"), mode=PermissionsMode.ADDITIVE)
    world.apply(plan(create("align"), change))
    assert set(job.grants) == {"bob", "mallory"}


def test_a_submit_that_is_unknown_gets_no_grants(world: World) -> None:
    from jobsync.errors import SubmitAmbiguous

    def lost(do: Any) -> Any:
        raise SubmitAmbiguous("timeout")

    world.service.script["submit"] = [lost]
    outcomes = world.apply(plan(create("align"), grants("align", None, {}, bob="READ")))
    assert short(outcomes) == [("align", "job", "unknown"), ("align", "permission", "skipped")]
    assert calls(world) == []


@settings(deadline=None, max_examples=150)
@given(
    prior=st.dictionaries(USERS, ACCESS.filter(lambda a: a != NO_ACCESS)),
    wanted=st.dictionaries(USERS, ACCESS),
    moved=st.booleans(),
    ignored=st.sets(USERS, max_size=2),
    faults=st.lists(st.sampled_from(["fine", "before", "after"]), max_size=6),
)
def test_nobody_outside_prior_and_wanted_ever_has_access(
    tmp_path_factory: pytest.TempPathFactory,
    prior: dict[str, Access],
    wanted: dict[str, Access],
    moved: bool,
    ignored: set[str],
    faults: list[str],
) -> None:
    world = World(tmp_path_factory.mktemp("state"))
    prior.pop("alice", None)
    wanted.pop("alice", None)
    job = shared(world)
    job.grants.update(prior)
    world.service.ignore_grants_to = ignored
    steps = [GrantChange(u, prior.get(u, NO_ACCESS), a) for u, a in wanted.items()]
    steps = [step for step in steps if step.before != step.after]
    seen: list[dict[str, Access]] = []

    def faulty(fault: str) -> Any:
        def call(do: Any) -> Any:
            if fault != "before":
                do()
            seen.append(dict(job.grants))
            if fault != "fine":
                raise Unreachable("reset")

        return call

    world.service.script["grant"] = [faulty(fault) for fault in faults]
    change = grants("align", ref(job), {}, bob="READ")
    from jobsync.structs import replace

    change = replace(change, grants=tuple(steps), image=dict(prior))
    if moved:
        job.grants["late"] = LEVELS["READ"]
    [outcome] = world.apply(plan(change))
    for state in [*seen, job.grants]:
        for user, level in state.items():
            assert level in (prior.get(user), wanted.get(user), LEVELS["READ"] if moved else None)
    if moved:
        assert outcome.result is Result.STALE
        assert seen == []
    elif outcome.result is Result.DONE:
        assert all(job.grants.get(s.user, NO_ACCESS) == s.after for s in steps)
    else:
        assert any(job.grants.get(s.user, NO_ACCESS) != s.after for s in steps)


# --- audit -----------------------------------------------------------------------------


def test_every_change_leaves_an_audit_line(world: World, tmp_path: Path) -> None:
    job = shared(world, dave="READ")
    world.service.ignore_grants_to = {"bob"}
    path = tmp_path / "audit.jsonl"
    path.write_text('{"kept": true}\n')
    audit = AuditFile(path, who="alice", target="memory", plan_digest="d1", commit="c1")
    change = grants("align", ref(job), {"dave": "READ"}, bob="READ", dave="NONE")
    world.apply(plan(change, create("tree")), audit=audit)
    audit.close()
    first, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert first == {"kept": True}
    facts = {
        (line["address"], line["user"], line["before"], line["after"], line["result"])
        for line in lines
    }
    assert facts == {
        ("align", "bob", "NONE", "READ", "failed"),
        ("align", "dave", "READ", "NONE", "done"),
        ("tree", "", "", name("tree"), "done"),
    }
    for line in lines:
        assert (line["who"], line["target"], line["plan"], line["commit"]) == (
            "alice",
            "memory",
            "d1",
            "c1",
        )
        assert line["when"].endswith("Z")
        assert line["job"]


def test_after_an_audit_that_failed_nothing_more_is_begun(world: World) -> None:
    def full(line: object) -> None:
        raise SettingsError("the audit file cannot be written (No space left on device)")

    world.backend.concurrency = 1
    outcomes = world.apply(plan(create("a"), create("b")), audit=full)
    assert short(outcomes) == [("a", "job", "failed"), ("b", "job", "skipped")]
    assert "audit" in outcomes[0].detail
    assert world.service.posts() == 1


def test_nobody_listening_is_no_reason_to_stop(world: World) -> None:
    def gone(event: object) -> None:
        raise BrokenPipeError

    world.events = type("Gone", (), {"append": staticmethod(gone)})()
    assert short(world.apply(plan(create("a")))) == [("a", "job", "done")]


def test_an_audit_file_that_cannot_be_written_stops_it_before_it_begins(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (link, tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(SettingsError, match="audit"):
            AuditFile(path, who="a", target="t", plan_digest="d")
