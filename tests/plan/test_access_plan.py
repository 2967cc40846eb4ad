"""Permissions: effective access, current and old runs, spelling, modes, and the order of writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings

from jobsync.model import (
    NO_ACCESS,
    Access,
    AccessChange,
    DeclaredJob,
    Grant,
    PermissionsMode,
    Plan,
    RunState,
)
from jobsync.permission_model import effective
from jobsync.plan import PlanOptions, build
from jobsync.plan.access_matrix import matrix
from jobsync.plan.plan_permissions import (
    change_current,
    change_reduced,
    is_as_declared,
    other_spellings,
)
from jobsync.platforms.agave.permissions import LEVELS, READ_WRITE
from jobsync.platforms.agave.platform import AGAVE
from jobsync.structs import replace
from tests.fakes.planworld import ME, World, all_of, desired, grants, id_of, job, rows
from tests.fakes.planworlds import ROWS

ADDITIVE = PermissionsMode.ADDITIVE
READ = LEVELS["READ"]


def planned(world: World, *jobs: DeclaredJob, **options: Any) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, world.snapshot(wanted), PlanOptions(**options))


def written(
    declared: Mapping[str, Grant],
    image: Mapping[str, Access],
    mode: str = PermissionsMode.EXACT,
) -> list[tuple[str, str, str]]:
    """[(user, before, after)] for a current run, in the order to write."""
    wanted = job("align", permissions=declared, permissions_mode=mode)
    world = World()
    world.of(wanted, acl=image)
    plan = planned(world, wanted)
    return [
        (grant.user, str(grant.before), str(grant.after))
        for change in plan.changes
        if isinstance(change, AccessChange)
        for grant in change.grants
    ]


@pytest.mark.parametrize(
    ("acl", "user", "expected"),
    [
        (rows(bob="READ"), "bob", "READ"),
        (rows(bob="READ"), "carol", "NONE"),
        (rows(world="READ"), "carol", "READ"),
        (rows(bob="READ_WRITE", world="READ"), "bob", "READ_WRITE"),
        (rows(world="READ", zed="READ_WRITE"), "zed", "READ"),
        (rows(world="READ_WRITE", zed="READ"), "zed", "READ_WRITE"),
        ({"bob": NO_ACCESS, **rows(world="READ")}, "bob", "NONE"),
        (rows(bob="WRITE"), "bob", "WRITE"),
        ({}, ME, "READ_WRITE"),
        (rows(world="READ"), ME, "READ_WRITE"),
    ],
)
def test_the_first_row_that_is_the_user_or_world_decides(
    acl: Any, user: Any, expected: str
) -> None:
    assert str(effective(AGAVE.permissions, acl, ME, user)) == expected


@pytest.mark.parametrize(
    ("declared", "image", "expected"),
    [
        (None, rows(bob="READ"), []),
        ({}, rows(bob="READ"), [("bob", "READ", "NONE")]),
        (grants(bob="READ"), {}, [("bob", "NONE", "READ")]),
        ({}, rows(**{ME: "READ"}), []),  # nobody can change what the owner can do
        ({}, rows(**{ME.upper(): "READ"}), []),
        (grants(**{ME: "READ", "bob": "READ"}), {}, [("bob", "NONE", "READ")]),
        (grants(**{ME.upper(): "NONE"}), rows(**{ME: "READ"}), []),
        (grants(bob="ALL"), rows(bob="READ_WRITE"), []),
        (grants(bob="READ_WRITE"), rows(bob="READ"), [("bob", "READ", "READ_WRITE")]),
        (grants(bob="NONE"), rows(bob="READ"), [("bob", "READ", "NONE")]),
        (grants(bob="NONE"), {}, []),
        (grants(bob="READ"), rows(Bob="READ"), []),
        (grants(bob="WRITE"), rows(Bob="READ"), [("Bob", "READ", "WRITE")]),
        (grants(alice="READ"), {}, []),
        (grants(Alice="READ"), {}, []),
        (grants(bob="READ"), {"bob": NO_ACCESS}, [("bob", "NONE", "READ")]),
        (grants(), {"bob": NO_ACCESS}, []),
        (grants(), rows(**{"..": "READ"}), [("..", "READ", "NONE")]),
        # A row without access is no difference, unless it keeps somebody from what is declared.
        (grants(zed="READ"), {"world": NO_ACCESS, **rows(zed="READ")}, [("world", "NONE", "NONE")]),
        (grants(bob="READ"), {"world": NO_ACCESS, **rows(bob="READ")}, []),
        (grants(world="READ"), {"bob": NO_ACCESS, **rows(world="READ")}, [("bob", "NONE", "NONE")]),
        (grants(world="READ"), {"zed": NO_ACCESS, **rows(world="READ")}, []),
        (grants(world="READ", bob="NONE"), {"bob": NO_ACCESS, **rows(world="READ")}, []),
        # What world hid must not come to light on the way: down to world, then the rest.
        (
            grants(),
            rows(bob="WRITE", world="READ", zed="WRITE"),
            [("zed", "WRITE", "NONE"), ("world", "READ", "NONE"), ("bob", "WRITE", "NONE")],
        ),
    ],
)
def test_the_current_run_is_held_to_what_is_declared(
    declared: Any, image: Any, expected: list[Any] | list[tuple[str, ...]]
) -> None:
    assert written(declared, image) == expected


def test_additive_leaves_others_but_not_those_that_are_named() -> None:
    image = rows(bob="READ_WRITE", carol="READ", dave="READ")
    found = written(grants(bob="READ", carol="NONE"), image, mode=ADDITIVE)
    assert found == [("bob", "READ_WRITE", "READ"), ("carol", "READ", "NONE")]


def test_writes_go_gains_changes_revokes_and_my_own_last() -> None:
    world = World()
    run = world.add(
        "by hand", owner="olga", acl=rows(alice="READ_WRITE", bob="READ", carol="READ", zed="READ")
    )

    wanted = replace(
        job("x", permissions=grants(bob="READ_WRITE", yan="READ", alice="READ")), pinned=run.id
    )
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, AccessChange)
    assert [grant.user for grant in change.grants] == ["yan", "bob", "zed", "carol", "alice"]
    assert [hazard.name for hazard in plan.hazards] == ["self-lockout"]


def test_my_own_gain_is_written_first() -> None:
    world = World()
    run = world.add("by hand", owner="olga", acl=rows(world="READ_WRITE"))
    wanted = replace(job("x", permissions=grants(bob="READ", **{ME: "READ_WRITE"})), pinned=run.id)
    plan = planned(world, wanted)
    assert [grant.user for grant in all_of(AccessChange, plan.changes)[0].grants] == [
        ME,
        "bob",
        "world",
    ]
    run = world.add("another", owner="olga", acl=rows(**{ME: "WRITE"}))
    wanted = replace(job("x", permissions=grants(**{ME: "ALL", "aaron": "READ"})), pinned=run.id)
    plan = planned(world, wanted)
    assert [grant.user for grant in all_of(AccessChange, plan.changes)[0].grants] == [ME, "aaron"]
    assert plan.hazards == ()


@pytest.mark.parametrize(
    ("declared", "image", "expected"),
    [
        (grants(bob="READ"), rows(bob="READ_WRITE"), [("bob", "READ")]),
        (grants(bob="READ_WRITE"), rows(bob="READ"), []),
        (grants(bob="READ"), rows(bob="WRITE"), [("bob", "NONE")]),
        (grants(bob="READ"), {}, []),
        (grants(), rows(carol="READ"), [("carol", "NONE")]),
        (grants(bob="READ"), rows(Bob="READ_WRITE"), [("Bob", "READ")]),
    ],
)
@pytest.mark.parametrize("state", list(RunState))
def test_a_superseded_run_is_only_ever_reduced(
    declared: Any, image: Any, expected: list[tuple[str, ...]] | list[Any], state: RunState
) -> None:
    wanted = job("align", {"parameters": {"n": 2}}, permissions=declared)
    world = World()
    old = world.of(job("align"), state, acl=image)
    world.of(wanted, acl={u: g.access for u, g in declared.items()})
    plan = planned(world, wanted)
    found = [(g.user, str(g.after)) for c in all_of(AccessChange, plan.changes) for g in c.grants]
    assert found == expected
    assert all(id_of(c.run) == old.id for c in all_of(AccessChange, plan.changes))


def test_failed_and_duplicate_runs_are_reduced_too() -> None:
    wanted = job("align", permissions=grants(bob="READ"))
    world = World()
    failed = world.of(wanted, RunState.FAILED, acl=rows(carol="READ"))
    world.of(wanted, attempt=2, acl=rows(bob="READ"))
    twin = world.of(wanted, attempt=2, acl=rows(dave="READ"))
    plan = planned(world, wanted)
    assert {
        id_of(c.run): [g.user for g in c.grants] for c in all_of(AccessChange, plan.changes)
    } == {
        failed.id: ["carol"],
        twin.id: ["dave"],
    }


def test_a_new_run_starts_private_and_gets_what_is_declared() -> None:
    wanted = job("align", {"parameters": {"n": 2}}, permissions=grants(bob="READ"))
    world = World()
    world.of(job("align"), acl=rows(bob="READ", carol="READ"))
    plan = planned(world, wanted)
    new, old = (change for change in plan.changes if isinstance(change, AccessChange))
    assert (new.run, new.image, [g.user for g in new.grants]) == (None, {}, ["bob"])
    assert [g.user for g in old.grants] == ["carol"]
    world.apply(plan)
    assert planned(world, wanted).changes == ()


@pytest.mark.parametrize("mode", list(PermissionsMode))
@pytest.mark.parametrize("declared", [grants(), grants(bob="READ", carol="NONE")])
@settings(deadline=None, max_examples=40)
@given(image=ROWS[AGAVE.name])
def test_a_restored_run_is_right_after_one_apply(
    mode: str, declared: Any, image: Mapping[str, Access]
) -> None:
    wanted = job("align", permissions=declared, permissions_mode=mode)
    world = World()
    run = world.of(wanted, visible=False, acl=image)
    world.apply(planned(world, wanted))
    assert world.runs[run.id].visible
    assert planned(world, wanted).changes == ()


def test_world_is_named_and_what_it_hides_is_said() -> None:
    wanted = job("align", permissions=grants(world="READ", zed="READ_WRITE"))
    world = World()
    world.of(wanted, acl=rows(zed="READ_WRITE"))
    plan = planned(world, wanted)
    seen = {row.user: (str(row.before), str(row.after)) for row in plan.effective}
    assert seen == {"world": ("NONE", "READ"), "zed": ("READ_WRITE", "READ")}
    assert [hazard.name for hazard in plan.hazards] == ["public-access"]


@pytest.mark.parametrize(
    ("declared", "image", "user", "note"),
    [
        (grants(bob="ALL"), {}, "bob", "may now share it further"),
        (grants(bob="READ"), rows(bob="ALL"), "bob", "may no longer share it"),
        (grants(bob="WRITE"), rows(bob="WRITE", carol="READ"), "carol", "loses all access"),
        (grants(world="READ"), {}, "world", "everybody"),
        (grants(world="ALL"), {}, "world", "everybody may change and share it"),
        (grants(), rows(world="READ"), "world", "no longer for everybody"),
        (grants(world="READ"), rows(world="READ", bob="ALL"), "bob", "but world decides: READ"),
        (grants(bob="READ"), {}, "bob", ""),
    ],
)
def test_notes_say_what_a_row_means(declared: Any, image: Any, user: str, note: str) -> None:
    wanted = job("align", permissions=declared)
    world = World()
    world.of(wanted, acl=image)
    (change,) = planned(world, wanted).changes
    assert isinstance(change, AccessChange)
    assert {grant.user: grant.note for grant in change.grants}[user] == note


def test_the_matrix_has_every_run_and_user_before_and_after() -> None:
    wanted = job("align", {"parameters": {"n": 2}}, permissions=grants(bob="READ"))
    world = World()
    old = world.of(job("align"), acl=rows(carol="READ"))
    new = world.of(wanted, acl=rows(bob="READ_WRITE"))
    state = desired(wanted)
    snapshot = world.snapshot(state)
    cells = {
        (row.run_id, row.user): (str(row.before), str(row.after))
        for row in matrix(state, snapshot, build(state, snapshot))
    }
    assert cells == {
        (new.id, "bob"): ("READ_WRITE", "READ"),
        (new.id, "carol"): ("NONE", "NONE"),
        (old.id, "bob"): ("NONE", "NONE"),
        (old.id, "carol"): ("READ", "NONE"),
    }


def test_access_is_a_pair_and_nothing_else() -> None:
    assert LEVELS["ALL"] == READ_WRITE == LEVELS["READ_WRITE"]
    assert "write" not in READ.gives


def test_an_old_run_keeps_a_row_without_access_since_it_may_keep_others_out() -> None:
    wanted = job("align", {"parameters": {"n": 2}}, permissions=grants(world="READ"))
    world = World()
    world.of(job("align"), acl={"bob": NO_ACCESS, **rows(world="READ")})
    world.of(wanted, acl=rows(world="READ"))
    assert planned(world, wanted).changes == ()


def test_a_row_of_another_case_is_named() -> None:
    wanted = job("align", permissions=grants(bob="READ"))
    world = World()
    run = world.of(wanted, acl=rows(Bob="READ"))
    (warning,) = planned(world, wanted).warnings
    assert f"jobsync jobs pems-revoke {run.id} Bob" in warning


@pytest.mark.parametrize("mode", list(PermissionsMode))
@settings(deadline=None, max_examples=300)
@given(image=ROWS[AGAVE.name], changed=ROWS[AGAVE.name])
def test_rows_that_are_as_declared_are_those_that_nothing_would_change(
    mode: str, image: Mapping[str, Access], changed: Mapping[str, Access]
) -> None:
    """What is passed over for being equal is what the whole comparison would pass over."""
    for declared in (image, changed):
        wanted = job(
            "align",
            permissions=grants(**{user: str(level) for user, level in declared.items()}),
            permissions_mode=mode,
        )
        run = World().of(wanted, acl=image)
        if is_as_declared(wanted, image):
            assert change_current(AGAVE.permissions, wanted, run, image, ME) is None
            assert change_reduced(AGAVE.permissions, wanted, run, image, ME) is None
            assert other_spellings(AGAVE.permissions, wanted, image) == ()
        else:
            assert declared != image
