"""Every form of credential file that people have, in the order that their tools use."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from jobsync.errors import SettingsError
from jobsync.platforms.agave.credentials import Credentials, find_credentials

URL = "https://api.tacc.example"
OTHER = "https://agave.other.example"

BASH = (
    '{"tenantid":"tacc.prod","baseurl":"https://api.tacc.example/","devurl":"","apisecret":"s3",'
    '"apikey":"k1","username":"alice","access_token":"a1","refresh_token":"r1",'
    '"created_at":"1795459200","expires_in":"14400","expires_at":"Mon Nov 23 20:00:00 UTC 2026"}'
)
AGAVEPY = {
    "refresh_token": "r2",
    "expires_in": 3600,
    "expires_at": "Mon Nov 23 20:00:00 2026",
    "created_at": 1795459200,
    "username": "alice",
    "token_username": None,
    "client_name": None,
    "use_nonce": False,
    "verify": False,
    "proxies": {},
    "tenantid": "tacc.prod",
    "apisecret": "s3",
    "apikey": "k1",
    "baseurl": "https://api.tacc.example",
    "access_token": "a2",
}
AGPY = [
    {
        "api_server": "https://api.tacc.example",
        "api_key": "k1",
        "api_secret": "s3",
        "token": "a3",
        "refresh_token": "r3",
        "username": "alice",
        "tenant_id": "tacc.prod",
    }
]


def context(base: str, user: str, token: str) -> dict[str, object]:
    return {**AGAVEPY, "baseurl": base, "username": user, "access_token": token}


def home(folder: Path, **files: object) -> dict[str, str]:
    """An environment whose home has these files; keys are ``current``, ``config``, ``agpy``."""
    places = {"current": ".agave/current", "config": ".agave/config.json", "agpy": ".agpy"}
    for name, content in files.items():
        path = folder / places[name]
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return {"HOME": str(folder)}


def token(found: Credentials) -> str:
    return found.token.reveal()


def test_the_bash_form(tmp_path: Path) -> None:
    found = find_credentials(home(tmp_path, current=BASH), None)
    assert found.base_url == URL and token(found) == "a1"
    assert found.refresh_token.reveal() == "r1" and found.api_key == "k1"
    assert found.api_secret.reveal() == "s3"
    assert (found.username, found.tenant) == ("alice", "tacc.prod")
    assert found.source.endswith(".agave/current")


@pytest.mark.parametrize("content", [AGAVEPY, [AGAVEPY], [AGAVEPY, context(OTHER, "bob", "b")]])
def test_the_python_forms(tmp_path: Path, content: object) -> None:
    assert token(find_credentials(home(tmp_path, current=content), None)) == "a2"


def test_a_list_has_one_for_each_service(tmp_path: Path) -> None:
    environ = home(tmp_path, current=[AGAVEPY, context(OTHER, "bob", "b")])
    assert token(find_credentials(environ, OTHER)) == "b"
    assert token(find_credentials(environ, f"{URL}:443/")) == "a2"


SESSIONS = {
    "tacc.prod": {
        "alice": {"laptop": context(URL, "alice", "s1"), "ci": context(URL, "alice", "s2")},
        "bob": {"laptop": context(URL, "bob", "s3")},
    },
    "other": {"alice": {"k": context(OTHER, "alice", "s4")}},
}


@pytest.mark.parametrize("shape", ["0.9", "1.0"])
def test_sessions_by_name(tmp_path: Path, shape: str) -> None:
    content: dict[str, object] = {"sessions": SESSIONS}
    if shape == "0.9":
        content["current"] = {"laptop": context(URL, "alice", "s0")}
    environ = home(tmp_path, config=content)
    assert token(find_credentials(environ, None, "tacc.prod/alice/ci")) == "s2"
    assert token(find_credentials(environ, None, "tacc.prod/bob")) == "s3"
    assert token(find_credentials(environ, OTHER)) == "s4"
    for name in ("tacc.prod", "tacc.prod/al", "nobody", "tacc.prod/alice"):
        with pytest.raises(SettingsError, match="session"):
            find_credentials(environ, None, name)
    with pytest.raises(SettingsError, match="not for"):
        find_credentials(environ, OTHER, "tacc.prod/bob")
    if shape == "0.9":
        assert token(find_credentials(environ, None)) == "s0"
    else:
        with pytest.raises(SettingsError, match="several sessions"):
            find_credentials(environ, None)
        with pytest.raises(SettingsError, match="several sessions"):
            find_credentials(environ, URL)


def test_agpy_only_without_current(tmp_path: Path) -> None:
    environ = home(tmp_path, agpy=AGPY)
    assert token(find_credentials(environ, None)) == "a3"
    home(tmp_path, current=context(OTHER, "bob", "b"))
    assert token(find_credentials(environ, None)) == "b"
    with pytest.raises(SettingsError):
        find_credentials(environ, URL)


def test_the_folder_can_be_chosen(tmp_path: Path) -> None:
    environ = home(tmp_path, current=BASH)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "current").write_text(json.dumps(context(URL, "alice", name)))
    environ["AGAVE_CACHE_DIR"] = str(tmp_path / "one")
    assert token(find_credentials(environ, None)) == "one"
    environ["TAPIS_CACHE_DIR"] = str(tmp_path / "two")
    assert token(find_credentials(environ, None)) == "two"


def test_variables_come_first_but_only_for_their_service(tmp_path: Path) -> None:
    environ = home(tmp_path, current=[AGAVEPY, context(OTHER, "bob", "b")])
    environ |= {"TAPIS_BASE_URL": f"{URL}/", "TAPIS_TOKEN": " v1 "}
    found = find_credentials(environ, None)
    assert token(found) == "v1" and found.source == "TAPIS_TOKEN"
    assert token(find_credentials(environ, OTHER)) == "b"
    assert token(find_credentials(environ, None, None)) == "v1"


def test_a_token_for_an_unknown_service_goes_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not the service"):
        find_credentials({"HOME": str(tmp_path), "TAPIS_TOKEN": "v1"}, URL)


def test_variables_that_can_get_a_token(tmp_path: Path) -> None:
    client = {"TAPIS_BASE_URL": URL, "TAPIS_API_KEY": "k", "TAPIS_API_SECRET": "s"}
    found = find_credentials({**client, "TAPIS_REFRESH_TOKEN": "r"}, None)
    assert not found.token and found.refresh_token.reveal() == "r"
    password = {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": "p"}
    found = find_credentials({**client, **password}, None)
    assert found.password.reveal() == "p" and found.username == "alice"
    with pytest.raises(SettingsError):
        find_credentials({**client, "HOME": str(tmp_path)}, None)


def test_a_password_helps_the_same_users_file(tmp_path: Path) -> None:
    environ = home(tmp_path, current=BASH) | {"TAPIS_PASSWORD": "p", "TAPIS_USERNAME": "alice"}
    assert find_credentials(environ, None).password.reveal() == "p"
    assert not find_credentials({**environ, "TAPIS_USERNAME": "bob"}, None).password


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"baseurl": ""}', '{"baseurl": "https://api.tacc.example"}', "7"],
)
def test_files_without_credentials_are_none(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match="no credentials") as caught:
        find_credentials(home(tmp_path, current=content, config=content), URL)
    assert URL in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("content", ["{", "canary-secret", "[" * 100_000, "\x00"])
def test_a_broken_file_is_named_and_not_shown(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match=r"\.agave/current is not") as caught:
        find_credentials(home(tmp_path, current=content), None)
    assert "canary" not in str(caught.value) and caught.value.__cause__ is None


def test_a_base_url_that_is_refused_is_no_credential(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no credentials"):
        find_credentials(home(tmp_path, current=context("http://api.tacc.example", "a", "b")), None)


def test_no_home_at_all() -> None:
    with pytest.raises(SettingsError, match="no credentials"):
        find_credentials({"TAPIS_CACHE_DIR": "/nonexistent/x"}, URL)


def test_credentials_print_no_secret(tmp_path: Path) -> None:
    content = {**AGAVEPY, "access_token": "canary1", "refresh_token": "canary2"}
    environ = home(tmp_path, current={**content, "apisecret": "canary3"})
    found = find_credentials({**environ, "TAPIS_PASSWORD": "canary4"}, None)
    assert "canary" not in repr(found) + str(found)
    assert found.files is not None and "canary" not in repr(found.files.find(URL))
    with pytest.raises(TypeError):
        pickle.dumps(found)
