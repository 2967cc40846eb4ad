"""Permissions: given, taken and obeyed. For every service that there is."""

from __future__ import annotations

import pytest

from jobsync.backend import Backend
from jobsync.errors import Forbidden, NotFound, Refused
from jobsync.model import NO_ACCESS, Access
from jobsync.permission_model import effective
from tests.contract.service import Service


def level(service: Service, word: str) -> Access:
    return service.as_("alice").platform.permissions.levels[word]


def test_a_new_run_is_its_owners_alone(service: Service) -> None:
    alice, bob = service.as_("alice"), service.as_("bob")
    run = service.ended()
    assert alice.access(run.id) == {}
    for ask in (bob.run, bob.access, bob.files):
        with pytest.raises((Forbidden, NotFound)):
            ask(run.id)
    assert bob.runs(lambda row: row.id == run.id) == []


def test_what_is_shared_with_a_user_is_in_a_whole_list(service: Service) -> None:
    alice, bob = service.as_("alice"), service.as_("bob")
    shared = [service.ended() for _ in range(3)]
    for run in shared:
        alice.grant(run.id, "bob", level(service, "READ"))
    ids = {run.id for run in (*shared, service.ended())}
    with service.small_pages():
        found = bob.shared_runs(lambda row: row.id in ids, (shared[0].name[:3],))
    assert {run.id for run in found} == {run.id for run in shared}
    assert {run.owner for run in found} == {"alice"}


def test_every_level_is_read_back_as_it_was_given(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    given: dict[str, Access] = {}
    for number, access in enumerate(alice.platform.permissions.levels.values()):
        if access != NO_ACCESS:
            user = f"user{number}"
            alice.grant(run.id, user, access)
            given[user] = access
            assert alice.access(run.id) == given
    with service.small_pages():
        assert alice.access(run.id) == given
    for user in list(given):
        alice.grant(run.id, user, NO_ACCESS)
        del given[user]
        assert alice.access(run.id) == given


def test_a_level_is_replaced_and_not_added(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    for access in alice.platform.permissions.levels.values():
        alice.grant(run.id, "bob", access)
        assert alice.access(run.id) == ({} if access == NO_ACCESS else {"bob": access})


def test_a_user_without_a_row_gets_just_what_is_given(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    levels = [one for one in alice.platform.permissions.levels.values() if one != NO_ACCESS]
    given = {f"user{number}": access for number, access in enumerate(levels)}
    for user, access in given.items():
        alice.grant(run.id, user, access, is_new=True)
    alice.grant(run.id, "nobody", NO_ACCESS, is_new=True)
    assert alice.access(run.id) == given


def test_taking_away_what_nobody_has_changes_nothing(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    alice.grant(run.id, "bob", level(service, "READ"))
    alice.grant(run.id, "carol", NO_ACCESS)
    assert alice.access(run.id) == {"bob": level(service, "READ")}
    assert alice.run(run.id).visible


def test_a_reader_may_read_and_no_more(service: Service) -> None:
    alice, bob = service.as_("alice"), service.as_("bob")
    run = service.ended()
    alice.grant(run.id, "bob", level(service, "READ"))
    assert bob.run(run.id) == alice.run(run.id)
    # A list need not have what others share, but has nothing else.
    assert {row.id for row in bob.runs(lambda row: row.id == run.id)} <= {run.id}
    assert [found.owner for found in service.named(run, "bob")] == ["alice"]
    assert bob.files(run.id) == alice.files(run.id)
    with pytest.raises(Refused):
        bob.grant(run.id, "carol", level(service, "READ"))
    for change in (bob.stop, bob.hide):
        with pytest.raises(Refused):
            change(run.id)
    assert alice.access(run.id) == {"bob": level(service, "READ")} and alice.run(run.id).visible
    alice.grant(run.id, "bob", NO_ACCESS)
    with pytest.raises((Forbidden, NotFound)):
        bob.run(run.id)


def test_who_may_manage_a_list_changes_it(service: Service) -> None:
    alice, bob = service.as_("alice"), service.as_("bob")
    model = alice.platform.permissions
    if not model.managing:
        pytest.skip("only owners change lists there")
    run = service.ended()
    alice.grant(run.id, "bob", model.levels[model.managing])
    bob.grant(run.id, "carol", level(service, "READ"))
    assert alice.access(run.id)["carol"] == level(service, "READ")


def test_what_the_model_says_is_what_the_service_does(service: Service) -> None:
    """Rows of somebody and of everybody, in all pairs: who may see the run."""
    alice = service.as_("alice")
    model = alice.platform.permissions
    run = service.ended()
    levels = {access.word: access for access in model.levels.values()}.values()
    seeing = model.levels[model.seeing].gives if model.seeing else service.showing
    for of_bob in levels:
        for of_all in levels if model.everybody else [NO_ACCESS]:
            rows = {"bob": of_bob, **({model.everybody: of_all} if model.everybody else {})}
            for user, access in rows.items():
                alice.grant(run.id, user, access)
            there = {user: access for user, access in rows.items() if access != NO_ACCESS}
            assert alice.access(run.id) == there
            for user in ("bob", "carol"):
                allowed = effective(model, there, "alice", user)
                expected = seeing is not None and seeing <= allowed.gives
                assert sees(service.as_(user), run.id) is expected, (there, user)


def sees(backend: Backend, run_id: str) -> bool:
    try:
        backend.run(run_id)
    except (Forbidden, NotFound):
        return False
    return True
