"""Credentials: where they are found, and the token that is sent (tapis-v3 §1.5).

Order: the ``TAPIS_*`` variables, which count only for the base URL that stands beside them; our own
logins; the files of other programs; the variables of one well-known tenant. The environment is
passed in.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from shlex import quote
from typing import ClassVar, Protocol

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import ServiceError, SettingsError, Unauthorized
from jobsync.platforms.tapis.credential_files import stored_tokens
from jobsync.platforms.tapis.environment import (
    ADDRESS,
    TOKEN,
    tenant_user_in,
    tokens_in,
    user_in,
)
from jobsync.platforms.tapis.jwt import claims_of, is_for
from jobsync.platforms.tapis.login_store import Client, Login, LoginStore
from jobsync.secret import Secret
from jobsync.structs import Placed, Struct, replace

_NONE = Secret("")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


class Credentials(Placed, frozen=True):
    """The account to use on one service. ``source`` says, for people, where it was found.

    ``saved`` says that this was a file, ``store`` is where a renewed token is kept; None when it
    is kept nowhere.
    """

    ASIDE: ClassVar = frozenset({"store"})

    base_url: str
    token: Secret = _NONE
    username: str = ""
    password: Secret = _NONE
    refresh_token: Secret = _NONE
    client: Client | None = None
    source: str = ""
    saved: bool = False
    store: LoginStore | None = None

    def __post_init__(self) -> None:
        if not self.token:
            return
        if not _TOKEN.fullmatch(self.token.reveal()):
            raise SettingsError(f"the token from {self.source} contains invalid characters")
        claims = claims_of(self.token)
        if claims is not None and not is_for(claims, self.base_url):
            raise SettingsError(
                f"the token from {self.source} was issued by {claims.base_url}, and is not sent "
                f"to {self.base_url}",
                hint=f"use a token that {self.base_url} issued",
            )

    @property
    def renewable(self) -> bool:
        """Whether another token can be got without asking anybody."""
        return bool(self.password or (self.client and self.refresh_token))


def explicit(base_url: str, token: str) -> Credentials:
    """A bare token for one service. It cannot be renewed."""
    return Credentials(one_spelling(base_url), Secret(token.strip()), source="the token given")


def by_password(base_url: str, username: str, password: str) -> Credentials:
    """A user of a service of this machine. Tokens are got, and renewed, with the password."""
    return Credentials(
        one_spelling(base_url),
        username=username,
        password=Secret(password),
        source="the local service",
    )


def find_credentials(environ: Mapping[str, str], base_url: str, now: float) -> Credentials:
    """The credentials for *base_url*: the first, or where they do not last beyond *now*, seconds
    since 1970, the next of the same user that do. Those of another user never take their place.

    Where all have expired it is the first, and the service says so. Raises :class:`SettingsError`
    when there are none.
    """
    wanted = one_spelling(base_url)
    found = [
        *_of_variables(environ, wanted),
        *_of_store(environ, wanted),
        *_of_files(environ, wanted),
        *_of_tenant(environ, wanted),
    ]
    mine = [one for one in found if _user_of(one) == _user_of(found[0])]
    usable = [one for one in mine if one.renewable or not _has_expired(one.token, now)]
    for one in usable or found:
        return one
    raise SettingsError(
        f"no credentials for {wanted}: looked at {ADDRESS} with {TOKEN}, and in "
        f"{LoginStore.of(environ).path}{_passed_over(environ, wanted)}",
        hint=f"set {ADDRESS} and {TOKEN}, or log in: jobsync auth login --url {quote(wanted)} "
        "--api tapis/v3",
    )


def _of_variables(environ: Mapping[str, str], wanted: str) -> list[Credentials]:
    address = environ.get(ADDRESS, "").strip()
    if not address or one_spelling(address) != wanted:
        return []
    tokens = {name: token for name, token in tokens_in(environ).items() if claims_of(token)}
    for_here = {name: token for name, token in tokens.items() if _fits(token, wanted)}
    user, password = user_in(environ) or ("", _NONE)
    for name, token in (for_here or tokens).items():  # where none fits, the error says why
        found = Credentials(wanted, token, source=name)
        claims = claims_of(token)
        if claims and user and claims.username == user:
            found = replace(found, username=user, password=password)
        return [found]
    if password:
        return [Credentials(wanted, username=user, password=password, source="TAPIS_PASSWORD")]
    return []


def _of_store(environ: Mapping[str, str], wanted: str) -> list[Credentials]:
    store = LoginStore.of(environ)
    login = store.find(wanted)
    if login is None or not (login.token or login.refresh_token):
        return []
    return [
        Credentials(
            wanted,
            login.token,
            login.username,
            refresh_token=login.refresh_token,
            client=login.client,
            source=str(store.path),
            saved=True,
            store=store,
        )
    ]


def _of_files(environ: Mapping[str, str], wanted: str) -> list[Credentials]:
    return [
        Credentials(wanted, one.token, one.username, source=str(one.path), saved=True)
        for one in stored_tokens(environ, wanted)
    ]


def _of_tenant(environ: Mapping[str, str], wanted: str) -> list[Credentials]:
    found = tenant_user_in(environ, wanted)
    if found is None:
        return []
    user, password = found
    return [Credentials(wanted, username=user, password=password, source="DESIGNSAFE_PASSWORD")]


def _passed_over(environ: Mapping[str, str], wanted: str) -> str:
    """Why the variables that are set do not count, for the error."""
    tokens = tokens_in(environ)
    address = environ.get(ADDRESS, "").strip()
    given = [*tokens, *(["TAPIS_PASSWORD"] if user_in(environ) else [])]
    if not given:
        return ""
    if not address:
        return f"; {given[0]} is set, but not {ADDRESS}, the service that it is for"
    if one_spelling(address) != wanted:
        return f"; {given[0]} is for {address}"
    return (
        f"; {given[0]} is not a token of this service, which has three parts and names its issuer"
    )


def _fits(token: Secret, base_url: str) -> bool:
    claims = claims_of(token)
    return claims is not None and is_for(claims, base_url)


def _user_of(credentials: Credentials) -> str:
    claims = claims_of(credentials.token)
    return claims.username if claims and claims.username else credentials.username


def _has_expired(token: Secret, now: float) -> bool:
    claims = claims_of(token)
    return claims is not None and claims.expires is not None and claims.expires <= now


class Granted(Struct, frozen=True):
    """The answer to a grant. Only a client gets a refresh token."""

    token: Secret
    refresh_token: Secret = _NONE


class TokenEndpoint(Protocol):
    """The place that gives out tokens."""

    def by_password(self, username: str, password: Secret, client: Client | None) -> Granted:
        """A token for a user and password. Raises :class:`Unauthorized` when they are refused."""

    def by_refresh(self, refresh_token: Secret, client: Client) -> Granted:
        """A new pair for an old one. Raises :class:`Unauthorized` when it is refused."""


class TokenKeeper:
    """The token that is sent, renewed when it is refused. Safe to use from many threads: of those
    whose token was refused at the same time one asks for another, and all get that."""

    def __init__(self, credentials: Credentials, endpoint: TokenEndpoint) -> None:
        self.credentials = credentials
        self._endpoint = endpoint
        self._token = credentials.token
        self._refresh = credentials.refresh_token
        self._lock = threading.Lock()

    def token(self) -> Secret:
        """The token to send now. The first is asked for when only a password is known."""
        return self._token or self._renewed(_NONE)

    def renew(self, stale: Secret) -> Secret | None:
        """Another token than *stale*, which the service refused; None when nothing can get one.

        Raises :class:`Unauthorized` when a renewal is refused or cannot be saved.
        """
        if self._token == stale and not self.credentials.renewable:
            return None
        return self._renewed(stale)

    def lasting(self, seconds: float, now: float) -> Secret:
        """A token that is valid for *seconds* from *now*, renewed where it would end earlier.

        Raises :class:`Unauthorized` when there is none.
        """
        token = self.token()
        left = seconds_left(token, now)
        if left is None or left >= seconds:
            return token
        fresh = self.renew(token)
        if fresh is None:
            state = "has ended" if left <= 0 else f"ends in {left:.0f} s"
            raise Unauthorized(f"the token from {self.credentials.source} {state}", status=0)
        return fresh

    def _renewed(self, stale: Secret) -> Secret:
        with self._lock:
            if self._token != stale:
                return self._token
            store = self.credentials.store
            try:
                if store is None:
                    return self._granted()
                with store.locked():
                    return self._adopted(store) or self._granted()
            except SettingsError as error:
                raise Unauthorized(str(error), status=0, hint=error.hint) from error

    def _adopted(self, store: LoginStore) -> Secret:
        """The token that another process has saved meanwhile; empty when none has."""
        mine = self.credentials
        saved = store.find(mine.base_url)
        if saved is None or (saved.username, saved.client) != (mine.username, mine.client):
            return _NONE
        self._refresh = saved.refresh_token
        if saved.token == self._token:
            return _NONE
        self._token = saved.token
        return self._token

    def _granted(self) -> Secret:
        mine = self.credentials
        try:
            granted = self._asked()
        except Unauthorized:
            raise
        except ServiceError as error:
            raise Unauthorized(f"cannot renew the token: {error}", status=0) from error
        fresh = Credentials(mine.base_url, granted.token, source="the service")  # checks its issuer
        self._token, self._refresh = fresh.token, granted.refresh_token or self._refresh
        if mine.store is not None:
            saved = Login(mine.base_url, mine.username, self._token, self._refresh, mine.client)
            mine.store.keep(saved)
        return self._token

    def _asked(self) -> Granted:
        mine = self.credentials
        if mine.client is not None and self._refresh:
            return self._endpoint.by_refresh(self._refresh, mine.client)
        if mine.password:
            return self._endpoint.by_password(mine.username, mine.password, None)
        raise Unauthorized(f"no token in {mine.source}", status=0)


def seconds_left(token: Secret, now: float) -> float | None:
    """How long *token* is still valid at *now*, by its own words; None where it does not say."""
    claims = claims_of(token)
    return None if claims is None or claims.expires is None else claims.expires - now
