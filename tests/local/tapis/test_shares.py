"""Shares and subscriptions, and what bob may do with alice's job (tapis-v3 §9, §10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from tests.local.tapis.conftest import User

RESOURCES = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")
READ = {"grantee": "x", "jobResource": ["JOB_OUTPUT"], "jobPermission": "READ"}
SUBSCRIPTION = {"eventCategoryFilter": "JOB_NEW_STATUS", "ttlMinutes": 5,
                "deliveryTargets": [{"deliveryMethod": "WEBHOOK",
                                     "deliveryAddress": "https://h.example/"}]}  # fmt: skip

# Every route of a job: method, path, body, and the resource that opens it to somebody else.
ROUTES = [
    ("GET", "jobs/{}", None, "JOB_HISTORY"),
    ("GET", "jobs/{}/status", None, "JOB_HISTORY"),
    ("GET", "jobs/{}/history", None, "JOB_HISTORY"),
    ("GET", "jobs/{}/output/list/", None, "JOB_OUTPUT"),
    ("GET", "jobs/{}/output/list/tapisjob.out?limit=1", None, "JOB_OUTPUT"),
    ("GET", "jobs/{}/output/download/tapisjob.out", None, "JOB_OUTPUT"),
    ("GET", "jobs/{}/resubmit_request", None, "anybody"),
    ("GET", "jobs/{}/share", None, None),
    ("POST", "jobs/{}/share", READ, None),
    ("DELETE", "jobs/{}/share/x", None, None),
    ("POST", "jobs/{}/cancel", None, None),
    ("POST", "jobs/{}/hide", None, None),
    ("POST", "jobs/{}/unhide", None, None),
    ("POST", "jobs/{}/resubmit", None, None),
    ("POST", "jobs/{}/sendEvent", {"eventData": "x"}, None),
    ("PATCH", "jobs/{}/annotations", {"tags": ["bobs"]}, None),
    ("PUT", "jobs/{}/annotations", {"tags": ["bobs"]}, None),
    ("GET", "jobs/subscribe/{}", None, None),
    ("POST", "jobs/subscribe/{}", SUBSCRIPTION, None),
    ("DELETE", "jobs/subscribe/{}", None, None),
]


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_route_of_bob_on_alices_job(
    alice: User, bob: User, app: Callable[..., str], resource: Any
) -> None:
    uuid = alice.run(app(), archiveSystemId="archive")["uuid"]
    place = alice.get(f"jobs/{uuid}").result["archiveSystemDir"]
    files = f"files/ops/archive{place}"

    def opened() -> set[tuple[str, str]]:
        found = set()
        for method, path, body, _ in ROUTES:
            reply = bob.ask(method, path.format(uuid), body)
            assert reply.status in (200, 401), (method, path, reply.body)
            if reply.status == 401:
                assert "JOBS_MISMATCHED_OWNER" in reply.json["message"]
            else:
                found.add((method, path))
        return found

    anybody = {(method, path) for method, path, _, opens in ROUTES if opens == "anybody"}
    before = alice.get(f"jobs/{uuid}").result
    assert opened() == anybody
    assert bob.get(files).status == 403
    grant = {**READ, "grantee": bob.name, "jobResource": [resource]}
    assert alice.post(f"jobs/{uuid}/share", grant).status == 200
    assert opened() == anybody | {
        (method, path) for method, path, _, opens in ROUTES if opens == resource
    }
    assert bob.get(files).status == (200 if resource == "JOB_OUTPUT" else 403)
    shared = bob.get("jobs/list?listType=SHARED_JOBS").result
    assert [row["uuid"] for row in shared] == [uuid], "any resource puts it into the list"
    assert alice.ask("DELETE", f"jobs/{uuid}/share/{bob.name}").status == 200
    assert opened() == anybody
    assert bob.get("jobs/list?listType=SHARED_JOBS").result == []
    assert alice.get(f"jobs/{uuid}").result == before, "bob changed nothing"


def test_outputs_of_a_shared_job_as_an_input(
    alice: User, bob: User, app: Callable[..., str]
) -> None:
    """What a job may read is what its owner may: before and after the share."""
    uuid = alice.run(app('echo secret > "$_tapisExecSystemOutputDir/s"\n'))["uuid"]
    [row] = alice.get(f"jobs/{uuid}/output/list/s").result
    name = app('cat "$_tapisExecSystemInputDir/s"\n')
    request = {"fileInputs": [{"sourceUrl": row["url"]}]}
    job = bob.run(name, **request)
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_UNABLE_TO_STAGE_INPUTS")
    alice.post(f"jobs/{uuid}/share", {**READ, "grantee": bob.name})
    job = bob.run(name, **request)
    assert bob.text(job["uuid"]) == "secret\n"
    own = f"tapis://local/.work/jobs/{uuid}/tapisjob.sh"
    job = bob.run(name, fileInputs=[{"sourceUrl": own}])
    assert job["status"] == "FAILED", "the share opens the outputs, not the rest of the folder"


def test_rows(alice: User, bob: User, put: Callable[..., JobRow]) -> None:
    row = put()
    assert alice.get(f"jobs/{row.id}/share").result == []
    grant = {**READ, "grantee": bob.name, "jobResource": ["JOB_OUTPUT", "JOB_HISTORY"]}
    for _ in range(2):
        assert alice.post(f"jobs/{row.id}/share", grant).status == 200
    rows = alice.get(f"jobs/{row.id}/share?limit=1").result
    assert [one["jobResource"] for one in rows] == ["JOB_OUTPUT", "JOB_HISTORY"]
    assert {key: rows[0][key] for key in rows[0] if key not in ("created", "jobResource")} == {
        "tenant": "local", "createdby": alice.name, "jobUuid": row.id, "grantee": bob.name,
        "jobPermission": "READ"}  # fmt: skip
    assert alice.post(f"jobs/{row.id}/share", {**grant, "jobResource": []}).status == 200
    assert alice.post(f"jobs/{row.id}/share", {**grant, "grantee": ""}).status == 200
    assert len(alice.get(f"jobs/{row.id}/share").result) == 4
    for bad in ({"jobPermission": "WRITE"}, {"jobResource": ["JOB"]}, {"grantee": "x" * 65},
                {"jobResource": ["JOB_OUTPUT", "JOB_OUTPUT"]}, {"more": 1}):  # fmt: skip
        assert alice.post(f"jobs/{row.id}/share", {**grant, **bad}).status == 400, bad
    assert alice.ask("DELETE", f"jobs/{row.id}/share/nobody").status == 200
    assert alice.ask("DELETE", f"jobs/{row.id}/share/{bob.name}").status == 200
    assert {one["grantee"] for one in alice.get(f"jobs/{row.id}/share").result} == {""}
    events = [one["event"] for one in alice.get(f"jobs/{row.id}/history").result]
    assert events.count("JOB_SHARE_EVENT") == 7


def test_an_admin_removes_nothing(
    alice: User, bob: User, user: Callable[..., User], put: Callable[..., JobRow]
) -> None:
    row = put()
    admin = user("admin")
    assert admin.post(f"jobs/{row.id}/share", {**READ, "grantee": bob.name}).status == 200
    assert admin.ask("DELETE", f"jobs/{row.id}/share/{bob.name}").status == 200
    assert len(admin.get(f"jobs/{row.id}/share").result) == 1
    assert alice.ask("DELETE", f"jobs/{row.id}/share/{bob.name}").status == 200
    assert alice.get(f"jobs/{row.id}/share").result == []


def test_subscriptions(
    alice: User, bob: User, app: Callable[..., str], put: Callable[..., JobRow]
) -> None:
    uuid = alice.submit(app("sleep 60\n"), subscriptions=[SUBSCRIPTION])
    assert len(alice.get(f"jobs/subscribe/{uuid}").result) == 1
    assert alice.post(f"jobs/subscribe/{uuid}", SUBSCRIPTION).status == 200
    assert bob.post(f"jobs/subscribe/{uuid}", SUBSCRIPTION).status == 401
    wrong: list[dict[str, Any]] = [
        {"ttlminutes": 5},
        {"ttlMinutes": -1},
        {"deliveryTargets": []},
        {"eventCategoryFilter": "X"},
    ]
    for bad in wrong:
        assert alice.post(f"jobs/subscribe/{uuid}", {**SUBSCRIPTION, **bad}).status == 400, bad
    rows = alice.get(f"jobs/subscribe/{uuid}").result
    assert len(rows) == 2
    one = alice.ask("DELETE", f"jobs/subscribe/{rows[0]['uuid']}")
    assert one.result == {"changes": 1}
    assert alice.ask("DELETE", f"jobs/subscribe/{rows[0]['uuid']}").status == 400
    assert bob.ask("DELETE", f"jobs/subscribe/{rows[1]['uuid']}").status == 401
    assert alice.ask("DELETE", f"jobs/subscribe/{uuid}").result == {"changes": 1}
    assert alice.get(f"jobs/{uuid}/resubmit_request").result["subscriptions"][0]["ttlMinutes"] == 5
    alice.post(f"jobs/{uuid}/cancel")
    alice.wait(uuid)
    assert alice.post(f"jobs/subscribe/{uuid}", SUBSCRIPTION).status == 400
    nobody = "00000000-0000-4000-8000-00000000dead-007"
    assert alice.post(f"jobs/subscribe/{nobody}", SUBSCRIPTION).status == 400
    assert alice.ask("DELETE", f"jobs/subscribe/{nobody}").status == 400
