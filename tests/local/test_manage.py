"""agave-v2 §11, manage, status, history; agave-v2 §4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import Drive, LocalService, Reply, local_service
from tests.local.conftest import stored


def act(service: LocalService, user: str, job: str, action: str, **fields: Any) -> Reply:
    return service.call(user, "POST", f"/jobs/v2/{job}", {"action": action, **fields})


def running(service: LocalService, owner: str, seconds: float = 60) -> str:
    import time

    job: str = service.submit(owner, parameters={"seconds": seconds})["id"]
    for _ in range(500):
        if service.call(owner, "GET", f"/jobs/v2/{job}/status").result["status"] == "RUNNING":
            return job
        time.sleep(0.01)
    raise AssertionError("the job does not run")


def status(service: LocalService, owner: str, job: str) -> str:
    return str(service.call(owner, "GET", f"/jobs/v2/{job}/status").result["status"])


def test_stop_of_a_running_job_is_200_without_result_and_ends_in_failed(
    service: LocalService, owner: str, dialect: str
) -> None:
    job = running(service, owner)
    reply = act(service, owner, job, "StOp")
    assert reply.status == 200
    assert ("result" in reply.json) is (dialect == "aloe")
    assert status(service, owner, job) == ("STOPPED" if dialect == "aloe" else "FAILED")
    got = service.call(owner, "GET", f"/jobs/v2/{job}").result
    if dialect == "agave":
        assert got["message"] == "Successfully killed remote job process."
    again = act(service, owner, job, "stop")
    assert again.status == 200


def test_stop_of_a_waiting_job_ends_in_stopped(tmp_path: Path, dialect: str) -> None:
    with local_service(tmp_path, dialect=dialect, aloe_delay=0.0, cpus=1, kill_delay=0.0) as one:
        first = running(one, "alice")
        waiting = one.submit("alice")["id"]
        assert status(one, "alice", waiting) == "PENDING"
        reply = act(one, "alice", waiting, "stop")
        assert reply.status == 200
        assert ("result" in reply.json) is (dialect == "aloe")
        assert status(one, "alice", waiting) == "STOPPED"
        assert status(one, "alice", first) == "RUNNING"
        one.stop_jobs()


def test_stop_of_a_finished_job_changes_nothing(service: LocalService, owner: str) -> None:
    job = service.wait(owner, service.submit(owner)["id"])
    before = service.call(owner, "GET", f"/jobs/v2/{job['id']}/history").result
    assert act(service, owner, job["id"], "stop").status == 200
    assert status(service, owner, job["id"]) == "FINISHED"
    assert service.call(owner, "GET", f"/jobs/v2/{job['id']}/history").result == before


def test_what_has_just_started_and_ends_by_itself_is_not_failed_by_a_stop(tmp_path: Path) -> None:
    with local_service(tmp_path, kill_delay=5.0) as service:
        job = running(service, "alice", seconds=0.3)
        reply = act(service, "alice", job, "stop")
        assert reply.status == 200
        assert "result" not in reply.json
        assert status(service, "alice", job) in ("ARCHIVING_FINISHED", "FINISHED")
        assert service.wait("alice", job)["status"] == "FINISHED"


def test_the_order_of_the_checks(
    service: LocalService, owner: str, put: Callable[..., JobRow], new_user: Callable[[], str]
) -> None:
    job, hidden, stranger = put().id, put(visible=False).id, new_user()

    def refused(user: str, target: str, body: Any) -> int:
        reply = service.call(user, "POST", f"/jobs/v2/{target}", body)
        return reply.status

    assert refused(owner, "nope", b"") == 404
    assert refused(stranger, job, b"") == 403
    assert refused(stranger, hidden, {"action": "restore"}) == 403
    assert refused(owner, job, {}) == 400
    assert refused(owner, hidden, {}) == 400
    assert refused(owner, hidden, {"action": "stop"}) == 404
    missing = service.call(owner, "POST", f"/jobs/v2/{job}", {"activity": "stop"})
    assert (missing.status, missing.json["message"]) == (400, "No action specified")


@pytest.mark.parametrize("action", ["kill", "archive", "dance", "hide", "cancel"])
def test_other_actions(
    service: LocalService, owner: str, put: Callable[..., JobRow], dialect: str, action: str
) -> None:
    reply = act(service, owner, put().id, action)
    known = dialect == "aloe" and action in ("kill", "hide", "cancel")
    assert reply.status == (200 if known else 400)
    if not known:
        assert reply.json["message"] == f"Invalid action {action}"


def test_reset_is_for_admins(service: LocalService, owner: str, put: Callable[..., JobRow]) -> None:
    assert act(service, owner, put().id, "reset").status == 403


def test_resubmit_is_202_and_a_new_job(service: LocalService, owner: str, dialect: str) -> None:
    old = service.submit(owner, name="Again Please", parameters={"lines": 3})
    service.wait(owner, old["id"])
    reply = act(service, owner, old["id"], "resubmit")
    assert reply.status == 202
    new = reply.result
    assert new["id"] != old["id"]
    assert (new["name"], new["parameters"]["lines"]) == ("Again Please", 3)
    assert new["archivePath"] == f"{owner}/archive/jobs/job-{new['id']}"
    assert service.wait(owner, new["id"])["status"] == "FINISHED"


def test_delete_hides_and_restore_brings_back(
    service: LocalService, owner: str, put: Callable[..., JobRow]
) -> None:
    job = put().id
    path = f"/jobs/v2/{job}"
    assert service.call(owner, "DELETE", path).status == 200
    assert service.call(owner, "DELETE", path).status == 404
    for tail in ("", "/status", "/history", "/pems"):
        assert service.call(owner, "GET", path + tail).status == 404
    assert service.call(owner, "GET", f"{path}/outputs/listings").status == 400
    assert (
        service.call(owner, "GET", path).json["message"] == f"Job with uuid {job} is not visible."
    )
    restored = act(service, owner, job, "restore")
    assert (restored.status, restored.result["id"]) == (200, job)
    assert service.call(owner, "GET", path).status == 200
    again = act(service, owner, job, "restore")
    assert (again.status, again.json["message"]) == (500, "Job is already visible.")
    events = [line["status"] for line in service.call(owner, "GET", f"{path}/history").result]
    assert events[-2:] == ["DELETED", "RESTORED"]


def test_delete_of_a_running_job_stops_it(service: LocalService, owner: str) -> None:
    job = running(service, owner)
    assert service.call(owner, "DELETE", f"/jobs/v2/{job}").status == 200
    row = stored(service, job)
    assert (row.status in ("FAILED", "STOPPED"), row.visible) == (True, False)


def test_aloes_actions_by_path(
    service: LocalService, owner: str, put: Callable[..., JobRow], dialect: str
) -> None:
    job = put(queue="debug", request={}).id
    for action, code in [("hide", 200), ("unhide", 200), ("resubmit", 202), ("cancel", 200)]:
        reply = service.call(owner, "POST", f"/jobs/v2/{job}/{action}")
        # The legacy engine falls through to manage, which misses its body (agave-v2 §1.1).
        assert reply.status == (code if dialect == "aloe" else 400), action


def test_status_texts(
    service: LocalService, owner: str, put: Callable[..., JobRow], new_user: Callable[[], str]
) -> None:
    job = put(status="RUNNING", archive=False).id
    shown = service.call(owner, "GET", f"/jobs/v2/{job}/status").result
    assert shown == {
        "id": job,
        "status": "RUNNING",
        "_links": {"self": {"href": f"{service.url}/jobs/v2/{job}"}},
    }
    missing = service.call(owner, "GET", "/jobs/v2/x/status")
    assert (missing.status, missing.json["message"]) == (404, "Not job found with job id x")
    denied = service.call(new_user(), "GET", f"/jobs/v2/{job}/status")
    assert denied.json["message"] == "User does not have permission to view this job"


def test_get_texts(
    service: LocalService, owner: str, new_user: Callable[[], str], put: Callable[..., JobRow]
) -> None:
    assert service.call(owner, "GET", "/jobs/v2/x").json["message"] == (
        "No job found with job id x."
    )
    reply = service.call(new_user(), "GET", f"/jobs/v2/{put().id}")
    assert (reply.status, reply.json["message"]) == (
        403,
        "User does not have permission to view this job",
    )


def test_history_is_ascending_and_whole(service: LocalService, owner: str, dialect: str) -> None:
    job = service.submit(owner)["id"]
    service.wait(owner, job)
    history = service.call(owner, "GET", f"/jobs/v2/{job}/history").result
    words = [line["status"] for line in history]
    assert words[0] == "PENDING"
    assert words[-1] == "FINISHED"
    assert words.index("SUBMITTING") < words.index("RUNNING") < words.index("CLEANING_UP")
    assert ("ARCHIVING_FINISHED" in words) is (dialect == "agave")
    assert set(history[0]) == {"status", "created", "createdBy", "description"}
    down = service.call(owner, "GET", f"/jobs/v2/{job}/history?order=desc").result
    assert [line["status"] for line in down] == words[::-1]
    page = service.call(owner, "GET", f"/jobs/v2/{job}/history?limit=2&offset=1").result
    assert [line["status"] for line in page] == words[1:3]
    assert service.call(owner, "GET", f"/jobs/v2/{job}/history?order=up").status == 400


def test_history_has_null_descriptions_and_transfer_progress(
    service: LocalService, owner: str, put: Callable[..., JobRow]
) -> None:
    job = put()
    service.service.store.add_event(job.id, "STAGING_INPUTS", None, owner)
    line = service.call(owner, "GET", f"/jobs/v2/{job.id}/history").result[-1]
    assert list(line) == ["progress", "status", "created", "createdBy", "description"]
    assert (line["progress"], line["description"]) == (None, None)


@pytest.mark.parametrize("word", ["STOPPED", "PENDING"])
def test_a_service_that_only_looks_records_the_wish(tmp_path: Path, word: str) -> None:
    """``Drive.NONE``: nothing moves, a stop is remembered and answered."""
    with local_service(tmp_path, drive=Drive.NONE) as service:
        job = service.submit("alice")["id"]
        assert act(service, "alice", job, "stop").status == 200
        row = stored(service, job)
        assert (row.status, row.cancel_requested) == ("PENDING", True)
        if word == "STOPPED":
            service.service.engine.wake()
            service.service.engine.observe()
            assert status(service, "alice", job) == "STOPPED"


@pytest.mark.parametrize(
    ("before", "after"),
    [("STAGED", "STOPPED"), ("PROCESSING_INPUTS", "FAILED"), ("ARCHIVING", None)],
)
def test_what_a_stop_makes_of_other_statuses(
    tmp_path: Path, before: str, after: str | None
) -> None:
    with local_service(tmp_path, drive=Drive.NONE) as service:
        row = JobRow("x-007", "alice", "x", "wc-demo-1.00", status=before, archive_path="alice/x")
        service.service.store.insert_job(row, "made")
        assert act(service, "alice", "x-007", "stop").status == 200
        service.service.engine.wake()
        service.service.engine.observe()
        found = status(service, "alice", "x-007")
        # Archiving here takes milliseconds and is not interrupted.
        assert found == after if after else found in ("FINISHED", "STOPPED", "FAILED")
