"""agave-v2 §11, routing and envelope; agave-v2 §1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService
from tests.local.conftest import stored

PATHS = ["", "/status", "/history", "/pems", "/outputs/listings"]


@pytest.mark.parametrize("path", PATHS)
def test_a_trailing_slash_and_doubled_slashes_mean_nothing(
    service: LocalService, put: Callable[..., JobRow], owner: str, path: str
) -> None:
    if path == "/outputs/listings":
        job = service.wait(owner, service.submit(owner)["id"])["id"]
    else:
        job = put().id
    replies = [
        service.call(owner, "GET", f"/jobs/v2/{job}{path}"),
        service.call(owner, "GET", f"/jobs/v2/{job}{path}/"),
        service.call(owner, "GET", f"//jobs//v2//{job}/{path}//"),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert len({reply.body for reply in replies}) == 1


def test_the_list_takes_both_forms(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    put()
    assert len(service.call(owner, "GET", "/jobs/v2").result) == 1
    assert len(service.call(owner, "GET", "/jobs/v2/").result) == 1
    assert len(service.call(owner, "GET", f"{service.url}/jobs/v2/?limit=1").result) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/jobs/v2"),
        ("DELETE", "/jobs/v2"),
        ("PUT", "/jobs/v2/{job}"),
        ("PATCH", "/jobs/v2/{job}"),
        ("POST", "/jobs/v2/{job}/status"),
        ("DELETE", "/jobs/v2/{job}/status"),
        ("DELETE", "/jobs/v2/{job}/history/x"),
        ("PUT", "/jobs/v2/{job}/pems/bob"),
        ("DELETE", "/jobs/v2/{job}/outputs/listings/x"),
        ("POST", "/jobs/v2/{job}/outputs/media/x"),
        ("OPTIONS", "/jobs/v2/{job}"),
    ],
)
def test_a_wrong_method_is_405_in_the_error_envelope(
    service: LocalService, put: Callable[..., JobRow], owner: str, method: str, path: str
) -> None:
    reply = service.call(owner, method, path.format(job=put().id))
    assert reply.status == 405
    assert reply.json["status"] == "error"
    assert "result" not in reply.json
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"


@pytest.mark.parametrize("tail", ["bob", "nonsense/deeper", "outputs", "outputs/x", "permissions"])
def test_an_unknown_path_below_a_job_is_the_job_and_delete_deletes_it(
    service: LocalService, put: Callable[..., JobRow], owner: str, tail: str
) -> None:
    job = put().id
    assert service.call(owner, "GET", f"/jobs/v2/{job}/{tail}").result["id"] == job
    assert service.call(owner, "DELETE", f"/jobs/v2/{job}/{tail}").status == 200
    assert service.call(owner, "GET", f"/jobs/v2/{job}").status == 404
    assert stored(service, job).visible is False


def test_envelope_of_a_success(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    reply = service.call(owner, "GET", f"/jobs/v2/{put().id}/status")
    assert list(reply.json) == ["status", "message", "version", "result"]
    assert reply.json["status"] == "success"
    assert reply.json["message"] is None


def test_the_version_tells_the_engine_as_the_sdk_compares_it(
    service: LocalService, put: Callable[..., JobRow], owner: str, dialect: str
) -> None:
    version = service.call(owner, "GET", "/jobs/v2").json["version"]
    assert (version > "2.2.22-r7deb380") is (dialect == "aloe")


def test_no_result_key_on_delete_and_errors(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    job = put().id
    deleted = service.call(owner, "DELETE", f"/jobs/v2/{job}")
    assert deleted.status == 200
    assert "result" not in deleted.json
    again = service.call(owner, "DELETE", f"/jobs/v2/{job}")
    assert again.status == 404
    assert list(again.json) == ["status", "message", "version"]
    dropped = service.call(owner, "DELETE", f"/jobs/v2/{put().id}/pems")
    assert (dropped.status, "result" in dropped.json) == (200, False)


def test_naked_and_pretty(service: LocalService, put: Callable[..., JobRow], owner: str) -> None:
    job = put().id
    naked = service.call(owner, "GET", f"/jobs/v2/{job}/status?naked=true")
    assert naked.json["id"] == job
    error = service.call(owner, "GET", "/jobs/v2/nope?naked=true")
    assert (error.status, error.body) == (404, b"")
    pretty = service.call(owner, "GET", f"/jobs/v2/{job}/status?pretty=true")
    assert b'\n  "status": "success"' in pretty.body
    plain = service.call(owner, "GET", f"/jobs/v2/{job}/status")
    assert pretty.json == plain.json
    assert b"\n" not in plain.body


def test_unknown_services_are_the_gateways_404(service: LocalService, owner: str) -> None:
    reply = service.call(owner, "GET", "/nothing/v2/x")
    assert reply.status == 404
    assert reply.json["fault"]["code"] == 404
    assert service.call(owner, "GET", "/_faults2").status == 404


def test_links_carry_the_address_the_client_used(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    job = put().id
    reply = service.call(owner, "GET", f"/jobs/v2/{job}", headers={"Host": "example.org:8443"})
    assert reply.result["_links"]["self"]["href"] == f"http://example.org:8443/jobs/v2/{job}"
    hostile = service.call(owner, "GET", f"/jobs/v2/{job}", headers={"Host": "a/b?c"})
    assert hostile.status == 421


# --- bodies (agave-v2 §1.3) ------------------------------------------------------------------


def _multipart(content: bytes, name: str = "fileToUpload") -> tuple[bytes, dict[str, str]]:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"; filename="j.json"'
        b"\r\nContent-Type: application/json\r\n\r\n" + content + b"\r\n--x--\r\n"
    )
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


JSON_HEAD = {"Content-Type": "application/json; charset=utf-8"}
FORM_HEAD = {"Content-Type": "application/x-www-form-urlencoded"}


def test_pems_take_json_form_and_multipart(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    path = f"/jobs/v2/{put().id}/pems"
    upload, head = _multipart(b'{"username":"carol","permission":"READ"}')
    for body, headers, user in [
        (b'{"username":"bob","permission":"READ"}', JSON_HEAD, "bob"),
        (b"username=dave&permission=READ", FORM_HEAD, "dave"),
        (upload, head, "carol"),
    ]:
        reply = service.call(owner, "POST", path, body, headers=headers)
        assert reply.status == 201
        assert reply.result["username"] == user


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        (b"", JSON_HEAD, "No content found."),
        (b"{}", JSON_HEAD, "No content found."),
        (b"[]", JSON_HEAD, "No content found."),
        (b"{bad", JSON_HEAD, "Invalid JSON found."),
        (b'"text"', JSON_HEAD, "Invalid JSON found."),
        (b'{"a": NaN}', JSON_HEAD, "Invalid JSON found."),
        (b'{"name": "\\ud800"}', JSON_HEAD, "Invalid JSON found."),
        (b"[" * 100_000, JSON_HEAD, "Invalid JSON found."),
        (b"", FORM_HEAD, "No content found."),
        (b"<a/>", {"Content-Type": "text/xml"}, "Unsupported content type."),
        (_multipart(b"{}", "other")[0], _multipart(b"")[1], "No content found."),
    ],
)
def test_what_both_parsers_refuse(
    service: LocalService,
    put: Callable[..., JobRow],
    owner: str,
    dialect: str,
    body: Any,
    headers: Any,
    text: str,
) -> None:
    path = f"/jobs/v2/{put().id}"
    for target in (path, f"{path}/pems"):
        reply = service.call(owner, "POST", target, body, headers=headers)
        assert (reply.status, reply.json["message"].startswith(text)) == (400, True), target
    if dialect == "aloe" and headers is not JSON_HEAD:
        text = "Unsupported content type."  # Aloe's submit takes JSON only (agave-v2 §9.1)
    reply = service.call(owner, "POST", "/jobs/v2", body, headers=headers)
    assert (reply.status, reply.json["message"].startswith(text)) == (400, True)


def test_a_missing_content_type_differs_between_the_parsers(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    job = put().id
    body = b'{"username":"bob","permission":"READ"}'
    assert "No content found." in service.call(
        owner, "POST", f"/jobs/v2/{job}/pems", body, headers={}
    ).json["message"]  # fmt: skip
    submit = service.call(owner, "POST", "/jobs/v2", b'{"name":"x"}', headers={})
    assert (submit.status, "Unsupported content type." in submit.json["message"]) == (400, True)


def test_the_map_parser_makes_text_of_everything(
    service: LocalService, put: Callable[..., JobRow], owner: str
) -> None:
    path = f"/jobs/v2/{put().id}/pems"
    null_user = service.call(owner, "POST", path, {"username": None, "permission": "READ"})
    assert (null_user.status, null_user.json["message"]) == (400, "No user found matching null")
    number = service.call(owner, "POST", path, {"username": 7, "permission": "READ"})
    assert number.result["username"] == "7"
    null_word = service.call(owner, "POST", path, {"username": "7", "permission": None})
    assert (null_word.status, null_word.result["permission"]["read"]) == (201, False)
    nested = service.call(owner, "POST", path, {"username": "7", "permission": {"read": True}})
    assert nested.status == 200


def test_a_body_that_is_too_large_is_refused(service: LocalService, owner: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(20 * 1024 * 1024)}
    reply = service.call(owner, "POST", "/jobs/v2", b'{"name": "x"', headers=headers)
    assert reply.status == 413
