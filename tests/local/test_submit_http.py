"""agave-v2 §11, submit, over HTTP; agave-v2 §3 and §9.1. The rules one by one: tests/engine."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.testing import LocalService, Reply, local_service
from tests.local.conftest import stored

APP = {
    "name": "fields",
    "version": "1.0",
    "templatePath": "wrapper.sh",
    "inputs": [
        {"id": "reads", "value": {"required": False}, "semantics": {"maxCardinality": -1}},
        {"id": "nodeCount", "value": {"required": False}},
        {"id": "fixed", "value": {"visible": False, "default": "agave://local/in.txt"}},
    ],
    "parameters": [
        {"id": "text", "value": {"type": "string"}},
        {"id": "number", "value": {"type": "number"}},
        {"id": "flag", "value": {"type": "flag"}},
        {"id": "mode", "value": {"type": "enumeration", "enum_values": ["mem", "aln"]}},
        {"id": "must", "value": {"type": "string", "required": True, "validator": "^[a-z]+$"}},
        {"id": "secret", "value": {"type": "string", "visible": False, "default": "x"}},
    ],
}


@pytest.fixture(scope="module", autouse=True)
def app(shared: LocalService) -> None:
    folder = shared.workspace / "apps" / "fields"
    folder.mkdir(parents=True)
    (folder / "app.json").write_text(json.dumps(APP))
    (folder / "wrapper.sh").write_text("echo done\n")
    (shared.workspace / "in.txt").write_text("one\n")


@pytest.fixture
def submit(service: LocalService, owner: str) -> Callable[..., Reply]:
    def send(**fields: Any) -> Reply:
        body = {"name": "demo", "appId": "fields-1.0", "parameters": {"must": "abc"}, **fields}
        return service.call(owner, "POST", "/jobs/v2", body)

    return send


def refusal(reply: Reply) -> tuple[int, str]:
    assert "result" not in reply.json
    return reply.status, reply.json["message"]


def test_a_submit_is_201_and_get_differs_in_the_known_ways(
    service: LocalService, owner: str, dialect: str, submit: Callable[..., Reply]
) -> None:
    reply = submit(name="  trimmed  ")
    assert reply.status == 201
    sent, got = reply.result, service.call(owner, "GET", f"/jobs/v2/{reply.result['id']}").result
    assert sent["name"] == got["name"] == "trimmed"
    assert sent["id"].endswith("-007")
    if dialect == "aloe":
        assert sent["status"] == "ACCEPTED"
        assert list(sent) == list(got)
        assert sent["created"] is None
        assert sent["accepted"].endswith("Z")
        assert len(sent["id"]) == 40
        return
    assert (sent["status"], sent["executionType"], sent["schedulerType"]) == (
        "PENDING",
        "CLI",
        "FORK",
    )
    assert set(sent) - set(got) == {"lastModified", "executionType", "schedulerType"}
    assert "lastUpdated" in got
    assert "notification" not in sent["_links"]


def test_fields_are_echoed_as_the_service_stores_them(
    service: LocalService, submit: Callable[..., Reply], dialect: str
) -> None:
    job = submit(
        archivePath="",
        memoryPerNode="2 GB",
        maxRunTime="0:05:00",
        unknown="dropped",
        inputs={"reads": "in.txt", "other": "dropped", "child": {"x": 1}},
        parameters={"must": "abc", "number": 5, "other": 1},
    ).result
    row = stored(service, job["id"])
    assert (row.memory_gb, row.max_run_time) == (2.0, "0:05:00")
    assert row.request["inputs"] == {"reads": ["in.txt"], "fixed": ["agave://local/in.txt"]}
    scalar = dialect == "aloe"
    assert job["inputs"]["reads"] == ("in.txt" if scalar else ["in.txt"])
    assert job["parameters"]["number"] == 5
    assert job["parameters"]["must"] == "abc"
    assert "secret" in job["parameters"]
    assert not {"other", "unknown"} & {*job, *job["inputs"], *job["parameters"]}
    if dialect == "agave":
        assert job["memoryPerNode"] == 2.0


@pytest.mark.parametrize(
    ("given", "echo"),
    [
        ({"text": ""}, ""),
        ({"text": "a;b"}, ["a", "b"]),
        ({"text": ["a", "b"]}, ["a", "b"]),
        ({"text": ["a"]}, "a"),
        ({"number": 5}, 5),
        ({"number": 0.5}, "0.5"),
        ({"number": -5}, "-5"),
        ({"number": 1.0}, "1.0"),
        ({"number": 1e5}, "100000.0"),
        ({"flag": True}, True),
        ({"mode": "mem"}, "mem"),
    ],
)
def test_parameters_are_typed(
    submit: Callable[..., Reply], given: dict[str, Any], echo: str | list[str] | int | bool
) -> None:
    [key] = given
    job = submit(parameters={"must": "abc", **given}).result
    assert job["parameters"].get(key) == echo


def test_archive_is_on_by_default_and_its_path_is_made_up(
    service: LocalService, owner: str, submit: Callable[..., Reply], dialect: str
) -> None:
    job = submit().result
    assert job["archive"] is True
    assert job["archivePath"] == f"{owner}/archive/jobs/job-{job['id']}"
    assert job["archiveSystem"] == "archive"
    assert (service.state / "archive" / job["archivePath"]).is_dir()
    off = submit(archive=False).result
    assert off["archive"] is False
    got = service.call(owner, "GET", f"/jobs/v2/{off['id']}").result
    assert ("archivePath" in got) is (dialect == "aloe")
    macros = submit(archivePath=f"{owner}/x/${{JOB_NAME}}-${{JOB_ID}}/${{OTHER}}").result
    assert macros["archivePath"] == f"{owner}/x/demo-{macros['id']}/${{OTHER}}"


def test_an_archive_path_is_echoed_as_given_and_means_one_folder(
    service: LocalService, owner: str
) -> None:
    given = f"/{owner}/given//as/./it-is/"
    job = service.submit(owner, archivePath=given)
    assert job["archivePath"] == given
    assert service.wait(owner, job["id"])["archivePath"] == given
    assert (service.state / "archive" / owner / "given/as/it-is/counts.txt").is_file()
    for term, found in ((given, [job["id"]]), (given.strip("/"), [])):
        asked = urllib.parse.quote(term)
        rows = service.call(owner, "GET", f"/jobs/v2?archivepath.eq={asked}&filter=*").result
        assert [row["id"] for row in rows] == found
    taken = f"agave://archive/{owner}/given/as/it-is/counts.txt"
    after = service.submit(owner, inputs={"text": taken}, name="after")
    assert service.wait(owner, after["id"])["status"] == "FINISHED"
    assert (
        service.call(owner, "GET", f"/files/v2/media/system/archive{given}counts.txt").status == 200
    )


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"name": " "}, 400, "Job name cannot be empty."),
        ({"name": "n" * 65}, 400, None),
        ({"appId": "nothing-1.0"}, 400, "No app found matching nothing-1.0"),
        ({"appId": "nodash"}, 400, "Invalid appId."),
        ({"batchQueue": "none"}, 400, None),
        ({"nodeCount": 0}, 400, None),
        ({"nodeCount": "2.0"}, 400, None),
        ({"maxRunTime": "90 minutes"}, 400, None),
        ({"dependencies": [1]}, 400, "Job dependencies are not yet supported."),
        ({"parameters": {}}, 400, "No input parameter specified for must"),
        ({"parameters": {"must": "123"}}, 400, None),
        ({"parameters": {"must": "abc", "mode": "bad"}}, 400, "Invalid parameter value, 'bad'"),
        ({"parameters": {"must": "abc", "secret": "y"}}, 400, None),
        ({"inputs": {"fixed": "y"}}, 400, "cannot be set manually."),
        ({"inputs": {"reads": "ftp://x/y"}}, 400, None),
        ({"inputs": {"reads": "../../etc/passwd"}}, 403, "You do not have permission"),
        ({"inputs": {"reads": ".jobsync/users.json"}}, 403, "You do not have permission"),
        ({"inputs": {"reads": "agave://nowhere/x"}}, 403, "You do not have permission"),
        ({"archiveSystem": "nowhere", "archivePath": ""}, 400, None),
        ({"archivePath": "bob/x"}, 403, None),
        ({"archivePath": "../x"}, 403, None),
    ],
)
def test_refusals_store_nothing(
    service: LocalService,
    owner: str,
    submit: Callable[..., Reply],
    fields: dict[str, Any],
    status: int,
    text: str | None,
) -> None:
    reply = submit(**fields)
    code, message = refusal(reply)
    assert (code, text is None or text in message) == (status, True), message
    assert service.call(owner, "GET", "/jobs/v2?visible.in=true,false").result == []


@pytest.mark.parametrize(
    "notifications",
    [
        [{"url": "x", "event": "FINISHED"}],
        [{"url": "https://example.org", "event": "not an event"}],
        [{"url": "https://example.org", "event": "*", "colour": "red"}],
        [{"url": "https://example.org", "event": "*", "persistent": "yes"}],
        [{"url": "https://example.org", "event": "*", "policy": {"retryLimit": 9999}}],
        [{"url": "https://example.org", "event": "*"}, 5],
        {"url": "https://example.org"},
    ],
)
def test_a_bad_notification_is_500_and_the_job_exists_and_runs(
    service: LocalService,
    owner: str,
    submit: Callable[..., Reply],
    notifications: list[dict[str, Any]] | list[Any] | dict[str, Any],
) -> None:
    reply = submit(notifications=notifications)
    assert reply.status == 500
    [row] = service.call(owner, "GET", "/jobs/v2").result
    assert service.wait(owner, row["id"])["status"] == "FINISHED"


def test_good_notifications_are_linked_and_never_echoed(
    service: LocalService, owner: str, submit: Callable[..., Reply], dialect: str
) -> None:
    job = submit(
        notifications=[
            {"url": "https://example.org/${JOB_ID}", "event": "FINISHED", "persistent": True},
            {"url": "alice@example.org", "event": "*", "policy": {"retryStrategy": "DELAYED"}},
        ]
    ).result
    got = service.call(owner, "GET", f"/jobs/v2/{job['id']}").result
    assert "notifications" not in {**job, **got}
    if dialect == "agave":
        assert [link["title"] for link in job["_links"]["notification"]] == ["FINISHED", "*"]
        plain = submit(callbackUrl="https://example.org/done").result
        titles = [link["title"] for link in plain["_links"]["notification"]]
        assert titles == ["FINISHED", "FAILED", "STOPPED"]


def test_the_flat_map_lets_an_input_override_a_field(
    service: LocalService, owner: str, submit: Callable[..., Reply], dialect: str
) -> None:
    if dialect == "aloe":
        pytest.skip("a trap of the legacy engine")
    stored = submit(inputs={"name": "from-an-input"}).result
    assert stored["name"] == "from-an-input"
    clash = submit(inputs={"nodeCount": 3})
    assert clash.status == 400
    assert "ClassCastException" in clash.json["message"]
    ordered = '{"inputs":{"name":"first"},"name":"last","appId":"fields-1.0","must":"abc"}'
    late = service.call(
        owner, "POST", "/jobs/v2", ordered.encode(), headers={"Content-Type": "application/json"}
    )
    assert late.result["name"] == "last"


def test_a_form_and_a_file_can_submit_on_the_legacy_engine(
    service: LocalService, owner: str, dialect: str
) -> None:
    form = b"name=by-form&appId=fields-1.0&must=abc&archive=no"
    reply = service.call(
        owner,
        "POST",
        "/jobs/v2/",
        form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert reply.status == (400 if dialect == "aloe" else 201)
    if dialect == "agave":
        assert (reply.result["name"], reply.result["archive"]) == ("by-form", False)


@pytest.mark.parametrize(
    ("fields", "aloe"),
    [
        ({"executionSystem": "local"}, 400),
        ({"jobName": "x"}, 400),
        ({"memoryPerNode": 4}, 400),
        ({"memoryPerNode": "512MB"}, 201),
        ({"archive": True}, 400),
        ({"archive": True, "archivePath": ""}, 201),
        ({"parameters": {"must": "abc", "number": "5"}}, 400),
    ],
)
def test_what_only_aloe_refuses(
    submit: Callable[..., Reply], dialect: str, fields: dict[str, Any], aloe: int
) -> None:
    legacy = 400 if fields.get("memoryPerNode") == "512MB" else 201
    assert submit(**fields).status == {"agave": legacy, "aloe": aloe}[dialect]


def test_aloe_keeps_an_accepted_job_to_itself_for_a_while(tmp_path: Path) -> None:
    with local_service(tmp_path, dialect="aloe", aloe_delay=0.6) as service:
        job = service.submit("alice")["id"]
        accepted = time.monotonic()
        path = f"/jobs/v2/{job}"
        assert service.call("alice", "GET", path).status == 404
        assert service.call("alice", "GET", f"{path}/pems").status == 404
        grant = {"username": "bob", "permission": "READ"}
        assert service.call("alice", "POST", f"{path}/pems", grant).status == 400
        assert service.call("alice", "POST", path, {"action": "stop"}).status == 404
        assert service.call("alice", "GET", "/jobs/v2").result == []
        assert service.wait("alice", job)["status"] == "FINISHED"
        assert time.monotonic() - accepted >= 0.5
        assert len(service.call("alice", "GET", "/jobs/v2").result) == 1


@pytest.mark.parametrize("uri", ["agave://local/x%00y", "x\0y", "agave://archive/a/x%00y"])
def test_a_name_that_no_file_can_have_is_refused_in_the_words_of_the_contract(
    service: LocalService, owner: str, uri: str
) -> None:
    body = {"name": "x", "appId": "wc-demo-1.00", "inputs": {"text": uri}}
    reply = service.call(owner, "POST", "/jobs/v2", body)
    assert (reply.status, reply.json["status"]) == (403, "error")
    assert reply.json["message"].startswith("You do not have permission to access this the input")
