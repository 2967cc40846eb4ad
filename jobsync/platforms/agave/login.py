"""Logging in: an API client of one's own, and the first pair of tokens (agave-v2 §7.1).

What comes of it goes into the file ``current`` that the other clients of the service read too.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from jobsync.errors import Unauthorized, Unreadable
from jobsync.http.client import HttpClient
from jobsync.http.messages import Repeat, Request
from jobsync.model import JsonValue
from jobsync.platforms.agave import envelope
from jobsync.platforms.agave.credential_files import CredentialFiles
from jobsync.platforms.agave.credentials import lifetime
from jobsync.platforms.agave.transport import TokenTransport
from jobsync.platforms.agave.urls import Urls
from jobsync.secret import Secret

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_MADE = frozenset({200, 201})


def log_in(
    client: HttpClient, files: CredentialFiles, username: str, password: Secret, now: float
) -> None:
    """Make an API client, get a token with the password, and keep both in ``current``.

    Each login makes a client of its own: renewing a token kills the one before it, so two programs
    must not share a client. The password is not kept. *now* is in seconds since 1970.

    Raises :class:`~jobsync.errors.SettingsError` when ``current`` belongs to somebody else, before
    anything is asked, and the service's own refusal otherwise.
    """
    files.check_free(client.settings.base_url, username)
    made = _new_client(client, username, password)
    key, secret = _text(made, "consumerKey"), Secret(_text(made, "consumerSecret"))
    form = {
        "grant_type": "password",
        "username": username,
        "password": password.reveal(),
        "scope": "PRODUCTION",
    }
    answer = TokenTransport(client).grant(form, key, secret)
    files.keep(_context(client.settings.base_url, username, key, secret, answer, int(now)))


def _new_client(client: HttpClient, username: str, password: Secret) -> Mapping[str, JsonValue]:
    form = {
        "clientName": f"jobsync-{secrets.token_hex(4)}",
        "description": "made by jobsync auth login",
        "tier": "Unlimited",
    }
    body = urlencode(form).encode("ascii")
    url = Urls(client.settings.base_url).clients()
    request = Request("POST", url, body, Repeat.NEVER, _FORM, asks="make an API client")
    pair = base64.b64encode(f"{username}:{password.reveal()}".encode()).decode("ascii")
    try:
        result = envelope.result_of(client.send(request, Secret(f"Basic {pair}")), _MADE)
    except Unauthorized as error:
        error.hint = "check the user name and the password"
        raise
    if not isinstance(result, dict):
        raise Unreadable(f"expected an API client in the answer ({request})")
    return result


def _context(
    base_url: str,
    username: str,
    key: str,
    secret: Secret,
    answer: Mapping[str, JsonValue],
    now: int,
) -> dict[str, JsonValue]:
    """The keys that all clients read (clients §1.1)."""
    seconds = lifetime(answer.get("expires_in"), 14400)
    return {
        "tenantid": "",
        "baseurl": base_url,
        "devurl": "",
        "apisecret": secret.reveal(),
        "apikey": key,
        "username": username,
        "access_token": _text(answer, "access_token"),
        "refresh_token": str(answer.get("refresh_token") or ""),
        "created_at": now,
        "expires_in": seconds,
        "expires_at": time.ctime(now + seconds),
    }


def _text(found: Mapping[str, JsonValue], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"the answer has no {name}")
    return value
