"""Logging in and out, against the authenticator of the local service."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobsync.errors import ServiceError, SettingsError, Unauthorized
from jobsync.http.connection import Connection
from jobsync.local.store.rows import TAPIS
from jobsync.platforms.connections import Lasting
from jobsync.platforms.tapis.credentials import TokenKeeper, find_credentials, seconds_left
from jobsync.platforms.tapis.login import log_in, log_out
from jobsync.platforms.tapis.login_store import LoginStore
from jobsync.platforms.tapis.token_endpoint import Authenticator
from jobsync.secret import Secret
from jobsync.testing import Drive, LocalService, local_service

_users = itertools.count(1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    with local_service(folder, users=(), api=TAPIS, drive=Drive.NONE) as running:
        yield running


class Person:
    """Somebody with a home, and a way to the authenticator."""

    def __init__(self, service: LocalService, home: Path, endpoint: Authenticator) -> None:
        self.service, self.home, self.endpoint = service, home, endpoint
        self.name = f"u{next(_users)}"
        self.password = service.add_user(self.name)
        self.store = LoginStore(home / ".config/jobsync/tapis.json")

    def log_in(self, lasting: Lasting, password: str = "", name: str = "") -> None:
        secret = Secret(password or self.password)
        name = name or self.name
        log_in(self.endpoint, self.store, self.service.url, name, secret, lasting)

    def keeper(self) -> TokenKeeper:
        environ = {"HOME": str(self.home)}
        return TokenKeeper(find_credentials(environ, self.service.url, 0.0), self.endpoint)

    def clients(self) -> list[str]:
        rows: list[dict[str, Any]] = self.service.call(
            self.name, "GET", "/v3/oauth2/clients"
        ).result
        return [row["client_id"] for row in rows]

    def status(self, token: Secret) -> int:
        head = {"X-Tapis-Token": token.reveal()}
        return self.service.call("", "GET", "/v3/oauth2/userinfo", headers=head).status


@contextmanager
def somebody(service: LocalService, home: Path) -> Iterator[Person]:
    client = Connection().client(service.url)
    try:
        yield Person(service, home, Authenticator(client))
    finally:
        client.close()


@pytest.fixture
def person(service: LocalService, tmp_path: Path) -> Iterator[Person]:
    with somebody(service, tmp_path) as one:
        yield one
    service.disarm()


def test_a_login_without_a_client_is_a_token_and_nothing_else(person: Person) -> None:
    person.log_in(Lasting.UNTIL_EXPIRY)
    keeper = person.keeper()
    token = keeper.token()
    assert person.status(token) == 200 and person.clients() == []
    assert keeper.renew(token) is None and not keeper.credentials.renewable
    text = person.store.path.read_text()
    assert person.password not in text and "client" not in text
    done = log_out(person.endpoint, person.store, person.service.url)
    assert done.found and done.left == ""
    assert person.status(token) == 401, "revoked"
    assert person.store.find(person.service.url) is None
    assert not log_out(person.endpoint, person.store, person.service.url).found


def test_a_client_renews_until_logout_deletes_it(person: Person) -> None:
    person.log_in(Lasting.UNTIL_LOGOUT)
    (client,) = person.clients()
    assert client.startswith("jobsync-")
    keeper = person.keeper()
    stale = keeper.token()
    fresh = keeper.renew(stale)
    assert fresh and fresh != stale and person.status(fresh) == 200
    again = person.keeper().renew(fresh)
    assert again and again != fresh, "the rotated pair was saved"
    assert log_out(person.endpoint, person.store, person.service.url).left == ""
    assert person.clients() == [] and person.status(again) == 401
    assert person.store.find(person.service.url) is None


def test_logging_in_again_leaves_no_client_behind(person: Person) -> None:
    for _ in range(3):
        person.log_in(Lasting.UNTIL_LOGOUT)
    assert len(person.clients()) == 1
    person.log_in(Lasting.UNTIL_EXPIRY)
    assert person.clients() == []


def test_the_wrong_password_is_sent_once_and_leaves_nothing(person: Person) -> None:
    person.service.arm("slow,seconds=0,on=token,times=9")  # which counts, and does nothing else
    for lasting in Lasting:
        with pytest.raises(Unauthorized, match="the login was refused: 400 Invalid") as caught:
            person.log_in(lasting, "wr0ng")
        assert caught.value.status == 400 and "wr0ng" not in f"{caught.value}{caught.value.hint}"
    assert person.service.hits("slow") == len(Lasting)
    assert person.clients() == [] and not person.store.path.exists()


def test_nobody_is_logged_out_by_another_login(person: Person) -> None:
    person.log_in(Lasting.UNTIL_EXPIRY)
    before = person.store.path.read_bytes()
    with pytest.raises(SettingsError, match=f"has {person.name}'s login"):
        person.log_in(Lasting.UNTIL_LOGOUT, name="mallory")
    assert person.store.path.read_bytes() == before


def test_a_client_that_cannot_be_kept_is_deleted_again(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SettingsError("no space left on device")

    monkeypatch.setattr(LoginStore, "keep", full)
    with pytest.raises(SettingsError, match="no space"):
        person.log_in(Lasting.UNTIL_LOGOUT)
    assert person.clients() == []


def test_a_logout_that_the_service_does_not_hear_of_says_what_is_left(person: Person) -> None:
    person.log_in(Lasting.UNTIL_LOGOUT)
    (client,) = person.clients()
    person.service.arm("html,status=500,on=clients,times=9")
    done = log_out(person.endpoint, person.store, person.service.url)
    assert done.found and f"the API client {client} could not be deleted: 500" in done.left
    assert person.store.find(person.service.url) is None, "removed here all the same"


def test_a_login_that_has_ended_can_still_be_taken_back(person: Person) -> None:
    """The client renews the token once more, to delete itself."""
    person.log_in(Lasting.UNTIL_LOGOUT)
    login = person.store.find(person.service.url)
    assert login is not None
    person.endpoint.revoke(login.token)
    assert person.status(login.token) == 401
    assert log_out(person.endpoint, person.store, person.service.url).left == ""
    assert person.clients() == []


def test_an_outage_is_no_refusal(person: Person) -> None:
    person.service.arm("html,on=token,times=9")
    with pytest.raises(ServiceError):
        person.log_in(Lasting.UNTIL_EXPIRY)
    assert not person.store.path.exists()


def test_how_long_a_token_lasts_is_known(person: Person) -> None:
    person.log_in(Lasting.UNTIL_EXPIRY)
    left = seconds_left(person.keeper().token(), time.time())
    assert left is not None and 14000 < left <= 14400
