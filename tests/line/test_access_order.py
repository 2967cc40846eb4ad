"""Access while it is changed, through the command: nobody is locked out, nobody gets more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jobsync.testing import LocalService
from tests.line.linebench import Lab

WORDS = {(True, False): "READ", (False, True): "WRITE", (True, True): "ALL"}


@pytest.fixture
def zed(service: LocalService) -> str:
    """A user whose name comes after ``world``, so that a row of ``world`` hides theirs."""
    if "zed" not in service.tokens:
        service.add_user("zed")
    return "zed"


def finished(lab: Lab, **rows: str) -> str:
    """A job of alice's that is over, shared as *rows* say."""
    job = str(lab.service.submit("alice")["id"])
    assert lab.service.wait("alice", job)["status"] == "FINISHED"
    for user, word in rows.items():
        assert may(lab, "alice", "POST", job, {"username": user, "permission": word}) == 201
    return job


def may(lab: Lab, user: str, method: str, job: str, body: Mapping[str, str] | None = None) -> int:
    return lab.service.call(user, method, f"/jobs/v2/{job}/pems", body).status


def rows(lab: Lab, job: str) -> dict[str, str]:
    """The list without the owner's row, which comes first."""
    found = lab.service.call("alice", "GET", f"/jobs/v2/{job}/pems").result[1:]
    return {
        row["username"]: WORDS[row["permission"]["read"], row["permission"]["write"]]
        for row in found
    }


@pytest.mark.parametrize("own", ["", "READ"])
def test_who_narrows_world_to_themselves_is_not_locked_out(lab: Lab, zed: str, own: str) -> None:
    job = finished(lab, world="ALL", **({zed: own} if own else {}))
    share = "{zed: READ_WRITE, bob: READ}"
    lab.write(f"theirs:\n  appId: wc-demo-1.00\n  id: {job}\n  permissions: {share}\n")
    token = lab.service.tokens[zed]
    done = lab.run("apply", "--auto-approve", TAPIS_TOKEN=token)
    assert done.code == 0, done.err
    assert rows(lab, job) == {"bob": "READ", "zed": "ALL"}
    again = lab.run("plan", "--detailed-exitcode", TAPIS_TOKEN=token)
    assert (again.code, again.out[:11]) == (0, "No changes."), again.out + again.err


def test_a_revoke_that_failed_is_not_brought_to_light_by_the_next_one(lab: Lab, zed: str) -> None:
    """zed may only read, since the row of ``world`` decides; and stays so."""
    lab.write("mine: {appId: wc-demo-1.00, parameters: {lines: 3}, permissions: {world: READ}}\n")
    lab.apply("--allow", "public-access")
    [job] = [run["id"] for run in lab.mine()]
    assert may(lab, "alice", "POST", job, {"username": zed, "permission": "ALL"}) == 201
    share = {"username": "mallory", "permission": "READ"}
    assert may(lab, zed, "POST", job, share) == 403
    lab.write("mine: {appId: wc-demo-1.00, parameters: {lines: 3}, permissions: {}}\n")
    lab.service.arm("html,status=500,on=pems-grant,times=3")
    try:
        done = lab.run("apply", "--auto-approve")
    finally:
        lab.service.disarm()
    assert done.code == 1
    assert may(lab, zed, "POST", job, share) == 403
    assert rows(lab, job) == {"world": "READ", "zed": "ALL"}
    assert "zed has READ_WRITE, not NONE" in done.err
    assert (
        "world has READ, not NONE: not changed: zed would have more access than before" in done.err
    )
    lab.apply()
    assert rows(lab, job) == {}


def test_giving_up_the_write_that_one_has_through_world_is_a_hazard(lab: Lab, zed: str) -> None:
    """Also in between: bob's row is left out, since it can only be written after ``world``."""
    job = finished(lab, world="ALL", bob="READ")
    lab.write(f"theirs:\n  appId: wc-demo-1.00\n  id: {job}\n  permissions: {{zed: READ}}\n")
    token = lab.service.tokens[zed]
    plan = lab.run("plan", TAPIS_TOKEN=token)
    assert "self-lockout" in plan.out
    assert f"bob: the access to run {job} stays as it is" in plan.out
    assert lab.run("apply", "--auto-approve", TAPIS_TOKEN=token).code == 4
    done = lab.run("apply", "--auto-approve", "--allow", "self-lockout", TAPIS_TOKEN=token)
    assert done.code == 5, done.err
    assert rows(lab, job) == {"bob": "READ", "zed": "READ"}
