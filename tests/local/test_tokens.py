"""Who is asking: agave-v2 §7; agave-v2 §11, bearer."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import sqlite3
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from jobsync.testing import LocalService, Reply, local_service


def basic(name: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def form(service: LocalService, path: str, fields: Any, headers: dict[str, str]) -> Reply:
    body = urllib.parse.urlencode(fields).encode()
    head = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return service.call("", "POST", path, body, headers=head)


def with_token(service: LocalService, token: str, path: str = "/jobs/v2") -> Reply:
    return service.call("", "GET", path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(service: LocalService, owner: str) -> tuple[str, str]:
    """An OAuth2 client of a user: (key, secret)."""
    reply = service.call(
        "",
        "POST",
        "/clients/v2/",
        {"clientName": "tests", "description": "for tests"},
        headers=basic(owner, service.tokens[owner]),
    )
    assert reply.status == 201
    return reply.result["consumerKey"], reply.result["consumerSecret"]


def password_grant(
    service: LocalService, owner: str, client: tuple[str, str], **more: str
) -> Reply:
    fields = {
        "grant_type": "password",
        "username": owner,
        "password": service.tokens[owner],
        "scope": "PRODUCTION",
        **more,
    }
    return form(service, "/token", fields, basic(*client))


def refresh(service: LocalService, client: tuple[str, str], token: str) -> Reply:
    fields = {"grant_type": "refresh_token", "refresh_token": token, "scope": "PRODUCTION"}
    return form(service, "/token", fields, basic(*client))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, 900902),
        ({"Authorization": ""}, 900902),
        ({"Authorization": "Bearer "}, 900902),
        ({"Authorization": "Basic YTpi"}, 900902),
        ({"Authorization": "Bearer wrong"}, 900901),
        ({"Authorization": "Bearer \xff\xfe"}, 900901),
    ],
)
def test_missing_and_wrong_tokens_are_gateway_faults(
    service: LocalService, header: dict[str, Any], code: int
) -> None:
    for path in ("/jobs/v2", "/jobs/v2/x/pems", "/apps/v2", "/profiles/v2/me", "/files/v2/media/x"):
        reply = service.call("", "GET", path, headers=header)
        assert reply.status == 401
        assert set(reply.json) == {"fault"}
        assert reply.json["fault"]["code"] == code


def test_gateway_faults_can_be_xml(service: LocalService) -> None:
    service.arm("gateway-xml")
    reply = with_token(service, "wrong")
    assert reply.status == 401
    assert reply.headers["content-type"].startswith("application/xml")
    assert b"<ams:code>900901</ams:code>" in reply.body


def test_who_a_token_is(service: LocalService, owner: str) -> None:
    assert service.call(owner, "GET", "/profiles/v2/me").result["username"] == owner
    assert service.call(owner, "GET", "/profiles/v2/bob").result["username"] == "bob"
    assert service.call(owner, "GET", "/profiles/v2/nobody").status == 404
    [row] = service.call(owner, "GET", "/profiles/v2?username=bob").result
    assert row["username"] == "bob"


def test_the_token_flow(service: LocalService, owner: str, client: tuple[str, str]) -> None:
    reply = password_grant(service, owner, client)
    assert reply.status == 200
    issued = reply.json
    assert set(issued) == {"access_token", "refresh_token", "expires_in", "token_type", "scope"}
    assert (issued["token_type"], issued["scope"], issued["expires_in"]) == (
        "bearer",
        "default",
        14400,
    )
    me = with_token(service, issued["access_token"], "/profiles/v2/me")
    assert me.result["username"] == owner
    same = password_grant(service, owner, client).json
    assert same["access_token"] == issued["access_token"]
    renewed = refresh(service, client, issued["refresh_token"]).json
    assert renewed["access_token"] != issued["access_token"]
    assert renewed["refresh_token"] != issued["refresh_token"]
    assert with_token(service, issued["access_token"]).status == 401
    assert with_token(service, renewed["access_token"]).status == 200
    used = refresh(service, client, issued["refresh_token"])
    assert (used.status, used.json["error"]) == (400, "invalid_grant")


def test_of_many_refreshes_with_one_token_one_wins(
    service: LocalService, owner: str, client: tuple[str, str]
) -> None:
    issued = password_grant(service, owner, client).json
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda _: refresh(service, client, issued["refresh_token"]), range(8))
        )
    assert sorted(reply.status for reply in replies) == [200] + [400] * 7


def test_an_expired_token_is_900904_until_it_is_refreshed(
    service: LocalService, owner: str, client: tuple[str, str]
) -> None:
    issued = password_grant(service, owner, client).json
    service.arm("expired")
    for _ in range(2):
        reply = with_token(service, issued["access_token"])
        assert reply.status == 401
    assert service.hits("expired") == 1
    renewed = refresh(service, client, issued["refresh_token"]).json
    assert with_token(service, renewed["access_token"]).status == 200


def test_tokens_expire_by_the_clock(tmp_path: Path) -> None:
    with local_service(tmp_path, token_lifetime=0.0) as service:
        made = service.call(
            "", "POST", "/clients/v2", {"clientName": "c"},
            headers=basic("alice", service.tokens["alice"]),
        ).result  # fmt: skip
        key = made["consumerKey"], made["consumerSecret"]
        issued = password_grant(service, "alice", key).json
        reply = with_token(service, issued["access_token"])
        assert reply.json["fault"]["code"] == 900904
        assert reply.json["fault"]["message"] == "Invalid Credentials"
        assert password_grant(service, "alice", key).json["access_token"] != issued["access_token"]


def test_refused_grants(service: LocalService, owner: str, client: tuple[str, str]) -> None:
    assert form(service, "/token", {"grant_type": "password"}, {}).status == 401
    assert form(service, "/token", {"grant_type": "password"}, basic("x", "y")).status == 401
    wrong = password_grant(service, owner, client, password="wrong")
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    assert password_grant(service, owner, client, username="nobody").status == 400
    admin = password_grant(service, owner, client, grant_type="admin_password")
    assert admin.json["error"] == "unsupported_grant_type"
    assert service.call("", "GET", "/token").status == 405
    issued = password_grant(service, owner, client).json
    assert with_token(service, issued["refresh_token"]).status == 401
    assert refresh(service, client, issued["access_token"]).status == 400


def test_revoke(service: LocalService, owner: str, client: tuple[str, str]) -> None:
    issued = password_grant(service, owner, client).json
    reply = form(service, "/revoke", {"token": issued["access_token"]}, basic(*client))
    assert reply.status == 200
    assert with_token(service, issued["access_token"]).status == 401
    assert form(service, "/revoke", {"token": "x"}, basic("x", "y")).status == 401


def test_clients(service: LocalService, owner: str, client: tuple[str, str]) -> None:
    head = basic(owner, service.tokens[owner])
    [listed] = service.call("", "GET", "/clients/v2", headers=head).result
    assert (listed["name"], listed["consumerKey"]) == ("tests", client[0])
    assert "consumerSecret" not in listed
    again = service.call("", "POST", "/clients/v2", {"clientName": "tests"}, headers=head)
    assert again.status == 400
    assert service.call("", "GET", "/clients/v2/tests", headers=head).status == 200
    issued = password_grant(service, owner, client).json
    assert service.call("", "DELETE", "/clients/v2/tests", headers=head).status == 200
    assert service.call("", "DELETE", "/clients/v2/tests", headers=head).status == 404
    assert with_token(service, issued["access_token"]).status == 401
    assert service.call("", "GET", "/clients/v2", headers=basic(owner, "wrong")).status == 401
    assert service.call("", "GET", "/clients/v2").status == 401


def test_no_token_lies_in_the_database(
    service: LocalService, owner: str, client: tuple[str, str]
) -> None:
    issued = password_grant(service, owner, client).json
    secrets = [service.tokens[owner], issued["access_token"], issued["refresh_token"], client[1]]
    dump = "\n".join(sqlite3.connect(service.state / "jobs.db").iterdump())
    raw = b"".join(path.read_bytes() for path in service.state.glob("jobs.db*"))
    for secret in secrets:
        assert secret not in dump
        assert secret.encode() not in raw


def test_users_json(service: LocalService, owner: str) -> None:
    path = service.state / "users.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert service.state.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_text())[owner] == service.tokens[owner]
    assert (service.state / ".gitignore").read_text() == "*\n"


def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    with local_service(tmp_path) as first:
        token = first.tokens["alice"]
        key = first.call(
            "", "POST", "/clients/v2", {"clientName": "c"}, headers=basic("alice", token)
        ).result
        client = key["consumerKey"], key["consumerSecret"]
        issued = password_grant(first, "alice", client).json
    with local_service(tmp_path, users=("carol",)) as second:
        assert second.tokens["alice"] == token
        assert second.call("alice", "GET", "/jobs/v2").status == 200
        assert with_token(second, issued["access_token"]).status == 200
        assert refresh(second, client, issued["refresh_token"]).status == 200
