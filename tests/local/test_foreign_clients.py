"""What clients of other makers look at, as the platform has it: agave-v2 §11a, both dialects."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService

Put = Callable[..., JobRow]


@pytest.fixture
def workspace(service: LocalService) -> Path:
    return Path(service.service.settings.workspace)


def resubmit(service: LocalService, user: str, job: str, **options: str) -> Any:
    return service.call(user, "POST", f"/jobs/v2/{job}", {"action": "resubmit", **options})


# --- resubmit ------------------------------------------------------------------------------


def test_a_resubmit_belongs_to_whoever_asks(
    service: LocalService, owner: str, new_user: Callable[[], str]
) -> None:
    job = service.wait(owner, service.submit(owner, parameters={"lines": 3})["id"])["id"]
    bob = new_user()
    service.call(owner, "POST", f"/jobs/v2/{job}/pems", {"username": bob, "permission": "WRITE"})
    reply = resubmit(service, bob, job)
    assert reply.status == 202
    new = reply.result
    assert new["owner"] == bob
    assert new["archivePath"] == f"{bob}/archive/jobs/job-{new['id']}"
    assert new["archiveSystem"] == "archive"
    assert new["parameters"]["lines"] == 3
    assert service.wait(bob, new["id"])["status"] == "FINISHED"
    assert service.call(owner, "GET", f"/jobs/v2/{new['id']}").status == 403


def test_a_resubmit_is_checked_again_as_whoever_asks(
    service: LocalService, owner: str, new_user: Callable[[], str], workspace: Path
) -> None:
    (workspace / "gone.txt").write_text("here for now\n")
    inputs = {"text": ["agave://local/gone.txt"]}
    job = service.wait(owner, service.submit(owner, inputs=inputs)["id"])["id"]
    (workspace / "gone.txt").unlink()
    before = service.call(owner, "GET", "/jobs/v2").result
    assert resubmit(service, owner, job).status == 400
    assert service.call(owner, "GET", "/jobs/v2").result == before


def test_a_resubmit_reads_inputs_with_the_rights_of_whoever_asks(
    service: LocalService, owner: str, new_user: Callable[[], str]
) -> None:
    first = service.wait(owner, service.submit(owner, name="first")["id"])
    inputs = {"text": [f"agave://archive/{first['archivePath']}/counts.txt"]}
    job = service.wait(owner, service.submit(owner, inputs=inputs)["id"])["id"]
    bob = new_user()
    grant = {"username": bob, "permission": "READ_WRITE"}
    service.call(owner, "POST", f"/jobs/v2/{job}/pems", grant)
    assert resubmit(service, bob, job).status in (400, 403)
    service.call(owner, "POST", f"/jobs/v2/{first['id']}/pems", grant)
    assert resubmit(service, bob, job).status == 202


def test_hidden_values_of_a_resubmit_come_from_the_app_or_are_refused(
    service: LocalService, owner: str, workspace: Path
) -> None:
    app = workspace / "apps" / "fixed"
    app.mkdir(parents=True)
    (app / "app.json").write_text(
        '{"name": "fixed", "version": "1.0", "templatePath": "wrapper.sh", "parameters": '
        '[{"id": "mode", "value": {"visible": false, "type": "string", "default": "a"}}]}'
    )
    (app / "wrapper.sh").write_text("true\n")
    try:
        job = service.submit(owner, appId="fixed-1.0")["id"]
        service.wait(owner, job)
        new = resubmit(service, owner, job)
        assert (new.status, new.result["parameters"]) == (202, {"mode": ["a"]})
        kept = resubmit(service, owner, job, ignoreParameterConflicts="false")
        assert kept.status == 400
        assert "mode is a fixed value" in kept.json["message"]
    finally:
        service.stop_jobs()
        shutil.rmtree(app)


# --- log files -----------------------------------------------------------------------------


def test_names_of_log_files(service: LocalService, owner: str, dialect: str) -> None:
    job = service.wait(owner, service.submit(owner, name="Log Names")["id"])["id"]
    rows = service.call(owner, "GET", f"/jobs/v2/{job}/outputs/listings").result
    stem = f"Log-Names-{job}" if dialect == "aloe" else "Log-Names"
    assert {f"{stem}.out", f"{stem}.err"} <= {row["name"] for row in rows}


def test_the_last_words_of_a_failed_job_are_found_in_either_name(
    service: LocalService, owner: str, workspace: Path
) -> None:
    app = workspace / "apps" / "says"
    app.mkdir(parents=True)
    (app / "app.json").write_text(
        '{"name": "says", "version": "1.0", "templatePath": "wrapper.sh"}'
    )
    (app / "wrapper.sh").write_text("echo no such tool >&2; exit 3\n")
    try:
        job = service.wait(owner, service.submit(owner, appId="says-1.0")["id"])["id"]
        row = service.service.store.job(job)
        assert row is not None
        assert row.message == "Job exited with status 3. no such tool"
    finally:
        shutil.rmtree(app)


# --- links, history, permissions, flags ------------------------------------------------------


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "STOPPED"])
def test_links_to_the_archive(service: LocalService, owner: str, put: Put, status: str) -> None:
    row = put(status=status, archived=status == "FINISHED")
    archive = f"{service.url}/files/v2/listings/system/archive/{row.archive_path}"
    outputs = f"{service.url}/jobs/v2/{row.id}/outputs/listings"
    full = service.call(owner, "GET", f"/jobs/v2/{row.id}").result
    (short,) = service.call(owner, "GET", f"/jobs/v2?id={row.id}").result
    assert full["_links"]["archiveData"]["href"] == archive
    assert short["_links"]["archiveData"]["href"] == (archive if status == "FINISHED" else outputs)


def test_a_history_is_searched_and_ordered(service: LocalService, owner: str) -> None:
    job = service.wait(owner, service.submit(owner)["id"])["id"]

    def history(query: str) -> Any:
        return service.call(owner, "GET", f"/jobs/v2/{job}/history?{query}")

    lines = history("").result
    assert history("status=running").result == [
        line for line in lines if line["status"] == "RUNNING"
    ]
    assert history("order=desc").result == lines[::-1]
    by_status = history("orderBy=status&order=asc").result
    assert [line["status"] for line in by_status] == sorted(line["status"] for line in lines)
    assert history("description.like=*inputs*").result == [
        line for line in lines if "inputs" in (line["description"] or "")
    ]
    assert history(f"createdBy={owner}&limit=1").result == lines[:1]
    assert history("colour=red").result == lines
    wrong = history("orderBy=nosuch")
    assert (wrong.status, wrong.json["message"]) == (400, "Invalid orderBy value nosuch.")


def test_hidden_jobs_say_that_they_are_hidden(service: LocalService, owner: str, put: Put) -> None:
    job = put(visible=False).id
    path = f"/jobs/v2/{job}"
    for method, below, body in (
        ("GET", "", None),
        ("GET", "/history", None),
        ("GET", "/pems", None),
        ("DELETE", "/pems", None),
        ("DELETE", "/pems/bob", None),
        ("POST", "", {"action": "stop"}),
        ("DELETE", "", None),
    ):
        reply = service.call(owner, method, path + below, body)
        assert reply.status == 404, (method, below)
        assert reply.json["message"] == f"Job with uuid {job} is not visible."


def test_events_name_who_did_it(service: LocalService, owner: str, put: Put) -> None:
    job = put().id
    path = f"/jobs/v2/{job}"
    for user in ("bob", "carol"):
        grant = {"username": user, "permission": "READ"}
        service.call(owner, "POST", f"{path}/pems", grant)
    service.call(owner, "DELETE", f"{path}/pems/bob")
    service.call(owner, "DELETE", f"{path}/pems")
    deleted = service.call(owner, "DELETE", path)
    assert deleted.json["message"] is None
    service.call(owner, "POST", path, {"action": "restore"})
    history = service.call(owner, "GET", f"{path}/history").result
    assert [line["description"] for line in history[-4:]] == [
        "All permissions revoked for bob",
        "All permissions revoked",
        f"Job was deleted by user {owner}.",
        f"Job was restored by {owner}",
    ]


def test_texts_of_refusals(
    service: LocalService, owner: str, put: Put, new_user: Callable[[], str]
) -> None:
    job, stranger = put().id, new_user()
    path = f"/jobs/v2/{job}"

    def refusal(user: str, method: str, below: str, body: Any = None) -> tuple[int, str]:
        reply = service.call(user, method, path + below, body)
        return reply.status, reply.json["message"]

    assert refusal(stranger, "GET", "/history") == (
        403,
        "User does not have permission to view this job history",
    )
    assert refusal(owner, "POST", "", {"action": "reset"}) == (
        403,
        "User does not have permission to roll back this job",
    )
    assert refusal(owner, "POST", "", {"action": ""}) == (400, "Invalid action ")
    assert refusal(owner, "POST", "", {"action": " stop "}) == (400, "Invalid action  stop ")
    blank = {"username": "bob", "permission": " read "}
    assert refusal(owner, "POST", "/pems", blank)[0] == 400
    other = {"username": "carol", "permission": "READ"}
    assert refusal(owner, "POST", "/pems/bob", other) == (
        400,
        "The username value in the request body, carol, does not match the username in the URL, "
        "bob",
    )


def test_flags_are_set_by_true_alone(service: LocalService, owner: str) -> None:
    plain = service.call(owner, "GET", "/profiles/v2/me").body
    for query in ("pretty=1", "naked=1", "naked=yes"):
        assert service.call(owner, "GET", f"/profiles/v2/me?{query}").body == plain
    assert service.call(owner, "GET", "/profiles/v2/me?naked=TRUE").json["username"] == owner


def test_search_by_path_wants_a_value_for_each_attribute(service: LocalService, owner: str) -> None:
    assert service.call(owner, "GET", "/jobs/v2/search/status/FINISHED").status == 200
    reply = service.call(owner, "GET", "/jobs/v2/search/status")
    assert (reply.status, reply.json["message"]) == (400, "Unknown job attribute status")


def test_bodies_that_are_no_request(service: LocalService, owner: str, dialect: str) -> None:
    array = service.call(owner, "POST", "/jobs/v2", [{"a": 1}])
    assert array.status == 400
    if dialect == "agave":
        assert array.json["message"] == "Job name cannot be empty."
    empty = service.call(owner, "POST", "/jobs/v2", {})
    assert empty.json["message"].startswith("No content found. Please POST your content as a ")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    if dialect == "aloe":
        reply = service.call(owner, "POST", "/jobs/v2", b"--x--\r\n", headers=form)
        assert reply.json["message"] == "Unsupported content type. Please use application/json."


# --- systems, apps, files, profiles, clients --------------------------------------------------


def test_systems(service: LocalService, owner: str) -> None:
    rows = service.call(owner, "GET", "/systems/v2").result
    assert [(row["id"], row["type"], row["default"]) for row in rows] == [
        ("local", "EXECUTION", True),
        ("archive", "STORAGE", True),
    ]
    assert "queues" not in rows[0]
    storage = service.call(owner, "GET", "/systems/v2?type=storage&default=true").result
    assert [row["id"] for row in storage] == ["archive"]
    one = service.call(owner, "GET", "/systems/v2/local").result
    assert (one["executionType"], one["scheduler"], one["status"]) == ("CLI", "FORK", "UP")
    (queue,) = service.call(owner, "GET", "/systems/v2/local/queues").result
    assert (queue["name"], queue["default"]) == ("debug", True)
    assert queue == one["queues"][0]
    assert service.call(owner, "GET", "/systems/v2/archive/queues").status == 400
    assert service.call(owner, "GET", "/systems/v2/nosuch").status == 404
    assert service.call(owner, "POST", "/systems/v2", {"id": "x"}).status == 405


def test_an_app_has_every_key(service: LocalService, owner: str) -> None:
    app = service.call(owner, "GET", "/apps/v2/wc-demo-1.00").result
    assert {"uuid", "owner", "icon", "lastModified", "defaultQueue", "defaultMaxRunTime"} <= set(
        app
    )
    assert {"self", "executionSystem", "history", "owner", "permissions"} <= set(app["_links"])
    for one in (*app["inputs"], *app["parameters"]):
        assert {"validator", "visible", "required", "order", "enquote", "default"} <= set(
            one["value"]
        )
        assert {"label", "argument", "showArgument"} <= set(one["details"])
        assert {"minCardinality", "maxCardinality", "ontology"} <= set(one["semantics"])
    (row,) = service.call(owner, "GET", "/apps/v2?publicOnly=true").result
    assert row["lastModified"] == app["lastModified"]
    assert service.call(owner, "GET", "/apps/v2?privateOnly=true").result == []


def test_an_upload_can_be_waited_for(service: LocalService, owner: str, workspace: Path) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="fileToUpload"; filename="new.txt"\r\n\r\n'
        b"new\r\n--x--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = service.call(owner, "POST", "/files/v2/media/system/local/", body, headers=kind)
    made = reply.result
    assert (reply.status, made["status"], made["systemId"]) == (202, "STAGING_QUEUED", "local")
    assert {"uuid", "owner", "source", "nativeFormat"} <= set(made)
    path = made["_links"]["history"]["href"].removeprefix(service.url)
    (event,) = service.call(owner, "GET", path).result
    assert event["status"] == "STAGING_COMPLETED"
    assert service.call(owner, "GET", path + "x").status == 404
    (workspace / "new.txt").unlink()


def test_profiles_and_clients(service: LocalService, owner: str) -> None:
    mail = service.call(owner, "GET", "/profiles/v2/me").result["email"]
    (found,) = service.call(owner, "GET", f"/profiles/v2?email={mail}").result
    assert found["username"] == owner
    assert service.call(owner, "GET", "/profiles/v2?email=nobody@nowhere").result == []
    import base64

    word = base64.b64encode(f"{owner}:{service.tokens[owner]}".encode()).decode()
    basic = {"Authorization": f"Basic {word}"}
    made = service.call("", "POST", "/clients/v2", {"clientName": "tool"}, headers=basic)
    assert (made.status, made.json["message"]) == (201, "Client created successfully.")
    assert {"self", "subscriber", "subscriptions"} == set(made.result["_links"])


def test_a_leading_slash_of_the_archive_path_is_echoed(service: LocalService, owner: str) -> None:
    job = service.submit(owner, archivePath=f"/{owner}/here")
    assert job["archivePath"] == f"/{owner}/here"
