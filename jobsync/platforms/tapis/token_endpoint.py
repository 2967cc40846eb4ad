"""Requests to the authenticator: tokens, and the clients that renew them (tapis-v3 §1.2).

It refuses with 400, a wrong password too. Nothing here is sent twice.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from urllib.parse import quote

from jobsync.errors import Refused, Unauthorized, Unreadable
from jobsync.http.client import HttpClient
from jobsync.http.messages import Repeat, Request, Response, sanitised
from jobsync.model import JsonValue
from jobsync.platforms.tapis.credentials import Granted
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.platforms.tapis.login_store import Client
from jobsync.secret import Secret

TOKEN_HEADER = "X-Tapis-Token"  # noqa: S105
_JSON = {"Content-Type": "application/json"}
_NONE = Secret("")


class Authenticator:
    """See :class:`~jobsync.platforms.tapis.credentials.TokenEndpoint`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._url = f"{client.settings.base_url}/v3/oauth2"

    def by_password(self, username: str, password: Secret, client: Client | None) -> Granted:
        """A token for a user and password, with a refresh token for a *client*."""
        form = {
            "grant_type": "password",
            "username": username,
            "password": password.reveal(),
        }
        return self._grant(form, client)

    def by_refresh(self, refresh_token: Secret, client: Client) -> Granted:
        """A new pair for an old one."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
        return self._grant(form, client)

    def make_client(self, token: Secret) -> Client:
        """A client of its own for the user of *token*. Raises :class:`Refused`."""
        form = {
            "client_id": f"jobsync-{secrets.token_hex(8)}",
            "description": "made by jobsync auth login",
        }
        made = self._made("POST", "clients", form, token)
        key = made.get("client_key") if isinstance(made, dict) else None
        named = made.get("client_id") if isinstance(made, dict) else None
        if not isinstance(key, str) or not isinstance(named, str) or not key or not named:
            raise Unreadable(f"the answer has no client ({self._url}/clients)")
        return Client(named, Secret(key))

    def delete_client(self, token: Secret, client_id: str) -> None:
        """Delete a client, and with it its refresh tokens. Raises :class:`Refused`."""
        self._made("DELETE", f"clients/{quote(client_id, safe='')}", None, token)

    def revoke(self, token: Secret) -> None:
        """Have the service refuse *token* from now on. Raises :class:`Refused`."""
        self._made("POST", "tokens/revoke", {"token": token.reveal()}, _NONE)

    def _made(
        self, method: str, path: str, form: Mapping[str, str] | None, token: Secret
    ) -> JsonValue:
        response = self._send(method, path, form, token, TOKEN_HEADER)
        document = _document(response)
        if not 200 <= response.status < 300:
            said = _message(document)
            line = f"{response.status} {said}".rstrip()
            raise Refused(
                f"{line} ({method} {self._url}/{path})", status=response.status, said=said
            )
        return document.get("result")

    def _grant(self, form: Mapping[str, str], client: Client | None) -> Granted:
        credential = _NONE
        if client is not None:
            pair = f"{client.id}:{client.key.reveal()}".encode()
            credential = Secret(f"Basic {base64.b64encode(pair).decode('ascii')}")
        response = self._send("POST", "tokens", form, credential, "Authorization")
        document = _document(response)
        if not 200 <= response.status < 300:
            said = _message(document)
            line = f"the login was refused: {response.status} {said}".rstrip()
            raise Unauthorized(
                f"{line} (POST {self._url}/tokens)",
                status=response.status,
                said=said,
                hint="check the user name and the password"
                if form.get("grant_type") == "password"
                else "log in again",
            )
        result = document.get("result")
        token = _inner(result, "access_token")
        if claims_of(token) is None:
            raise Unreadable(f"the answer has no token (POST {self._url}/tokens)")
        return Granted(token, _inner(result, "refresh_token"))

    def _send(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None,
        credential: Secret,
        header: str,
    ) -> Response:
        body = None if form is None else json.dumps(form).encode()
        headers = {} if form is None else _JSON
        request = Request(method, f"{self._url}/{path}", body, Repeat.NEVER, headers)
        return self._client.send(request, credential, header)


def _document(response: Response) -> dict[str, JsonValue]:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    if 200 <= response.status < 300:
        raise Unreadable(f"the answer is not JSON ({response.method} {response.url})")
    return {}


def _message(document: Mapping[str, JsonValue]) -> str:
    message = document.get("message")
    return sanitised(message) if isinstance(message, str) else ""


def _inner(result: JsonValue, name: str) -> Secret:
    """``result.NAME.NAME``: each token stands in an object of its own."""
    outer = result.get(name) if isinstance(result, dict) else None
    inner = outer.get(name) if isinstance(outer, dict) else None
    return Secret(inner) if isinstance(inner, str) else _NONE
