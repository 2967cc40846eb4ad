"""Permissions: the order of the calls, the proof, and what happens when the list has moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobsync.apply import exit_code
from jobsync.errors import ExitCode, Unreachable
from jobsync.model import (
    NO_ACCESS,
    Access,
    GrantChange,
    PermissionsMode,
    Result,
)
from jobsync.permission_model import effective
from jobsync.plan.plan_permissions import outcome as rows_after
from jobsync.plan.write_order import Aim, in_safe_order
from jobsync.platform import Platform
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.platforms.agave.platform import AGAVE
from tests.apply.plans import BOTH, Either, World, name, ref, shared, short
from tests.fakes.memory import Job

ACCESS = st.sampled_from([NO_ACCESS, LEVELS["READ"], LEVELS["WRITE"], LEVELS["READ_WRITE"]])
USERS = st.sampled_from(["alice", "bob", "carol", "dave", "erin", "world", "zoe"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Either:
    return Either(tmp_path, request.param)


def calls(world: World) -> list[tuple[Any, ...]]:
    return [c for c in world.service.calls if c[0] in ("access", "grant")]


def test_grants_then_changes_then_revokes_one_call_each_read_before_and_after(
    either: Either,
) -> None:
    job = shared(either, bob=either.less, dave=either.less, erin=either.less)
    before = {
        "bob": either.less,
        "dave": either.less,
        "erin": either.less,
    }
    change = either.grants(
        "align",
        ref(job),
        before,
        dave="NONE",
        bob=either.most,
        carol=either.less,
    )
    the_plan = either.plan(change)
    [outcome] = either.apply(the_plan)
    assert outcome.result is Result.DONE
    assert [c[0] if c[0] == "access" else c[2] for c in calls(either)] == [
        "access",
        "carol",
        "bob",
        "dave",
        "access",
    ]
    assert job.grants == {
        "bob": either.level(either.most),
        "carol": either.level(either.less),
        "erin": either.level(either.less),
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


def test_a_list_that_has_moved_is_stale_and_nothing_is_written(either: Either) -> None:
    job = shared(either, bob=either.less, mallory=either.other)
    the_plan = either.plan(
        either.grants("align", ref(job), {"bob": either.less}, bob="NONE"),
        either.create("other"),
    )
    outcomes = either.apply(the_plan)
    assert short(outcomes) == [("align", "permission", "stale"), ("other", "job", "done")]
    assert f"mallory NONE -> {either.other}" in outcomes[0].detail
    assert job.grants["bob"] == either.level(either.less)
    assert exit_code(the_plan, outcomes) is ExitCode.STALE


def test_a_run_that_is_gone_is_stale(either: Either) -> None:
    job = shared(either)
    job.visible = False
    [outcome] = either.apply(either.plan(either.grants("align", ref(job), {}, bob=either.less)))
    assert outcome.result is Result.STALE


def test_what_does_not_take_fails_whatever_the_service_answered(either: Either) -> None:
    job = shared(either)
    either.service.ignore_grants_to = {"bob"}
    the_plan = either.plan(either.grants("align", ref(job), {}, bob=either.less, carol=either.less))
    [outcome] = either.apply(the_plan)
    assert outcome.result is Result.FAILED
    assert outcome.detail == f"bob has NONE, not {either.less}"
    assert exit_code(the_plan, [outcome]) is (
        ExitCode.ERROR if either.platform is AGAVE else ExitCode.PARTIAL
    )


def test_what_took_counts_although_the_answer_was_lost(either: Either) -> None:
    job = shared(either)

    def lost(do: Any) -> Any:
        do()
        raise Unreachable("reset")

    either.service.script["grant"] = [lost]
    [outcome] = either.apply(either.plan(either.grants("align", ref(job), {}, bob=either.less)))
    assert outcome.result is Result.DONE


def test_what_cannot_be_read_back_is_not_reported_as_done(either: Either) -> None:
    job = shared(either)

    def fine(do: Any) -> Any:
        return do()

    def lost(do: Any) -> Any:
        raise Unreachable("reset")

    either.service.script["access"] = [fine, lost]
    [outcome] = either.apply(either.plan(either.grants("align", ref(job), {}, bob=either.less)))
    assert outcome.result is Result.FAILED
    assert "could not be read back" in outcome.detail


def test_my_own_access_is_kept_when_something_else_failed(world: World) -> None:
    job = shared(world, "bob", alice="READ_WRITE", carol="READ")

    def refuse(do: Any) -> Any:
        raise Unreachable("reset")

    world.service.script["grant"] = [refuse]
    before = {"alice": "READ_WRITE", "carol": "READ"}
    [outcome] = world.apply(
        world.plan(world.grants("align", ref(job), before, alice="READ", carol="NONE"))
    )
    assert outcome.result is Result.FAILED
    assert job.grants["alice"] == LEVELS["READ_WRITE"]


def test_giving_up_my_own_access_comes_last_and_is_proven(world: World) -> None:
    job = shared(world, "bob", alice="READ_WRITE", carol="READ")
    before = {"alice": "READ_WRITE", "carol": "READ"}
    [outcome] = world.apply(
        world.plan(world.grants("align", ref(job), before, alice="NONE", carol="NONE"))
    )
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
        [outcome] = world.apply(world.plan(world.grants("align", ref(job), before, alice=level)))
        assert outcome.result is Result.FAILED, level
        assert level in outcome.detail


def test_a_row_like_the_owners_is_left_alone(world: World) -> None:
    job = world.service.make(name("align"), "alice", {})
    job.grants.update({"Alice": LEVELS["READ"]})
    world.apply(world.plan(world.create("align"), world.grants("align", None, {}, bob="READ")))
    assert job.grants == {"Alice": LEVELS["READ"], "bob": LEVELS["READ"]}


def test_a_row_without_access_that_was_to_go_must_be_gone(world: World) -> None:
    job = shared(world)
    job.grants.update({"world": NO_ACCESS, "zed": LEVELS["READ"]})
    from jobsync.structs import replace

    change = replace(
        world.grants("align", ref(job), {"zed": "READ"}),
        grants=(GrantChange("world", NO_ACCESS, NO_ACCESS),),
        image=dict(job.grants),
    )
    world.service.ignore_grants_to = {"world"}
    [outcome] = world.apply(world.plan(change))
    assert outcome.result is Result.FAILED
    world.service.ignore_grants_to = set()
    [outcome] = world.apply(world.plan(change))
    assert (outcome.result, set(job.grants)) == (Result.DONE, {"zed"})


def test_a_run_taken_over_is_held_to_what_is_declared(world: World) -> None:
    job = world.service.make(name("align"), "alice", {})
    job.grants.update({"Bob": LEVELS["READ"], "mallory": LEVELS["WRITE"]})
    change = world.grants("align", None, {}, bob="READ_WRITE")
    outcomes = world.apply(world.plan(world.create("align"), change))
    assert [o.result for o in outcomes] == [Result.DONE, Result.DONE]
    assert job.grants == {"Bob": LEVELS["READ_WRITE"]}


def test_additive_leaves_the_others(either: Either) -> None:
    from jobsync.structs import replace

    job = either.service.make(name("align"), "alice", {})
    job.grants.update({"mallory": either.level(either.other)})
    change = replace(
        either.grants("align", None, {}, bob=either.less), mode=PermissionsMode.ADDITIVE
    )
    either.apply(either.plan(either.create("align"), change))
    assert set(job.grants) == {"bob", "mallory"}


def test_a_submit_that_is_unknown_gets_no_grants(either: Either) -> None:
    from jobsync.errors import SubmitAmbiguous

    def lost(do: Any) -> Any:
        raise SubmitAmbiguous("timeout")

    either.service.script["submit"] = [lost]
    outcomes = either.apply(
        either.plan(either.create("align"), either.grants("align", None, {}, bob=either.less))
    )
    assert short(outcomes) == [("align", "job", "unknown"), ("align", "permission", "skipped")]
    assert calls(either) == []


@pytest.mark.parametrize("platform", BOTH, ids=lambda one: one.name)
@settings(deadline=None, max_examples=150)
@given(
    data=st.data(),
    moved=st.booleans(),
    ignored=st.sets(USERS, max_size=2),
    faults=st.lists(st.sampled_from(["fine", "before", "after"]), max_size=6),
)
def test_nobody_outside_prior_and_wanted_ever_has_access(
    tmp_path_factory: pytest.TempPathFactory,
    platform: Platform,
    data: st.DataObject,
    moved: bool,
    ignored: set[str],
    faults: list[str],
) -> None:
    world = Either(tmp_path_factory.mktemp("state"), platform)
    less = world.level(world.less)
    given_ = st.sampled_from([world.level(world.most), less, world.level(world.other)])
    prior = data.draw(st.dictionaries(USERS, given_))
    wanted = data.draw(st.dictionaries(USERS, given_ | st.just(NO_ACCESS)))
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
    change = world.grants("align", ref(job), {}, bob=world.less)
    from jobsync.structs import replace

    change = replace(change, grants=tuple(steps), image=dict(prior))
    if moved:
        job.grants["late"] = less
    [outcome] = world.apply(world.plan(change))
    for state in [*seen, job.grants]:
        for user, level in state.items():
            assert level in (prior.get(user), wanted.get(user), less if moved else None)
    if moved:
        assert outcome.result is Result.STALE
        assert seen == []
    elif outcome.result is Result.DONE:
        assert all(job.grants.get(s.user, NO_ACCESS) == s.after for s in steps)
    else:
        assert any(job.grants.get(s.user, NO_ACCESS) != s.after for s in steps)
