"""Who is asking: bearer tokens, and the token and client endpoints (agave-v2 §7.1).

A token is known only by its SHA-256. Every user has one token that does not expire (the one in
``users.json``); it also is that user's password for ``/token`` and ``/clients/v2``. Tokens that
``/token`` issues expire, and a refresh replaces both halves.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from jobsync.local.api.agave import api_gateway
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.store.database import Store
from jobsync.local.store.rows import Client, Token
from jobsync.structs import Struct

LIFETIME = 14400.0
"""Seconds that an issued access token lives (agave-v2 §7.1)."""

_CLIENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def digest(secret: str) -> str:
    """The form in which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """32 random bytes as text."""
    return secrets.token_hex(32)


class TokenRefused(Exception):
    """An OAuth2 error of the token endpoint; not in any envelope (agave-v2 §7.1)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


class _Grant(Struct, frozen=True):
    access: str
    refresh: str
    expires_in: int


class Tokens:
    """The checks and the two OAuth2 grants over a store."""

    def __init__(
        self,
        store: Store,
        *,
        lifetime: float = LIFETIME,
        clock: Callable[[], float] = time.time,
        own: Mapping[str, str] | None = None,
    ) -> None:
        """*own* are tokens by user that no other process knows, and that are stored nowhere."""
        self._own = {user: digest(token) for user, token in (own or {}).items()}
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        # The service answers the same token until it expires, but only hashes are stored: what
        # this process issued is kept in memory, and after a restart a new one is issued.
        self._issued: dict[tuple[str, str], _Grant] = {}
        self._lock = threading.Lock()

    # --- who is asking --------------------------------------------------------------------

    def bearer(self, request: Request) -> str:
        """The user of a request. Raises :class:`GatewayFault` 401."""
        token = bearer_text(request)
        if not token:
            raise api_gateway.missing()
        found = digest(token)
        for acting, known in self._own.items():
            if self._same(known, found):
                return acting
        user = self._store.user_of(found)
        if user is not None and self._same(self._store.token_hash(user), found):
            return user
        issued = self._store.token(found)
        if issued is None or issued.kind != "access" or not self._same(issued.hash, found):
            raise api_gateway.invalid()
        if issued.expires is not None and issued.expires <= self._clock():
            raise api_gateway.inactive()
        return issued.user

    def expire(self, request: Request) -> None:
        """Let the issued token of a request expire now; a user's own token never does."""
        token = self._store.token(digest(bearer_text(request)))
        if token is not None:
            self._store.drop_token(token.hash)
            with self._lock:
                self._issued.pop((token.user, token.client), None)

    def password_user(self, request: Request) -> str:
        """The user of HTTP Basic credentials. Raises a gateway fault."""
        given = request.authorization
        if given is None or given.type != "basic":
            raise api_gateway.missing()
        user, password = given.username or "", given.password or ""
        if not self._same(self._store.token_hash(user), digest(password)):
            raise api_gateway.invalid()
        return user

    # --- /token and /revoke -----------------------------------------------------------------

    def grant(self, request: Request) -> Response:
        """``POST /token``: password and refresh grants."""
        try:
            client = self._client(request)
            form = request.form
            match form.get("grant_type"):
                case "password":
                    issued = self._by_password(client, form.get("username"), form.get("password"))
                case "refresh_token":
                    issued = self._by_refresh(client, form.get("refresh_token"))
                case _:
                    raise TokenRefused(400, "unsupported_grant_type", "Unsupported grant type")
        except TokenRefused as refused:
            return _plain(
                {"error": refused.error, "error_description": refused.description}, refused.status
            )
        return _plain(
            {
                "access_token": issued.access,
                "refresh_token": issued.refresh,
                "expires_in": issued.expires_in,
                "token_type": "bearer",
                "scope": "default",
            },
            200,
        )

    def revoke(self, request: Request) -> Response:
        """``POST /revoke``: forget a token; an unknown one is fine."""
        try:
            self._client(request)
        except TokenRefused as refused:
            return _plain({"error": refused.error}, refused.status)
        token = self._store.token(digest(request.form.get("token", "")))
        if token is not None:
            self._store.drop_token(token.hash)
            with self._lock:
                self._issued.pop((token.user, token.client), None)
        return Response(b"", status=200)

    def _client(self, request: Request) -> Client:
        given = request.authorization
        found = None
        if given is not None and given.type == "basic":
            found = self._store.client(given.username or "")
            if found is not None and ":" in found.name:  # a client of the other api
                found = None
        password = digest((given.password if given else None) or "")
        if found is None or not self._same(found.secret_hash, password):
            raise TokenRefused(401, "invalid_client", "Client authentication failed.")
        return found

    def _by_password(self, client: Client, user: str | None, password: str | None) -> _Grant:
        if not self._same(self._store.token_hash(user or ""), digest(password or "")):
            raise TokenRefused(
                400, "invalid_grant", "Authentication failed for the user name and password given"
            )
        with self._lock:
            kept = self._issued.get((str(user), client.key))
        if kept is not None:
            token = self._store.token(digest(kept.access))
            left = (token.expires or 0) - self._clock() if token else 0
            if left > 0:
                return _Grant(kept.access, kept.refresh, int(left))
        return self._issue(client, str(user), revoke=())

    def _by_refresh(self, client: Client, refresh: str | None) -> _Grant:
        token = self._store.token(digest(refresh or ""))
        if token is None or token.kind != "refresh" or token.client != client.key:
            raise TokenRefused(400, "invalid_grant", "Provided Authorization Grant is invalid.")
        issued = self._issue(client, token.user, revoke=(token.hash,))
        if token.partner is not None:
            self._store.drop_token(token.partner)
        return issued

    def _issue(self, client: Client, user: str, *, revoke: tuple[str, ...]) -> _Grant:
        now = self._clock()
        grant = _Grant(new_secret(), new_secret(), int(self._lifetime))
        access, refresh = digest(grant.access), digest(grant.refresh)
        stored = self._store.put_tokens(
            [
                Token(access, user, "access", client.key, now, now + self._lifetime),
                Token(refresh, user, "refresh", client.key, now, None, partner=access),
            ],
            revoke=revoke,
        )
        if not stored:
            raise TokenRefused(400, "invalid_grant", "Provided Authorization Grant is invalid.")
        with self._lock:
            self._issued[user, client.key] = grant
        return grant

    # --- /clients/v2 --------------------------------------------------------------------------

    def create_client(self, owner: str, fields: dict[str, str], base: str) -> dict[str, Any]:
        """``POST /clients/v2``: the only time that the secret is told. Raises :class:`Refusal`."""
        name = fields.get("clientName", "").strip()
        if not _CLIENT_NAME.fullmatch(name):
            raise Refusal(400, "clientName must be 1 to 64 letters, digits, dots, dashes")
        key, secret = new_secret()[:28], new_secret()[:28]
        client = Client(key, digest(secret), name, owner, fields.get("description", ""))
        if not self._store.add_client(client):
            raise Refusal(400, "Application name already exists")
        return {**client_document(client, base), "consumerSecret": secret}

    @staticmethod
    def _same(stored: str | None, given: str) -> bool:
        return hmac.compare_digest(stored or "", given)


def bearer_text(request: Request) -> str:
    """The bearer token of a request, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def client_document(client: Client, base: str) -> dict[str, Any]:
    """An OAuth2 client as the clients service shows it, without its secret."""
    return {
        "name": client.name,
        "description": client.description,
        "consumerKey": client.key,
        "callbackUrl": "",
        "tier": "Unlimited",
        "_links": {
            "self": {"href": f"{base}/clients/v2/{client.name}"},
            "subscriber": {"href": f"{base}/profiles/v2/{client.owner}"},
            "subscriptions": {"href": f"{base}/clients/v2/{client.name}/subscriptions/"},
        },
    }


def _plain(document: dict[str, Any], status: int) -> Response:
    return Response(
        json.dumps(document),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
