"""A job's life, from PENDING to annotations (tapis-v3 §2.2, §4.6, §7)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService
from tests.local.tapis.conftest import User

LINE = ["PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGING_JOB", "SUBMITTING_JOB", "QUEUED",
        "RUNNING", "ARCHIVING", "FINISHED"]  # fmt: skip
NOBODYS = "00000000-0000-4000-8000-00000000dead-007"
EVENT = {"eventData": "x"}
SLOW = 'touch "$_tapisExecSystemOutputDir/began"; sleep 60 & sleep 60\n'


def test_statuses_in_order_and_the_condition_only_at_the_end(
    alice: User, app: Callable[..., str]
) -> None:
    uuid = alice.submit(app())
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["status"] != "FINISHED":
        seen.append(alice.get(f"jobs/{uuid}/status").result)
    words = [one["status"] for one in seen]
    assert sorted(words, key=LINE.index) == words
    assert {one["condition"] for one in seen[:-1]} <= {None}
    assert seen[-1]["condition"] == "NORMAL_COMPLETION"
    lines = alice.get(f"jobs/{uuid}/history").result
    assert [line["eventDetail"] for line in lines] == LINE
    assert {line["event"] for line in lines} == {"JOB_NEW_STATUS"}
    assert [line["created"] for line in lines] == sorted(line["created"] for line in lines)
    part = alice.get(f"jobs/{uuid}/history?limit=2&skip=1").result
    assert [line["eventDetail"] for line in part] == LINE[1:3]


ROUTES = [  # method, path, body; unknown; hidden; foreign
    ("GET", "", None, 500, 200, 401),
    ("GET", "/status", None, 404, 404, 401),
    ("GET", "/history", None, 404, 404, 401),
    ("GET", "/share", None, 404, 404, 401),
    ("POST", "/share", {"grantee": "x", "jobResource": [], "jobPermission": "READ"}, 404, 404, 401),
    ("DELETE", "/share/x", None, 404, 404, 401),
    ("POST", "/hide", None, 404, 200, 401),
    ("POST", "/unhide", None, 404, 200, 401),
    ("PATCH", "/annotations", {}, 404, 200, 401),
    ("PUT", "/annotations", {}, 404, 200, 401),
    ("GET", "/output/list/", None, 500, 404, 401),
    ("GET", "/output/download/x", None, 500, 404, 401),
    ("POST", "/cancel", None, 400, 409, 401),
    ("POST", "/resubmit", None, 400, 400, 401),
    ("POST", "/sendEvent", EVENT, 400, 400, 401),
]


@pytest.mark.parametrize(("method", "path", "body", "unknown", "hidden", "foreign"), ROUTES,
                         ids=[f"{one[0]} {one[1]}" for one in ROUTES])  # fmt: skip
def test_the_table_of_refusals(
    alice: User,
    bob: User,
    put: Callable[..., JobRow],
    method: str,
    path: str,
    body: Any,
    unknown: int,
    hidden: int,
    foreign: int,
) -> None:
    reply = alice.ask(method, f"jobs/{NOBODYS}{path}", body)
    assert reply.status == unknown
    if unknown == 404:
        assert (reply.json["status"], reply.result) == ("success", {"name": NOBODYS})
    elif path in ("", "/cancel") or path.startswith("/output"):
        assert "SELECT_UUID" in reply.json["message"]
    row = put()
    reply = bob.ask(method, f"jobs/{row.id}{path}", body)
    assert (reply.status, "JOBS_MISMATCHED_OWNER" in reply.json["message"]) == (foreign, True)
    unseen = put(visible=False)
    reply = alice.ask(method, f"jobs/{unseen.id}{path}", body)
    assert reply.status == hidden
    if hidden == 404:
        wanted = "error" if path.startswith("/output") else "success"
        assert reply.json["status"] == wanted


def test_a_v2_job_is_unknown(service: LocalService, alice: User) -> None:
    head = {"Authorization": f"Bearer {service.tokens[alice.name]}"}
    body = {"name": "v2", "appId": "wc-demo-1.00", "archive": False}
    made = service.call("", "POST", "/jobs/v2", body, headers=head).result
    assert alice.get(f"jobs/{made['id']}/status").status == 404
    assert alice.get("jobs/list").result == []
    assert service.call("", "GET", f"/jobs/v2/{made['id']}", headers=head).status == 200


def test_cancel(service: LocalService, alice: User, bob: User, app: Callable[..., str]) -> None:
    uuid = alice.submit(app(SLOW))
    alice.wait(uuid, "RUNNING")
    alice.wait_for_file(uuid, "began")
    assert bob.post(f"jobs/{uuid}/cancel").status == 401
    reply = alice.post(f"jobs/{uuid}/cancel")
    assert (reply.status, reply.result) == (200, {"name": uuid})
    job = alice.wait(uuid)
    assert (job["status"], job["condition"]) == ("CANCELLED", "CANCELLED_BY_USER")
    reply = alice.post(f"jobs/{uuid}/cancel")
    assert (reply.status, reply.result) == (409, {"name": uuid})
    # What it wrote until then is in the output directory.
    assert alice.get(f"jobs/{uuid}/output/list/began").status == 200


def test_cancel_before_it_runs(
    tmp_path: Path, service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    blocked = "blocked,seconds=30"
    service.arm(blocked)
    uuid = alice.submit(app())
    assert alice.post(f"jobs/{uuid}/cancel").status == 200
    assert alice.wait(uuid)["condition"] == "CANCELLED_BY_USER"


def test_hide_and_unhide(alice: User, app: Callable[..., str], put: Callable[..., JobRow]) -> None:
    live = alice.submit(app(SLOW))
    for word in ("hide", "unhide"):
        reply = alice.post(f"jobs/{live}/{word}")
        assert (reply.status, reply.result) == (409, {"name": live})
    alice.post(f"jobs/{live}/cancel")
    row = put()
    for _ in range(2):
        assert alice.post(f"jobs/{row.id}/hide").status == 200
        assert alice.get(f"jobs/{row.id}").result["visible"] is False
    assert row.id not in [one["uuid"] for one in alice.get("jobs/list").result]
    for _ in range(2):
        assert alice.post(f"jobs/{row.id}/unhide").status == 200
        assert alice.get(f"jobs/{row.id}/status").status == 200


def test_resubmit(
    alice: User, bob: User, app: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    sent = {"name": "again", "appId": app(), "appVersion": "1.0", "tags": ["t"],
            "notes": {"a": 1}, "parameterSet": {"appArgs": [{"arg": "x"}]},
            "fileInputs": [{"sourceUrl": "tapislocal://exec.tapis/x"}]}  # fmt: skip
    first = alice.post("jobs/submit", sent).result
    assert alice.ask("PATCH", f"jobs/{first['uuid']}/annotations", {"tags": ["new"]}).status == 200
    new = alice.post(f"jobs/{first['uuid']}/resubmit", {}).result
    assert new["uuid"] != first["uuid"]
    assert (new["name"], new["tags"], new["notes"]) == ("again", ["t"], {"a": 1})
    with caplog.at_level(logging.WARNING):
        stored = bob.get(f"jobs/{first['uuid']}/resubmit_request").result
    assert bob.name in caplog.text, "a stranger may read it, and the log says so"
    assert pruned(stored) == sent
    assert stored["jobType"] is None
    assert stored["parameterSet"]["appArgs"][0]["include"] is None
    assert alice.get(f"jobs/{NOBODYS}/resubmit_request").status == 400
    alice.wait(new["uuid"])


def pruned(value: object) -> object:
    if isinstance(value, dict):
        return {key: pruned(one) for key, one in value.items() if one is not None}
    return [pruned(one) for one in value] if isinstance(value, list) else value


def test_events_of_a_user(alice: User, app: Callable[..., str]) -> None:
    uuid = alice.submit(app(SLOW))
    body = {"eventData": "half done", "eventDetail": "progress"}
    assert alice.post(f"jobs/{uuid}/sendEvent", body).status == 200
    for bad in ({}, {"eventData": ""}, {**body, "eventDetail": "x" * 65}, {**body, "more": 1}):
        assert alice.post(f"jobs/{uuid}/sendEvent", bad).status == 400
    alice.post(f"jobs/{uuid}/cancel")
    alice.wait(uuid)
    assert alice.post(f"jobs/{uuid}/sendEvent", body).status == 400
    [line] = [one for one in alice.get(f"jobs/{uuid}/history").result
              if one["event"] == "JOB_USER_EVENT"]  # fmt: skip
    assert (line["eventDetail"], line["description"]) == ("progress", "half done")


def test_annotations(alice: User, put: Callable[..., JobRow]) -> None:
    row = put(tags=["b"], request={"notes": {"old": "x"}})

    def change(method: str, **body: object) -> Any:
        reply = alice.ask(method, f"jobs/{row.id}/annotations", body)
        assert reply.status == 200, reply.body
        assert set(reply.result) == {"id", "uuid", "tags", "notes"}
        return reply.result

    assert change("PATCH")["tags"] == ["b"]
    assert change("PATCH", tags=["B", "a"])["tags"] == ["B", "a", "b"]
    assert change("PATCH", tags=[])["tags"] == ["B", "a", "b"]
    assert change("PATCH", notes={"new": ["y"]})["notes"] == {"old": "x", "new": ["y"]}
    assert change("PATCH", notes={})["notes"] == {"old": "x", "new": ["y"]}
    assert change("PUT")["tags"] == ["B", "a", "b"]
    assert change("PUT", tags=["z"])["notes"] == {"old": "x", "new": ["y"]}
    assert change("PUT", tags=[], notes={}) == {
        "id": row.number, "uuid": row.id, "tags": [], "notes": {}}  # fmt: skip
    assert alice.get(f"jobs/{row.id}").result["notes"] == {}
    for bad in ({"tags": ["x" * 129]}, {"tags": ["a", "a"]}, {"tags": [str(n) for n in range(129)]},
                {"notes": {"": "x"}}, {"notes": {"k" * 129: "x"}}, {"notes": {"k": "x" * 1025}},
                {"notes": {"k": list("x" * 129)}}, {"other": 1}, {"tags": None},
                {"notes": {"k": {"": 1}}}):  # fmt: skip
        assert alice.ask("PATCH", f"jobs/{row.id}/annotations", bad).status == 400, bad
