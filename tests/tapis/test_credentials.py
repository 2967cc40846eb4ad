"""Every place in which people have credentials, and where each token may be sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobsync.errors import SettingsError, Unauthorized, Unreachable
from jobsync.platforms.tapis.credentials import (
    Credentials,
    Granted,
    TokenKeeper,
    explicit,
    find_credentials,
)
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.platforms.tapis.login_store import Client, Login, LoginStore
from jobsync.secret import Secret
from tests.tapis.tokens import jwt, part

URL = "https://designsafe.tapis.io"
OTHER = "https://tacc.tapis.io"
HERE = "http://127.0.0.1:8765"
MINE, THEIRS, OLD = jwt(URL), jwt(OTHER), jwt(URL, seconds=-5)


def found(home: Path, base_url: str = URL, **environ: str) -> Credentials:
    return find_credentials({"HOME": str(home), **environ}, base_url, time.time())


def refused(home: Path, base_url: str = URL, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        found(home, base_url, **environ)
    assert MINE not in str(caught.value) and THEIRS not in str(caught.value)
    return f"{caught.value} ({caught.value.hint})"


def put(home: Path, name: str, document: object) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))


def cli(*auths: tuple[str, str, str], current: str = "alice") -> dict[str, object]:
    """The other command line client's file: (user, base URL, token) of each."""
    profiles = [
        {"username": user, "current_base_url": url, "auths": [{"base_url": url, "jwt": token}]}
        for user, url, token in auths
    ]
    return {"current_user": current, "current_package": "tapipy", "profiles": profiles}


def saved(home: Path, base_url: str, token: str, username: str = "alice") -> LoginStore:
    store = LoginStore.of({"HOME": str(home)})
    with store.locked():
        store.keep(Login(base_url, username, Secret(token)))
    return store


# --- variables -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["TAPIS_ACCESS_TOKEN", "TAPIS_JWT", "TAPIS_TOKEN"])
def test_a_token_counts_for_the_base_url_beside_it(tmp_path: Path, name: str) -> None:
    one = found(tmp_path, TAPIS_BASE_URL=f"{URL}/", **{name: f" {MINE}\n"})
    assert (one.token.reveal(), one.source, one.saved) == (MINE, name, False)
    assert f"{name} is for {URL}" in refused(tmp_path, OTHER, TAPIS_BASE_URL=URL, **{name: MINE})
    said = refused(tmp_path, **{name: MINE})
    assert f"{name} is set, but not TAPIS_BASE_URL" in said


def test_of_tokens_of_both_kinds_the_one_that_fits(tmp_path: Path) -> None:
    one = found(
        tmp_path,
        TAPIS_BASE_URL=URL,
        TAPIS_ACCESS_TOKEN=THEIRS,
        TAPIS_JWT="opaque",
        TAPIS_TOKEN=MINE,
    )
    assert one.token.reveal() == MINE and one.source == "TAPIS_TOKEN"
    said = refused(tmp_path, TAPIS_BASE_URL=URL, TAPIS_TOKEN="0123456789abcdef")
    assert "TAPIS_TOKEN is not a token of this service" in said


def test_a_token_goes_only_to_the_host_of_its_issuer(tmp_path: Path) -> None:
    said = refused(tmp_path, TAPIS_BASE_URL=URL, TAPIS_ACCESS_TOKEN=THEIRS)
    assert f"was issued by {OTHER}, and is not sent to {URL}" in said
    for base_url in (OTHER, HERE, f"{URL}:8443", "https://designsafe.tapis.io.evil.example"):
        with pytest.raises(SettingsError, match="is not sent to"):
            explicit(base_url, MINE)
    assert explicit(HERE, jwt("http://localhost:8765")).token, "one machine, two spellings"
    with pytest.raises(SettingsError, match="is not sent to"):
        explicit(URL, jwt(HERE))


def test_a_user_and_password_count_for_the_base_url_beside_them(tmp_path: Path) -> None:
    user = {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": "s3cret"}
    one = found(tmp_path, TAPIS_BASE_URL=URL, **user)
    assert (one.username, one.password.reveal(), one.token) == ("alice", "s3cret", Secret(""))
    assert one.renewable and "s3cret" not in repr(one)
    refused(tmp_path, OTHER, TAPIS_BASE_URL=URL, **user)
    refused(tmp_path, **user)
    both = found(tmp_path, TAPIS_BASE_URL=URL, TAPIS_JWT=MINE, **user)
    assert both.renewable, "the password of the same user renews the token"
    user["TAPIS_USERNAME"] = "bob"
    assert not found(tmp_path, TAPIS_BASE_URL=URL, TAPIS_JWT=MINE, **user).renewable


def test_the_variables_of_one_tenant_count_for_it_alone(tmp_path: Path) -> None:
    user = {"DESIGNSAFE_USERNAME": "alice", "DESIGNSAFE_PASSWORD": "s3cret"}
    assert found(tmp_path, **user).source == "DESIGNSAFE_PASSWORD"
    refused(tmp_path, OTHER, **user)


def test_a_file_of_variables_in_the_current_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, ".env", f"TAPIS_BASE_URL={URL}\nTAPIS_JWT={MINE}\nDESIGNSAFE_USERNAME=a\n")
    refused(tmp_path)


# --- files ---------------------------------------------------------------------------------


def test_the_file_of_the_training_belongs_to_its_issuer(tmp_path: Path) -> None:
    put(tmp_path, ".tapis_tokens.json", {"access_token": MINE, "expires_at": "2026-12-01T00:00"})
    one = found(tmp_path)
    assert one.token.reveal() == MINE and one.username == "alice" and one.saved
    assert one.source.endswith(".tapis_tokens.json")
    refused(tmp_path, OTHER)


def test_the_file_of_the_other_command_line_client(tmp_path: Path) -> None:
    place = "tapis/v3/configs/config.json"
    bobs = jwt(URL, "bob")
    put(
        tmp_path,
        place,
        cli(("bob", URL, bobs), ("alice", f"{URL}/", MINE), ("alice", OTHER, THEIRS)),
    )
    assert found(tmp_path).token.reveal() == MINE, "the one of its current user"
    assert found(tmp_path, OTHER).token.reveal() == THEIRS
    put(tmp_path, place, cli(("alice", URL, THEIRS)))
    assert "was issued by" in refused(tmp_path)


def test_our_own_login_comes_before_the_files_of_others(tmp_path: Path) -> None:
    put(tmp_path, ".tapis_tokens.json", {"access_token": MINE})
    ours = jwt(URL, jti="ours")
    store = saved(tmp_path, URL, ours)
    assert found(tmp_path).token.reveal() == ours
    assert store.path == tmp_path / ".config/jobsync/tapis.json"
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / ".agave").exists()


def test_what_has_expired_gives_way_to_what_has_not(tmp_path: Path) -> None:
    saved(tmp_path, URL, OLD)
    assert found(tmp_path).token.reveal() == OLD, "the service says so, not our clock"
    put(tmp_path, ".tapis_tokens.json", {"access_token": MINE})
    assert found(tmp_path).token.reveal() == MINE


def test_what_has_expired_gives_way_to_nobody_else(tmp_path: Path) -> None:
    """Of another user none of the runs would be there: all would be submitted again."""
    bobs = jwt(URL, "bob")
    saved(tmp_path, URL, OLD)
    put(tmp_path, ".tapis_tokens.json", {"access_token": bobs})
    assert found(tmp_path).token.reveal() == OLD
    place = "tapis/v3/configs/config.json"
    put(tmp_path, place, cli(("bob", URL, bobs), ("alice", URL, MINE)))
    assert found(tmp_path).token.reveal() == MINE
    environ = {"TAPIS_BASE_URL": URL, "TAPIS_ACCESS_TOKEN": jwt(URL, "carol", seconds=-5)}
    assert found(tmp_path, **environ).source == "TAPIS_ACCESS_TOKEN"
    environ = {"DESIGNSAFE_USERNAME": "bob", "DESIGNSAFE_PASSWORD": "x"}
    put(tmp_path, place, {})
    put(tmp_path, ".tapis_tokens.json", {})
    assert found(tmp_path, **environ).token.reveal() == OLD


BROKEN = ("{broken", '{"access_token": "S3CRET')


@pytest.mark.parametrize("name", [".tapis_tokens.json", "tapis/v3/configs/config.json"])
@pytest.mark.parametrize("text", [*BROKEN, "[]", "null", '"x"', "{}"])
def test_a_file_with_something_else_in_it(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path, name, text)
    said = refused(tmp_path)
    assert "S3CRET" not in said
    assert ("not JSON" in said) == (text in BROKEN)


@pytest.mark.parametrize(
    "text", ["{broken", "[]", '{"version": 2, "logins": {}}', '{"version": 1, "logins": []}']
)
def test_a_store_that_is_not_ours_is_named(tmp_path: Path, text: str) -> None:
    put(tmp_path, ".config/jobsync/tapis.json", text)
    assert "tapis.json is not a file of logins" in refused(tmp_path)


def test_a_store_that_somebody_else_could_have_written_is_not_read(tmp_path: Path) -> None:
    store = saved(tmp_path, URL, MINE)
    store.path.chmod(0o666)
    assert "other users can write it" in refused(tmp_path)
    store.path.unlink()
    elsewhere = tmp_path / "planted.json"
    elsewhere.write_text("{}")
    store.path.symlink_to(elsewhere)
    assert "symbolic link" in refused(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "", "a.b", "a.b.c", "a.b.c.d", "é.é.é",
        f"x.{part([])}.y", f"x.{part({})}.y", f"x.{part({'iss': 7})}.y",
        f"x.{part({'iss': 'https://t.example'})}.y", f"x.{part({'iss': 'ftp://x/v3/tokens'})}.y",
        f"x.{part({'iss': 'http://t.example/v3/tokens'})}.y",
    ],
)  # fmt: skip
def test_other_texts_are_no_tokens(text: str) -> None:
    assert claims_of(Secret(text)) is None


# --- renewal -------------------------------------------------------------------------------

CLIENT = Client("c1", Secret("key"))


class Endpoint:
    """Gives out tokens, one a grant, and counts. ``fails`` is raised instead."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.fails = fails

    def by_password(self, username: str, password: Secret, client: Client | None) -> Granted:
        return self._granted(f"password of {username}")

    def by_refresh(self, refresh_token: Secret, client: Client) -> Granted:
        return self._granted(f"refresh {refresh_token.reveal()}")

    def _granted(self, what: str) -> Granted:
        self.asked.append(what)
        time.sleep(0.02)
        if self.fails:
            raise self.fails
        number = len(self.asked)
        return Granted(Secret(jwt(URL, jti=str(number))), Secret(f"r{number}"))


def keeper(endpoint: Endpoint, **fields: object) -> TokenKeeper:
    return TokenKeeper(Credentials(URL, **fields), endpoint)  # type: ignore[arg-type]


def test_a_token_alone_cannot_be_renewed() -> None:
    endpoint = Endpoint()
    one = keeper(endpoint, token=Secret(MINE))
    assert one.token().reveal() == MINE
    assert one.renew(Secret(MINE)) is None and endpoint.asked == []


def test_the_first_token_is_asked_for_once_by_all_threads() -> None:
    endpoint = Endpoint()
    one = keeper(endpoint, username="alice", password=Secret("p"))
    seen: list[Secret] = []
    threads = [threading.Thread(target=lambda: seen.append(one.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1 and endpoint.asked == ["password of alice"]
    stale = seen[0]
    renewed = [one.renew(stale) for _ in range(3)]
    assert len(set(renewed)) == 1 and len(endpoint.asked) == 2


def test_a_renewed_login_is_saved_and_seen_by_another_process(tmp_path: Path) -> None:
    store = LoginStore(tmp_path / "jobsync/tapis.json")
    with store.locked():
        store.keep(Login(URL, "alice", Secret(MINE), Secret("r0"), CLIENT))
        store.keep(Login(OTHER, "bob", Secret(THEIRS)))
    fields = {
        "token": Secret(MINE), "username": "alice", "refresh_token": Secret("r0"),
        "client": CLIENT, "store": store,
    }  # fmt: skip
    endpoint = Endpoint()
    first, second = keeper(endpoint, **fields), keeper(endpoint, **fields)
    fresh = first.renew(Secret(MINE))
    assert endpoint.asked == ["refresh r0"]
    kept = store.find(URL)
    assert kept and fresh and (kept.token, kept.refresh_token) == (fresh, Secret("r1"))
    assert store.find(OTHER) == Login(OTHER, "bob", Secret(THEIRS)), "untouched"
    assert second.renew(Secret(MINE)) == fresh, "not asked for again: the old pair is void"
    assert endpoint.asked == ["refresh r0"]
    assert second.renew(fresh) and endpoint.asked[1:] == ["refresh r1"]


def test_nothing_is_renewed_that_could_not_be_saved(tmp_path: Path) -> None:
    (tmp_path / "jobsync").write_text("a file where the folder should be")
    store = LoginStore(tmp_path / "jobsync/tapis.json")
    endpoint = Endpoint()
    one = keeper(
        endpoint, token=Secret(MINE), refresh_token=Secret("r"), client=CLIENT, store=store
    )
    with pytest.raises(Unauthorized, match="cannot be used"):
        one.renew(Secret(MINE))
    assert endpoint.asked == []


def test_a_refusal_says_so_and_an_outage_too() -> None:
    for error in (Unauthorized("refused", status=400), Unreachable("no answer")):
        one = keeper(Endpoint(error), username="a", password=Secret("p"))
        with pytest.raises(Unauthorized, match=r"refused|cannot renew the token: no answer"):
            one.token()


@pytest.mark.parametrize(("seconds", "said"), [(30, "ends in (29|30) s"), (-5, "has ended")])
def test_a_token_that_will_not_last_is_renewed_or_refused(seconds: int, said: str) -> None:
    short = Secret(jwt(URL, seconds=seconds))
    with pytest.raises(Unauthorized, match=said):
        keeper(Endpoint(), token=short, source="X").lasting(60, time.time())
    endpoint = Endpoint()
    one = keeper(endpoint, token=short, username="alice", password=Secret("p"))
    assert one.lasting(60, time.time()) != short and len(endpoint.asked) == 1
    assert one.lasting(60, time.time()) and len(endpoint.asked) == 1
    far = time.time() + 7200
    assert one.lasting(60, far) and len(endpoint.asked) == 2, "by the clock that is given"


def test_a_grant_of_another_issuer_is_not_used() -> None:
    class Foreign(Endpoint):
        def _granted(self, what: str) -> Granted:
            return Granted(Secret(THEIRS))

    with pytest.raises(Unauthorized, match="is not sent to"):
        keeper(Foreign(), username="a", password=Secret("p")).token()


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": "s3cret"}
    store = saved(tmp_path, URL, MINE)
    shown = repr(found(tmp_path, TAPIS_BASE_URL=URL, **environ)) + repr(store.find(URL))
    assert MINE not in shown and "s3cret" not in shown
