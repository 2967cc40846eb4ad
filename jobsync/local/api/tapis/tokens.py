"""JSON Web Tokens of the local tenant, and the grants that give them (tapis-v3 §1.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobsync.atomic_files import create_file
from jobsync.local.api.tapis.answer import PlainProblem
from jobsync.local.api.tapis.profile import TENANT
from jobsync.local.store.database import Store
from jobsync.local.store.rows import Token
from jobsync.private_files import read_private_file
from jobsync.structs import Struct

ACCESS_SECONDS = 14400
REFRESH_SECONDS = 31_536_000
REFRESH = "tapis-refresh"
"""The kind under which refresh tokens are stored: those of another api are none here."""

FILE = "tapis.key"


class Refused(Exception):
    """A grant that is refused, in the authenticator's words: always 400."""


class Claims(Struct, frozen=True):
    """Who a token speaks for, until when (epoch seconds)."""

    user: str
    expires: float
    jti: str


def signing_key(folder: Path, *, renew: bool = False) -> bytes:
    """The key of the state folder, 0600; with *renew* a new one, so that old tokens are void."""
    path = folder / FILE
    if renew:
        path.unlink(missing_ok=True)
    with suppress(FileExistsError):
        create_file(path, [secrets.token_bytes(32)])
    return read_private_file(path, 64)


class Keys:
    """Makes and checks tokens. Only HS256 with the one key: what a token says of its algorithm
    is not looked at."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        *,
        lifetime: float = ACCESS_SECONDS,
        clock: Callable[[], float] = time.time,
        own: Mapping[str, str] | None = None,
    ) -> None:
        """*own* are passwords by user that no other process knows, and that are stored nowhere."""
        self._own = {user: _digest(password) for user, password in (own or {}).items()}
        self._store = store
        self._key = key
        self._lifetime = int(lifetime)
        self._clock = clock
        self._revoked: set[str] = set()

    # --- who is asking ----------------------------------------------------------------------

    def user(self, token: str | None) -> Claims:
        """Who an access token speaks for. Raises :class:`PlainProblem` 401."""
        if not token:
            raise PlainProblem(
                401, "TAPIS_SECURITY_MISSING_JWT_INFO X-Tapis-Token header is missing."
            )
        claims = self._read(token)
        if claims is None or claims.get("tapis/token_type") != "access":
            raise PlainProblem(401, "TAPIS_SECURITY_JWT_PARSE_ERROR Unable to verify the JWT.")
        if claims["exp"] <= self._clock() or claims["jti"] in self._revoked:
            raise PlainProblem(401, "TAPIS_SECURITY_JWT_EXPIRED The JWT has expired.")
        return Claims(str(claims["tapis/username"]), float(claims["exp"]), str(claims["jti"]))

    def revoke(self, token: str) -> None:
        """Let a token be refused from now on; one that is none is fine."""
        claims = self._read(token)
        if claims is None:
            return
        self._revoked.add(str(claims["jti"]))
        self._store.drop_token(_digest(token))

    # --- grants -----------------------------------------------------------------------------

    def password(self, user: str, password: str, client: str | None, base: str) -> dict[str, Any]:
        """The password grant; a refresh token only for a *client*. Raises :class:`Refused`."""
        stored = self._store.token_hash(user)
        found = _digest(password)
        if not any(
            hmac.compare_digest(known, found) for known in (stored or "", self._own.get(user, ""))
        ):
            raise Refused("Invalid username/password combination.")
        return self.issue(user, client, base)

    def issue(self, user: str, client: str | None, base: str, count: int = 0) -> dict[str, Any]:
        """A pair for a *client*, else an access token alone."""
        found = {"access_token": self._made(user, "access", self._lifetime, base, count)}
        if client is not None:
            found["refresh_token"] = made = self._made(
                user, "refresh", REFRESH_SECONDS, base, count
            )
            self._keep(made["refresh_token"], user, client, ())
        return found

    def refresh(self, token: str, client: str, base: str) -> dict[str, Any]:
        """A new pair for the same client; the old refresh token is void. Raises
        :class:`Refused`."""
        stored = self._store.token(_digest(token))
        claims = self._read(token)
        if stored is None or stored.kind != REFRESH or stored.client != client or claims is None:
            raise Refused("Invalid refresh token for this client.")
        if claims["exp"] <= self._clock():
            raise Refused("The refresh token has expired.")
        count = int(claims.get("tapis/refresh_count", 0)) + 1
        made = self._made(stored.user, "refresh", REFRESH_SECONDS, base, count)
        if not self._keep(made["refresh_token"], stored.user, client, (stored.hash,)):
            raise Refused("Invalid refresh token for this client.")
        access = self._made(stored.user, "access", self._lifetime, base, count)
        return {"access_token": access, "refresh_token": made}

    def _keep(self, token: str, user: str, client: str, revoke: tuple[str, ...]) -> bool:
        now = self._clock()
        stored = Token(_digest(token), user, REFRESH, client, now, now + REFRESH_SECONDS)
        return self._store.put_tokens([stored], revoke=revoke)

    # --- the tokens themselves ----------------------------------------------------------------

    def _made(self, user: str, kind: str, seconds: int, base: str, count: int) -> dict[str, Any]:
        now = int(self._clock())
        jti = secrets.token_hex(16)
        claims = {
            "jti": jti,
            "iss": f"{base}/v3/tokens",
            "sub": f"{user}@{TENANT}",
            "tapis/tenant_id": TENANT,
            "tapis/token_type": kind,
            "tapis/delegation": False,
            "tapis/delegation_sub": None,
            "tapis/username": user,
            "tapis/account_type": "user",
            "tapis/refresh_count": count,
            "exp": now + seconds,
        }
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime(now + seconds))
        return {
            f"{kind}_token": self._signed(claims),
            "expires_at": at,
            "expires_in": seconds,
            "jti": jti,
        }

    def _signed(self, claims: Mapping[str, Any]) -> str:
        head = _encoded({"alg": "HS256", "typ": "JWT"})
        text = f"{head}.{_encoded(claims)}"
        return f"{text}.{self._signature(text)}"

    def _signature(self, text: str) -> str:
        return _base64(hmac.new(self._key, text.encode(), hashlib.sha256).digest())

    def _read(self, token: str) -> dict[str, Any] | None:
        """The claims of a token of ours, None for any other."""
        text, _, signature = token.rpartition(".")
        given, right = signature.encode("utf-8", "replace"), b""
        right = self._signature(text.encode("utf-8", "replace").decode()).encode()
        if not hmac.compare_digest(given, right) or text.count(".") != 1:
            return None
        try:
            raw = text.partition(".")[2]
            claims = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
        except ValueError:
            return None
        return claims if claims.get("tapis/tenant_id") == TENANT else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
