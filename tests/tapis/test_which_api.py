"""Which api target ``env`` is of, where one address may belong to either."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import SettingsError
from jobsync.manifest import load, load_each
from jobsync.platform import Platform, platform_of_environment
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS
from tests.tapis.tokens import jwt

URL = "https://designsafe.tapis.io"
PLATFORMS = {one.name: one for one in (AGAVE, TAPIS)}
WEB, OPAQUE = jwt(URL), "0123456789abcdef0123456789abcdef"
KEY = {"API_KEY": "k", "API_SECRET": "s"}
USER = {"USERNAME": "alice", "PASSWORD": "p"}


def variables(**named: str) -> dict[str, str]:
    return {"TAPIS_BASE_URL": URL, **{f"TAPIS_{name}": value for name, value in named.items()}}


@pytest.mark.parametrize(
    ("environ", "said", "expected"),
    [
        (variables(API="tapis/v3", TOKEN=OPAQUE), AGAVE, TAPIS),
        (variables(API="agave/v2", TOKEN=WEB), TAPIS, AGAVE),
        (variables(TOKEN=OPAQUE), TAPIS, TAPIS),
        (variables(TOKEN=WEB), AGAVE, AGAVE),
        (variables(**USER), TAPIS, TAPIS),
        (variables(**USER), AGAVE, AGAVE),
        (variables(TOKEN=WEB), None, TAPIS),
        (variables(JWT=WEB), None, TAPIS),
        (variables(ACCESS_TOKEN=WEB), None, TAPIS),
        (variables(ACCESS_TOKEN=WEB, TOKEN=OPAQUE), None, TAPIS),
        (variables(TOKEN=OPAQUE), None, AGAVE),
        (variables(TOKEN=OPAQUE, **USER), None, AGAVE),
        (variables(**KEY, **USER), None, AGAVE),
        (variables(**KEY), None, AGAVE),
        (variables(**USER, JWT=WEB), None, TAPIS),
        ({**variables(), "DESIGNSAFE_USERNAME": "a", "DESIGNSAFE_PASSWORD": "p"}, None, TAPIS),
        (
            {
                "TAPIS_BASE_URL": "https://tacc.tapis.io",
                "DESIGNSAFE_USERNAME": "a",
                "DESIGNSAFE_PASSWORD": "p",
            },
            None,
            None,
        ),
        (variables(), None, None),
        (variables(USERNAME="alice"), None, None),
        ({"TAPIS_API": "tapis/v3", "TAPIS_TOKEN": WEB}, None, None),
        ({"TAPIS_API": "tapis/v3"}, AGAVE, AGAVE),
    ],
)
def test_what_tells_it_in_this_order(
    environ: dict[str, str], said: Platform | None, expected: Platform | None
) -> None:
    assert platform_of_environment(environ, said, PLATFORMS) is expected


def test_a_password_is_not_sent_to_find_out() -> None:
    with pytest.raises(SettingsError) as caught:
        platform_of_environment(variables(**USER), None, PLATFORMS)
    assert URL in str(caught.value)
    assert caught.value.hint == "set TAPIS_API to agave/v2 or tapis/v3"


def test_an_unknown_api_is_an_error() -> None:
    with pytest.raises(SettingsError, match="TAPIS_API: there is no api 'tapis/v4'") as caught:
        platform_of_environment(variables(API="tapis/v4"), None, PLATFORMS)
    assert "agave/v2, tapis/v3" in caught.value.hint


HEAD = "apiVersion: jobsync/v1\nproject: p\n"


@pytest.mark.parametrize(
    ("more", "target", "environ", "expected"),
    [
        ("", "env", variables(TOKEN=WEB), TAPIS),
        ("", None, variables(TOKEN=WEB), TAPIS),
        ("target: env\n", None, variables(TOKEN=WEB), TAPIS),
        ("api: agave/v2\n", "env", variables(TOKEN=WEB), AGAVE),
        ("", "local", variables(**USER), AGAVE),
        ("target: local\n", None, variables(**USER), AGAVE),
        ("targets: {t: {baseUrl: 'https://t.example'}}\n", "t", variables(**USER), AGAVE),
        ("targets: {t: {baseUrl: 'https://t.example'}}\n", None, variables(**USER), AGAVE),
    ],
)
def test_a_set_is_read_for_the_api_of_its_target(
    tmp_path: Path, more: str, target: str | None, environ: dict[str, str], expected: Platform
) -> None:
    (tmp_path / "set.yaml").write_text(f"{HEAD}{more}jobs: {{}}\n")
    found = load([tmp_path], platforms=PLATFORMS, target=target, environ=environ)
    assert found.platform is expected


def test_what_cannot_be_told_stops_what_would_ask_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(f"{HEAD}jobs: {{}}\n")
    with pytest.raises(SettingsError, match="do not say which service"):
        load([tmp_path], platforms=PLATFORMS, environ=variables(**USER))
    assert load_each([tmp_path], platforms=PLATFORMS, environ=variables(**USER))
