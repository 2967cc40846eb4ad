"""A job that is not there, and one that the service cannot read: both are a 500 with the same code
(tapis-v3 §2.2). Only the first may be taken for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.errors import NotFound, Refused
from jobsync.model import JsonValue, RunState
from tests.fakes.tapis_world import World, world

NOBODYS = "00000000-0000-4000-8000-000000000000-007"
NAME = "p.a.tabcdefghi"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("absent")) as found:
        yield found


@pytest.fixture(autouse=True)
def disarmed(running: World) -> Iterator[None]:
    yield
    running.service.disarm()


def hidden(running: World, name: str) -> str:
    me = running.as_("alice")
    made = me.submit(name, {"appId": "wc-demo", "appVersion": "1.00"})
    running.service.wait("alice", made.id)
    me.hide(made.id)
    return made.id


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_hidden_run_that_cannot_be_read_is_not_taken_for_none(running: World, times: int) -> None:
    run_id = hidden(running, NAME)
    running.service.arm(f"unreadable-row,times={times}")
    try:
        found = running.as_("alice").runs_named(NAME, [run_id])
    except Refused as error:
        assert not isinstance(error, NotFound) and "SELECT_UUID" in error.said
    else:
        assert run_id in [run.id for run in found]


@pytest.mark.parametrize("fault", ["", "unknown-404"])
def test_a_job_that_is_not_there_is_none(running: World, fault: str) -> None:
    if fault:
        running.service.arm(fault)
    me = running.as_("alice")
    assert me.runs_named("p.b.tabcdefghi", [NOBODYS]) == []
    with pytest.raises(NotFound):
        me.run(NOBODYS)


def test_a_run_is_not_taken_for_deleted_when_it_could_not_be_told_to_stop(
    running: World,
) -> None:
    me = running.as_("alice")
    waits: JsonValue = {"envVariables": [{"key": "wait_seconds", "value": "60"}]}
    made = me.submit(
        "p.c.tabcdefghi", {"appId": "wc-demo", "appVersion": "1.00", "parameterSet": waits}
    )
    running.service.arm("unreadable-row,on=cancel")
    with pytest.raises(Refused, match="SELECT_UUID"):
        me.hide(made.id)
    assert me.run(made.id).state is RunState.ACTIVE
    me.hide(made.id)


def test_what_is_answered_as_hidden_is_looked_at(running: World) -> None:
    """The service answers 200 also where it could not write that down (tapis-v3 §3)."""
    me = running.as_("alice")
    made = running.finished("alice", appId="wc-demo", appVersion="1.00")
    running.service.arm("ignored-hide")
    with pytest.raises(Refused, match="still visible"):
        me.hide(made.id)
    me.hide(made.id)
    with pytest.raises(NotFound):
        me.run(made.id)


def test_rows_of_a_service_that_is_too_old_to_know_a_member(tmp_path: Path) -> None:
    """Asked for it, it answers 400 to every list (tapis-v3 §6.3)."""
    with world(tmp_path, dialect="tapis-1.7") as old:
        me = old.as_("alice")
        made = me.submit(NAME, {"appId": "wc-demo", "appVersion": "1.00"})
        assert [run.id for run in me.runs(lambda row: True)] == [made.id]
        assert [run.id for run in me.runs_by_id([made.id])] == [made.id]
        assert [one.run.id for one in me.archived("alice", lambda folder: True)] == [made.id]
        with pytest.raises(Refused, match="SELECTLIST"):
            me.jobs.search((("select", "uuid,nothing"),))
