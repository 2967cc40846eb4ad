"""Envelope, tokens, what is answered before any job is looked at (tapis-v3 §1, §2)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, Reply, local_service
from tests.local.tapis.conftest import User

KEYS = {"status", "message", "version", "commit", "build", "result", "metadata"}


def login(service: LocalService, user: str, **more: Any) -> Reply:
    body = {"username": user, "password": service.tokens[user], "grant_type": "password"}
    return service.call("", "POST", "/v3/oauth2/tokens", body, **more)


def basic(name: str, key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_the_envelope_has_all_its_keys_and_the_bare_content_type(alice: User) -> None:
    for reply in (alice.get("jobs/list"), alice.get("jobs/nothing"), alice.get("jobs/healthcheck")):
        assert set(reply.json) == KEYS
        assert reply.headers["content-type"] == "application/json"
    assert alice.get("jobs/nothing").json["metadata"] is None


def test_401_is_plain_text(service: LocalService, alice: User) -> None:
    good = service.jwt(alice.name)
    head, body, sign = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    with local_service(api="tapis/v3", users=("eve",)) as other:
        foreign = other.jwt("eve")
    for token in (None, "", "x", foreign, f"{none}.{body}.", f"{head}.{body}.{sign[:-2]}aa"):
        headers = {} if token is None else {"X-Tapis-Token": token}
        reply = service.call("", "GET", "/v3/jobs/list", headers=headers)
        assert (reply.status, reply.headers["content-type"]) == (401, "text/plain"), token
    bearer = {"Authorization": f"Bearer {service.tokens[alice.name]}"}
    assert service.call("", "GET", "/v3/jobs/list", headers=bearer).status == 401


def test_an_expired_token_is_401_text(tmp_path: Path) -> None:
    with local_service(tmp_path, api="tapis/v3", token_lifetime=0.0) as service:
        reply = service.call("alice", "GET", "/v3/jobs/list")
        assert (reply.status, reply.headers["content-type"]) == (401, "text/plain")
        assert b"EXPIRED" in reply.body


def test_a_token_of_the_other_kind_is_none(service: LocalService, alice: User) -> None:
    """A refresh token opens nothing, nor does the v2 token; the JWT is none for v2."""
    made = service.service.keys.issue(alice.name, "v3:x", service.url)
    for token in (made["refresh_token"]["refresh_token"], service.tokens[alice.name]):
        reply = service.call("", "GET", "/v3/jobs/list", headers={"X-Tapis-Token": token})
        assert reply.status == 401
    jwt = {"Authorization": f"Bearer {service.jwt(alice.name)}"}
    assert service.call("", "GET", "/jobs/v2", headers=jwt).status == 401


def test_unknown_routes_and_methods(service: LocalService, alice: User) -> None:
    reply = alice.get("jobs/a/b/c/d")
    assert (reply.status, reply.json["status"], "result" in reply.json) == (404, "Not Found", False)
    assert service.call("", "GET", "/v3/nothing").status == 404
    reply = alice.ask("PUT", "jobs/list")
    assert (reply.status, reply.json["status"]) == (500, "Internal Server Error")
    reply = alice.post("jobs/submit", b"a=b", headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.json["status"]) == (501, "Not Implemented")


def test_slashes_and_empty_bodies(alice: User, put: Callable[..., JobRow]) -> None:
    row = put()
    assert alice.get(f"/jobs//{row.id}/").result["uuid"] == row.id
    assert alice.post(f"jobs/{row.id}/hide").status == 200
    assert alice.post(f"jobs/{row.id}/hide", {}).status == 200


def test_health_needs_no_token(service: LocalService) -> None:
    for path in ("healthcheck", "readycheck"):
        assert service.call("", "GET", f"/v3/jobs/{path}").status == 200


# --- tokens -------------------------------------------------------------------------------


def test_the_password_grant_gives_an_access_token_alone(service: LocalService, alice: User) -> None:
    reply = login(service, alice.name)
    assert (reply.status, set(reply.result)) == (200, {"access_token"})
    assert set(reply.json) == {"message", "metadata", "result", "status", "version"}
    found = reply.result["access_token"]
    said = claims(found["access_token"])
    assert said["iss"] == f"{service.url}/v3/tokens"
    assert (said["sub"], said["tapis/username"]) == (f"{alice.name}@local", alice.name)
    assert said["tapis/tenant_id"] == "local"
    assert found["expires_in"] == 14400
    head = {"X-Tapis-Token": found["access_token"]}
    assert service.call("", "GET", "/v3/oauth2/userinfo", headers=head).result["username"] == (
        alice.name
    )


def test_a_form_is_taken_too(service: LocalService, alice: User) -> None:
    form = f"username={alice.name}&password={service.tokens[alice.name]}&grant_type=password"
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.call("", "POST", "/v3/oauth2/tokens", form.encode(), headers=head).status == 200


def test_a_wrong_password_is_400_in_the_authenticators_envelope(
    service: LocalService, alice: User
) -> None:
    for user, password in ((alice.name, "no"), ("nobody-here", ""), (alice.name, "")):
        body = {"username": user, "password": password, "grant_type": "password"}
        reply = service.call("", "POST", "/v3/oauth2/tokens", body)
        assert (reply.status, reply.json["status"], reply.result) == (400, "error", None)
        assert "commit" not in reply.json


def test_refresh_belongs_to_its_client_and_works_once(service: LocalService, alice: User) -> None:
    made = [alice.post("oauth2/clients", {}).result for _ in range(2)]
    (one, key), (other, other_key) = ((c["client_id"], c["client_key"]) for c in made)
    reply = login(service, alice.name, headers=basic(one, key))
    refresh = {"grant_type": "refresh_token",
               "refresh_token": reply.result["refresh_token"]["refresh_token"]}  # fmt: skip

    def ask(**headers: Any) -> Reply:
        return service.call("", "POST", "/v3/oauth2/tokens", refresh, **headers)

    assert ask().status == 400
    assert ask(headers=basic(other, other_key)).status == 400
    assert ask(headers=basic(one, "wrong")).status == 400
    again = ask(headers=basic(one, key))
    assert again.status == 200
    assert ask(headers=basic(one, key)).status == 400, "a refresh token works once"
    assert claims(again.result["access_token"]["access_token"])["tapis/refresh_count"] == 1
    stored = service.state / "jobs.db"
    assert refresh["refresh_token"].encode() not in stored.read_bytes()


def test_a_revoked_token_is_refused(service: LocalService, alice: User) -> None:
    token = service.jwt(alice.name)
    head = {"X-Tapis-Token": token}
    assert service.call("", "GET", "/v3/jobs/list", headers=head).status == 200
    assert service.call("", "POST", "/v3/oauth2/tokens/revoke", {"token": token}).status == 200
    assert service.call("", "GET", "/v3/jobs/list", headers=head).status == 401


def test_a_client_of_one_api_is_none_for_the_other(service: LocalService, alice: User) -> None:
    made = alice.post("oauth2/clients", {"client_id": f"mine-{alice.name}"}).result
    bearer = {"Authorization": f"Bearer {service.tokens[alice.name]}"}
    own = basic(alice.name, service.tokens[alice.name])
    assert service.call("", "GET", "/clients/v2", headers=own).result == []
    form = f"grant_type=password&username={alice.name}&password={service.tokens[alice.name]}"
    head = {**basic(f"v3:{made['client_id']}", made["client_key"]),
            "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    assert service.call("", "POST", "/token", form.encode(), headers=head).status == 401
    assert alice.ask("DELETE", f"oauth2/clients/{made['client_id']}").status == 200
    assert bearer


def test_the_key_is_private_and_new_tokens_survive_a_restart_unless_renewed(tmp_path: Path) -> None:
    with local_service(tmp_path, api="tapis/v3") as service:
        token = {"X-Tapis-Token": service.jwt("alice")}
        assert (service.state / "tapis.key").stat().st_mode & 0o777 == 0o600
    for renew, status in ((False, 200), (True, 401)):
        with local_service(tmp_path, api="tapis/v3", renew=renew) as service:
            assert service.call("", "GET", "/v3/jobs/list", headers=token).status == status


# --- tenants, people ------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tenants_and_sites_say_the_address_as_it_was_asked(
    service: LocalService, host: str
) -> None:
    port = service.url.rpartition(":")[2]
    head = {"Host": f"{host}:{port}"}
    [row] = service.call("", "GET", "/v3/tenants", headers=head).result
    assert row["base_url"] == f"http://{host}:{port}"
    assert service.call("", "GET", "/v3/sites", headers=head).result[0]["site_id"] == row["site_id"]


def test_profiles(alice: User, bob: User, user: Callable[..., User]) -> None:
    assert alice.get(f"oauth2/profiles/{bob.name}").result["username"] == bob.name
    assert alice.get("oauth2/profiles/nobody-here").status == 400
    assert bob.name in {row["username"] for row in alice.get("oauth2/profiles").result}
