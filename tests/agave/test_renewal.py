# ruff: noqa: SIM117 - a server, then a client of it, then what is expected
"""A token is renewed once, by one of many, and the new pair is where other tools look for it."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import requests

from jobsync.errors import SubmitAmbiguous, SubmitRejected, Unauthorized
from jobsync.model import JsonValue
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave import token_store
from jobsync.platforms.agave.credentials import Credentials, TokenKeeper, explicit, find_credentials
from jobsync.secret import Secret
from tests.fakes.agave_world import APP, World, world
from tests.fakes.scripted_server import JOB, ScriptedServer, envelope, fault, http
from tests.fakes.waiting import Hands

URL = "https://api.tacc.example"


class Endpoint:
    """A token endpoint that rotates: each refresh token works once."""

    def __init__(self, refresh: str = "r1", *, password: str = "", forgetful: str = "") -> None:
        self.refresh, self.password, self.forgetful = refresh, password, forgetful
        self.forms: list[dict[str, str]] = []

    def grant(self, form: Mapping[str, str], key: str, secret: Secret) -> dict[str, JsonValue]:
        assert (key, secret.reveal()) == ("k1", "s3")
        self.forms.append(dict(form))
        number = len(self.forms)
        by_refresh = form["grant_type"] == "refresh_token"
        wanted = form["refresh_token"] == self.refresh if by_refresh else self.password
        if not wanted or (not by_refresh and form["password"] != self.password):
            raise Unauthorized("cannot renew the token: invalid_grant", status=400)
        self.refresh = f"fresh-r{number}"
        answer: dict[str, JsonValue] = {"access_token": f"fresh-a{number}", "expires_in": 14400}
        return answer if self.forgetful else {**answer, "refresh_token": self.refresh}


def bash_file(folder: Path) -> dict[str, str]:
    content = {
        "tenantid": "t",
        "baseurl": f"{URL}/",
        "apisecret": "s3",
        "apikey": "k1",
        "username": "alice",
        "access_token": "a1",
        "refresh_token": "r1",
        "created_at": "1",
        "expires_in": "2",
        "expires_at": "long ago",
    }
    folder.mkdir(exist_ok=True)
    (folder / "current").write_text(json.dumps(content))
    return {"TAPIS_CACHE_DIR": str(folder)}


def keeper(found: Credentials, endpoint: Endpoint) -> TokenKeeper:
    return TokenKeeper(URL, found, endpoint, Hands().timing)


def renewed(holder: TokenKeeper, stale: str, grants: int = 1) -> str | None:
    found = holder.renew(Secret(stale), grants)
    return None if found is None else found.token.reveal()


def test_the_new_pair_goes_back_into_every_file(tmp_path: Path) -> None:
    environ = bash_file(tmp_path)
    current = json.loads((tmp_path / "current").read_text())
    elsewhere = {**current, "username": "bob", "refresh_token": "r9"}
    config = {
        "current": {"laptop": {**current, "created_at": 1, "expires_in": 2}},
        "sessions": {"t": {"alice": {"laptop": current}, "bob": {"laptop": elsewhere}}},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "current").chmod(0o644)
    fresh = renewed(keeper(find_credentials(environ, None), Endpoint()), "a1")
    assert fresh == "fresh-a1"
    written = json.loads((tmp_path / "current").read_text())
    assert list(written) == list(current)
    assert (written["access_token"], written["refresh_token"]) == ("fresh-a1", "fresh-r1")
    assert (written["created_at"], written["expires_in"]) == ("1800000000", "14400")
    assert written["apisecret"] == "s3" and written["expires_at"] != "long ago"
    sessions = json.loads((tmp_path / "config.json").read_text())
    assert sessions["current"]["laptop"]["access_token"] == "fresh-a1"
    assert sessions["current"]["laptop"]["created_at"] == 1_800_000_000
    assert sessions["sessions"]["t"]["alice"]["laptop"]["refresh_token"] == "fresh-r1"
    assert sessions["sessions"]["t"]["bob"]["laptop"] == elsewhere
    for name in ("current", "config.json"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("current", "config.json", ".jobsync-renew.lock"),
    }


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    environ = bash_file(tmp_path / "real")
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "current").symlink_to(tmp_path / "real" / "current")
    environ["TAPIS_CACHE_DIR"] = str(tmp_path / "seen")
    renewed(keeper(find_credentials(environ, None), Endpoint()), "a1")
    assert (tmp_path / "seen" / "current").is_symlink()
    assert "fresh-a1" in (tmp_path / "real" / "current").read_text()


@pytest.mark.parametrize("kept", ["in a file", "in variables"])
def test_many_threads_renew_once(tmp_path: Path, kept: str) -> None:
    endpoint = Endpoint()
    environ = {"TAPIS_BASE_URL": URL, "TAPIS_API_KEY": "k1", "TAPIS_API_SECRET": "s3"}
    environ |= {"TAPIS_TOKEN": "a1", "TAPIS_REFRESH_TOKEN": "r1"}
    if kept == "in a file":
        environ = bash_file(tmp_path)
    holder = keeper(find_credentials(environ, None), endpoint)
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(renewed(holder, "a1"))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["fresh-a1"] * 16 and len(endpoint.forms) == 1


def test_what_another_process_renewed_is_taken_over(tmp_path: Path) -> None:
    environ = bash_file(tmp_path)
    endpoint = Endpoint()
    one = keeper(find_credentials(environ, None), endpoint)
    other = keeper(find_credentials(environ, None), endpoint)
    assert renewed(one, "a1") == "fresh-a1"
    assert renewed(other, "a1") == "fresh-a1"
    assert len(endpoint.forms) == 1
    assert renewed(other, "fresh-a1") == "fresh-a2"
    assert renewed(one, "fresh-a1") == "fresh-a2"
    assert [form["refresh_token"] for form in endpoint.forms] == ["r1", "fresh-r1"]


def test_what_somebody_else_renewed_costs_no_grant(tmp_path: Path) -> None:
    environ = bash_file(tmp_path)
    endpoint = Endpoint()
    one, other = (keeper(find_credentials(environ, None), endpoint) for _ in range(2))
    assert renewed(one, "a1", grants=0) is None
    found = one.renew(Secret("a1"), 1)
    assert found is not None and found.grants == 0
    found = other.renew(Secret("a1"), 1)
    assert found is not None and found.grants == 1 and len(endpoint.forms) == 1


def test_the_old_refresh_token_stays_when_no_new_one_comes(tmp_path: Path) -> None:
    holder = keeper(find_credentials(bash_file(tmp_path), None), Endpoint(forgetful="yes"))
    renewed(holder, "a1")
    assert json.loads((tmp_path / "current").read_text())["refresh_token"] == "r1"


def test_a_dead_refresh_token_falls_back_to_the_password(tmp_path: Path) -> None:
    environ = bash_file(tmp_path) | {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": "pw"}
    endpoint = Endpoint("dead", password="pw")
    assert renewed(keeper(find_credentials(environ, None), endpoint), "a1")
    assert [form["grant_type"] for form in endpoint.forms] == ["refresh_token", "password"]
    assert endpoint.forms[1]["username"] == "alice" and endpoint.forms[1]["scope"] == "PRODUCTION"
    assert json.loads((tmp_path / "current").read_text())["refresh_token"] == "fresh-r2"


def test_a_dead_refresh_token_alone_is_an_error_with_the_words(tmp_path: Path) -> None:
    holder = keeper(find_credentials(bash_file(tmp_path), None), Endpoint("dead"))
    with pytest.raises(Unauthorized, match="invalid_grant"):
        renewed(holder, "a1")
    assert "a1" in (tmp_path / "current").read_text()


def test_the_first_token_comes_from_a_password() -> None:
    environ = {"TAPIS_BASE_URL": URL, "TAPIS_API_KEY": "k1", "TAPIS_API_SECRET": "s3"}
    environ |= {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": "pw"}
    holder = keeper(find_credentials(environ, None), Endpoint(password="pw"))
    assert holder.token() == Secret("fresh-a1") == holder.token()


def test_a_bare_token_cannot_be_renewed() -> None:
    assert renewed(keeper(explicit(URL, "t"), Endpoint()), "t") is None


def test_a_pair_that_could_not_be_kept_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint()
    holder = keeper(find_credentials(bash_file(tmp_path), None), endpoint)

    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(token_store, "check_replaceable", full)
    with pytest.raises(Unauthorized, match="No space left"):
        renewed(holder, "a1")
    assert endpoint.forms == []


# --- over HTTP -------------------------------------------------------------------------


def login(service_url: str, user: str, password: str, folder: Path) -> dict[str, str]:
    """A ``current`` file as the other clients write it, from the service's own endpoints."""
    made = requests.post(
        f"{service_url}/clients/v2/", data={"clientName": "t"}, auth=(user, password), timeout=5
    ).json()["result"]
    key, secret = made["consumerKey"], made["consumerSecret"]
    form = {"grant_type": "password", "username": user, "password": password}
    pair = requests.post(
        f"{service_url}/token", data={**form, "scope": "PRODUCTION"}, auth=(key, secret), timeout=5
    ).json()
    content = {"baseurl": service_url, "apikey": key, "apisecret": secret, "username": user}
    folder.mkdir()
    (folder / "current").write_text(json.dumps({**content, **pair}))
    return {"TAPIS_CACHE_DIR": str(folder)}


@pytest.fixture
def expiring(tmp_path: Path) -> Iterator[tuple[World, dict[str, str]]]:
    with world(tmp_path / "w") as found:
        environ = login(found.service.url, "alice", found.service.tokens["alice"], tmp_path / "c")
        yield found, environ


def connected(environ: dict[str, str]) -> closing[agave.AgaveBackend]:
    found = find_credentials(environ, None)
    return agave.connect(found.base_url, found)


def test_an_expired_token_is_renewed_in_mid_run(expiring: tuple[World, dict[str, str]]) -> None:
    found, environ = expiring
    before = json.loads((Path(environ["TAPIS_CACHE_DIR"]) / "current").read_text())
    with connected(environ) as alice:
        assert alice.whoami() == "alice"
        found.service.faults.add("expired")
        assert alice.whoami() == "alice"
        found.service.faults.add("expired,code=900903")
        made = alice.submit("renewed.x.aaaaaaaaaa", {"appId": APP})
        assert [run.id for run in alice.runs_named("renewed.x.aaaaaaaaaa")] == [made.id]
    after = json.loads((Path(environ["TAPIS_CACHE_DIR"]) / "current").read_text())
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]
    with connected(environ) as again:
        assert again.whoami() == "alice"


def _ask_often(environ: dict[str, str], results: multiprocessing.Queue[str]) -> None:
    try:
        with connected(environ) as alice:
            for _ in range(10):
                assert alice.whoami() == "alice"
        results.put("fine")
    except Exception as error:  # whatever it is, the parent shows it
        results.put(repr(error))


def test_processes_that_share_a_login_do_not_log_each_other_out(
    expiring: tuple[World, dict[str, str]],
) -> None:
    found, environ = expiring
    for after in (4, 18):
        found.service.faults.add(f"expired,after={after}")
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=_ask_often, args=(environ, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(10)
    assert answers == ["fine"] * 3
    assert found.service.faults.hits("expired") == 2


@pytest.mark.parametrize("reader", [True, False])
def test_renewing_is_a_connection_of_its_own(reader: bool, tmp_path: Path) -> None:
    """A reader may renew, though it may not POST: with Basic, on the token URL alone."""
    pair = http(200, b'{"access_token":"new","refresh_token":"r","expires_in":1}')
    replies = (fault(401, 900904), pair, envelope({"username": "alice"}))
    with ScriptedServer(*replies) as server:
        credentials = Credentials(
            server.url, Secret("old"), Secret("r1"), "k1", Secret("s3"), "alice"
        )
        connect = agave.connect_reader if reader else agave.connect
        with connect(server.url, credentials) as client:
            assert client.whoami() == "alice"
    first, token, second = server.seen
    assert first.headers["authorization"] == "Bearer old"
    assert token.line == "POST /token HTTP/1.1"
    assert token.headers["authorization"] == "Basic azE6czM="
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert token.body == b"grant_type=refresh_token&refresh_token=r1&scope=PRODUCTION"
    assert second.headers["authorization"] == "Bearer new"


def test_a_token_is_renewed_once_per_request() -> None:
    pair = http(200, b'{"access_token":"new","refresh_token":"r","expires_in":1}')
    with ScriptedServer(fault(401, 900904), pair, fault(401, 900904, "Inactive")) as server:
        credentials = Credentials(server.url, Secret("old"), Secret("r1"), "k1", Secret("s3"))
        with agave.connect(server.url, credentials) as client:
            with pytest.raises(Unauthorized, match="Inactive"):
                client.whoami()
    assert len(server.seen) == 3


def test_a_submit_goes_again_only_after_a_proven_refusal() -> None:
    pair = http(200, b'{"access_token":"new","refresh_token":"r","expires_in":1}')
    denied = envelope(None, 401, "Permission denied. Invalid authentication credentials")
    for first, posts in ((fault(401, 900903), 2), (denied, 1), (fault(401, 7, "expired"), 1)):
        with ScriptedServer(first, pair, envelope(JOB, 201)) as server:
            credentials = Credentials(server.url, Secret("old"), Secret("r1"), "k1", Secret("s3"))
            with agave.connect_jobs(server.url, credentials) as client:
                if posts == 2:
                    assert client.submit("p.a.f", {}).id == JOB["id"]
                else:
                    with pytest.raises(SubmitAmbiguous):
                        client.submit("p.a.f", {})
            sent = [seen.target for seen in server.seen]
            assert sent.count("/jobs/v2/") == posts


def test_a_submit_whose_renewal_fails_was_rejected() -> None:
    refused = http(400, b'{"error":"invalid_grant","error_description":"gone"}')
    with ScriptedServer(fault(401, 900904), refused) as server:
        credentials = Credentials(server.url, Secret("old"), Secret("r1"), "k1", Secret("s3"))
        with agave.connect_jobs(server.url, credentials) as client:
            with pytest.raises(SubmitRejected, match="invalid_grant: gone"):
                client.submit("p.a.f", {})
    assert [seen.target for seen in server.seen] == ["/jobs/v2/", "/token"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"access_token":7}', b'{"access_token":"a\\r\\nX: y"}']
)
def test_a_token_endpoint_that_gives_no_token(body: bytes) -> None:
    with ScriptedServer(http(200, body)) as server:
        credentials = Credentials(server.url, Secret(""), Secret("r1"), "k1", Secret("s3"))
        with agave.connect(server.url, credentials) as client, pytest.raises(Unauthorized):
            client.whoami()
