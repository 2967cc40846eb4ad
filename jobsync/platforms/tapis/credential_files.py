"""The files in which other programs keep tokens of this platform (tapis-v3 §1.5). Only read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError
from jobsync.model import JsonValue
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.secret import Secret
from jobsync.structs import Struct

_LARGEST_FILE = 1024 * 1024


class StoredToken(Struct, frozen=True):
    """A token for *base_url*, and the file that it was found in."""

    path: Path
    base_url: str
    username: str
    token: Secret


def stored_tokens(environ: Mapping[str, str], base_url: str) -> list[StoredToken]:
    """The tokens for *base_url*, those of the first file first.

    Raises :class:`SettingsError` for a file that cannot be read or is not JSON; its content is
    never shown.
    """
    home = Path(environ.get("HOME") or "/nonexistent")
    found = [
        *_of_training(home / ".tapis_tokens.json"),
        *_of_cli(home / "tapis/v3/configs/config.json"),
    ]
    return [one for one in found if one.base_url == base_url]


def _of_training(path: Path) -> Iterator[StoredToken]:
    """One token without a base URL: its issuer says whose it is."""
    document = _load(path)
    token = document.get("access_token")
    claims = claims_of(Secret(token)) if isinstance(token, str) else None
    if claims is not None and isinstance(token, str):
        yield StoredToken(path, claims.base_url, claims.username, Secret(token.strip()))


def _of_cli(path: Path) -> Iterator[StoredToken]:
    """Profiles with a token for each base URL, that of the current user first."""
    document = _load(path)
    profiles = document.get("profiles")
    named = [one for one in profiles if isinstance(one, dict)] if isinstance(profiles, list) else []
    current = document.get("current_user")
    for profile in sorted(named, key=lambda one: one.get("username") != current):
        auths = profile.get("auths")
        for auth in auths if isinstance(auths, list) else []:
            if not isinstance(auth, dict):
                continue
            where, token = _spelling(auth.get("base_url")), auth.get("jwt")
            if where and isinstance(token, str) and claims_of(Secret(token)):
                username = str(profile.get("username") or "")
                yield StoredToken(path, where, username, Secret(token.strip()))


def _spelling(value: JsonValue) -> str:
    try:
        return one_spelling(value) if isinstance(value, str) else ""
    except SettingsError:
        return ""


def _load(path: Path) -> dict[str, JsonValue]:
    """The JSON object in *path*; empty where there is no file, or something else in it."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    try:
        if len(content) > _LARGEST_FILE:
            raise ValueError
        document = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        raise SettingsError(f"{path} is not a file of credentials: it is not JSON") from None
    return document if isinstance(document, dict) else {}
