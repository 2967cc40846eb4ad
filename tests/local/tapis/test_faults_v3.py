"""The faults of Tapis, and those of any connection below ``/v3``."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.local.api.tapis.routes import _ANNOTATIONS, _BESIDE, _JOBS, _OPEN
from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService
from tests.local.tapis.conftest import User


def body(app: str) -> dict[str, str]:
    return {"name": "run", "appId": app, "appVersion": "1.0"}


def names(user: User) -> list[str]:
    return [row["uuid"] for row in user.get("jobs/list").result]


def test_row_then_500(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("row-then-500")
    assert alice.post("jobs/submit", body(app())).status == 500
    [uuid] = names(alice)
    job = alice.get(f"jobs/{uuid}").result
    assert (job["status"], job["condition"]) == ("FAILED", "JOB_INTERNAL_ERROR")


def test_row_then_drop(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("row-then-drop")
    with pytest.raises((OSError, http.client.HTTPException)):
        alice.post("jobs/submit", body(app()))
    [uuid] = names(alice)
    assert alice.wait(uuid)["status"] == "FINISHED"


def test_no_record(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("no-record")
    uuid = alice.submit(app())
    for method, path in (("GET", "resubmit_request"), ("POST", "resubmit")):
        reply = alice.ask(method, f"jobs/{uuid}/{path}")
        assert (reply.status, reply.json["message"].split()[0]) == (
            400, "JOBSAPI_RESUBMIT_NOT_FOUND")  # fmt: skip


def test_blocked_and_back(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("blocked,seconds=0.6")
    uuid = alice.submit(app())
    assert alice.get(f"jobs/{uuid}/status").result == {"status": "BLOCKED", "condition": None}
    assert alice.wait(uuid)["status"] == "FINISHED"
    words = [line["eventDetail"] for line in alice.get(f"jobs/{uuid}/history").result]
    assert words[:3] == ["PENDING", "BLOCKED", "PROCESSING_INPUTS"]


def test_cancel_of_a_blocked_job(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    service.arm("blocked,seconds=20")
    uuid = alice.submit(app())
    assert alice.post(f"jobs/{uuid}/cancel").status == 200
    assert alice.wait(uuid)["status"] == "CANCELLED"


def share(alice: User, uuid: str, bob: User) -> None:
    grant = {"grantee": bob.name, "jobResource": ["JOB_OUTPUT"], "jobPermission": "READ"}
    assert alice.post(f"jobs/{uuid}/share", grant).status == 200


@pytest.mark.parametrize(("fault", "status"), [("unshare-500", 500), ("unshare-nothing", 200),
                                               ("ignored-grant", 200)])  # fmt: skip
def test_unshare_that_does_nothing(
    service: LocalService,
    alice: User,
    bob: User,
    put: Callable[..., JobRow],
    fault: str,
    status: int,
) -> None:
    row = put()
    share(alice, row.id, bob)
    service.arm(fault)
    assert alice.ask("DELETE", f"jobs/{row.id}/share/{bob.name}").status == status
    assert len(alice.get(f"jobs/{row.id}/share").result) == 1
    assert alice.ask("DELETE", f"jobs/{row.id}/share/{bob.name}").status == 200
    assert alice.get(f"jobs/{row.id}/share").result == []


def test_a_grant_that_is_answered_and_not_made(
    service: LocalService, alice: User, bob: User, put: Callable[..., JobRow]
) -> None:
    row = put()
    service.arm("ignored-grant")
    share(alice, row.id, bob)
    assert alice.get(f"jobs/{row.id}/share").result == []


def test_shuffle(service: LocalService, alice: User, put: Callable[..., JobRow]) -> None:
    rows = [put() for _ in range(12)]
    service.arm("shuffle")
    orders = {tuple(names(alice)) for _ in range(8)}
    assert len(orders) > 1
    ordered = alice.get("jobs/list?orderBy=id(asc)").result
    assert [row["uuid"] for row in ordered] == [row.id for row in rows]


def test_foreign_provider(service: LocalService, alice: User, bob: User) -> None:
    service.arm("foreign-provider")
    assert alice.get(f"oauth2/profiles/{bob.name}").result["username"] == alice.name
    assert alice.get("oauth2/profiles").status == 400


def test_no_zip_and_never_archived_404(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    script = 'head -c 1000001 /dev/zero > "$_tapisExecSystemOutputDir/big"'
    uuid = alice.run(app(script), archiveMode="NEVER", archiveSystemId="archive")["uuid"]
    path = f"jobs/{uuid}/output/download/big"
    assert alice.get(path).body[:2] == b"PK"
    service.arm("no-zip,times=1")
    assert len(alice.get(path).body) == 1_000_001
    service.arm("never-archived-404")
    assert alice.get(path).status == 404


def test_unknown_404(service: LocalService, alice: User) -> None:
    uuid = "00000000-0000-4000-8000-00000000dead-007"
    assert alice.get(f"jobs/{uuid}").status == 500
    service.arm("unknown-404")
    assert (alice.get(f"jobs/{uuid}").status, alice.get(f"jobs/{uuid}").json["status"]) == (
        404, "success")  # fmt: skip


def test_resubmit_annotated_and_empty_tag(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    uuid = alice.submit(app(), tags=["first"])
    change = {"tags": ["later", ""], "notes": {"a": "b"}}
    assert alice.ask("PATCH", f"jobs/{uuid}/annotations", change).status == 400
    service.arm("empty-tag")
    assert alice.ask("PATCH", f"jobs/{uuid}/annotations", change).result["tags"] == [
        "", "first", "later"]  # fmt: skip
    assert alice.post(f"jobs/{uuid}/resubmit").result["tags"] == ["first"]
    service.arm("resubmit-annotated")
    again = alice.post(f"jobs/{uuid}/resubmit").result
    assert (again["tags"], again["notes"]) == (["", "first", "later"], {"a": "b"})


def test_late(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    service.arm("late,seconds=0.5")
    uuid = alice.submit(app())
    assert alice.get(f"jobs/{uuid}").status == 500
    assert names(alice) == []
    service.disarm()
    assert names(alice) == [uuid]


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [("throttle,retry-after=1", 429, "text/html"), ("html", 502, "text/html"),
     ("html,when=after", 502, "text/html"), ("html-200", 200, "text/html"),
     ("expired", 401, "text/plain")],
)  # fmt: skip
def test_gateways(
    service: LocalService,
    alice: User,
    put: Callable[..., JobRow],
    fault: str,
    status: int,
    kind: str,
) -> None:
    row = put()
    service.arm(f"{fault},on=hide")
    token = {"X-Tapis-Token": service.jwt(alice.name)}
    reply = service.call("", "POST", f"/v3/jobs/{row.id}/hide", headers=token)
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (status, kind)
    was_done = fault.startswith(("html,when=after", "html-200"))
    assert alice.get(f"jobs/{row.id}").result["visible"] != was_done
    if fault == "expired":
        again = service.call("", "GET", "/v3/jobs/list", headers=token)
        assert again.status == 401, "the token really is void"


@pytest.mark.parametrize("fault", ["reset-before", "reset-after", "lost", "truncated", "drip"])
def test_connections(
    service: LocalService, alice: User, put: Callable[..., JobRow], fault: str
) -> None:
    row = put()
    service.arm(f"{fault},on=hide")
    with contextlib.suppress(OSError, http.client.HTTPException):
        alice.post(f"jobs/{row.id}/hide")
    assert service.hits(fault) == 1
    assert alice.get(f"jobs/{row.id}").result["visible"] == (fault == "reset-before")


def test_every_operation_is_named() -> None:
    page = Path(__file__).parents[3] / "docs" / "testing.md"
    row = next(
        line
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("| `on=NAME` below")
    )
    tables = (_OPEN, _JOBS, _ANNOTATIONS, _BESIDE)
    names = {one.name for table in tables for way in table.values() for one in way.values()}
    assert set(row.split("`")[5].split()) == names


def test_short_pages_and_lost_terms(
    service: LocalService, alice: User, put: Callable[..., JobRow]
) -> None:
    rows = [put() for _ in range(5)]
    service.arm("page-limit,limit=2")
    for limit in ("", "limit=-1", "limit=4"):
        assert len(alice.get(f"jobs/search?{limit}").result) == 2
    service.disarm()
    service.arm("drop-filters")
    assert len(alice.get(f"jobs/search?name.eq={rows[0].name}").result) == 5
    service.disarm()
    assert len(alice.get(f"jobs/search?name.eq={rows[0].name}").result) == 1


def test_a_system_that_is_down(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    uuid = alice.run(app())["uuid"]
    service.arm("system-down")
    assert alice.get(f"jobs/{uuid}/output/list/").status == 500
    assert alice.get(f"jobs/{uuid}/output/list/").status == 200


def test_a_system_that_refuses_its_user(
    service: LocalService, alice: User, app: Callable[..., str]
) -> None:
    uuid = alice.run(app())["uuid"]
    service.arm("system-refuses")
    assert alice.get(f"jobs/{uuid}/output/list/").status == 401
    assert alice.get(f"jobs/{uuid}").status == 200, "the token is as good as before"


def test_a_job_that_cannot_be_read_sounds_like_an_unknown_one(
    service: LocalService, alice: User, put: Callable[..., JobRow]
) -> None:
    row = put()
    unknown = alice.get(f"jobs/{row.id[:-8]}{'0' * 5}-007")
    service.arm("unreadable-row")
    unread = alice.get(f"jobs/{row.id}")
    assert unread.status == unknown.status == 500
    code = unread.json["message"].split()[0]
    assert "SELECT_UUID" in code and unknown.json["message"].split()[0] == code
    assert alice.get(f"jobs/{row.id}").status == 200


def test_a_job_that_is_not_hidden_though_the_service_says_so(
    service: LocalService, alice: User, put: Callable[..., JobRow]
) -> None:
    row = put()
    service.arm("ignored-hide")
    assert alice.post(f"jobs/{row.id}/hide").status == 200
    assert alice.get(f"jobs/{row.id}").result["visible"] is True
