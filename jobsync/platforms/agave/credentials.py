"""Credentials: where they are found, and how a token is renewed.

Order: explicit, ``TAPIS_*`` variables, the files of the other clients (clients §1). A token
is only ever used for the base URL it was issued for. The environment is passed in.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from shlex import quote
from typing import TYPE_CHECKING, ClassVar, Protocol

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError, Unauthorized
from jobsync.http.retry import Timing
from jobsync.model import JsonValue
from jobsync.platforms.sending import Renewed
from jobsync.secret import Secret
from jobsync.structs import Placed, replace

if TYPE_CHECKING:
    from jobsync.platforms.agave.credential_files import CredentialFiles, StoredLogin
    from jobsync.platforms.agave.token_store import Fresh

USERNAME = "TAPIS_USERNAME"
_NONE = Secret("")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class Credentials(Placed, frozen=True):
    """The account to use on one service. ``source`` says, for people, where it was found.

    ``files`` are where a renewed token is saved; None when it was not read from a file. ``expires``
    is when the token ends, in seconds since 1970, as that file says; 0 where it does not.
    """

    ASIDE: ClassVar = frozenset({"files"})

    base_url: str
    token: Secret = _NONE
    refresh_token: Secret = _NONE
    api_key: str = ""
    api_secret: Secret = _NONE
    username: str = ""
    password: Secret = _NONE
    tenant: str = ""
    source: str = ""
    files: CredentialFiles | None = None
    expires: float = 0.0

    def __post_init__(self) -> None:
        for secret in (self.token, self.refresh_token):
            if secret and not _TOKEN.fullmatch(secret.reveal()):
                raise SettingsError(f"the token from {self.source} contains invalid characters")


def explicit(base_url: str, token: str) -> Credentials:
    """A bare token for one service. It cannot be renewed."""
    return Credentials(one_spelling(base_url), Secret(token.strip()), source="the token given")


def find_credentials(
    environ: Mapping[str, str], base_url: str | None, session: str | None = None
) -> Credentials:
    """The credentials for *base_url*, or for the service that the user is logged in to.

    *session* is ``tenant/user/client`` (or its beginning) of a ``config.json``. Raises
    :class:`SettingsError` when there are none, or several and nothing says which.
    """
    wanted = None if base_url is None else one_spelling(base_url)
    if session is None and (found := _from_variables(environ, wanted)):
        return found
    from jobsync.platforms.agave.credential_files import CredentialFiles

    files = CredentialFiles.of(environ)
    entry = files.session(session, wanted) if session else files.find(wanted)
    if entry is not None:
        return _with_password(_of_entry(entry, files), environ)
    place = f" for {wanted}" if wanted else ""
    options = f" --url {quote(wanted)} --api agave/v2" if wanted else ""
    raise SettingsError(
        f"no credentials{place}: looked at TAPIS_BASE_URL with TAPIS_TOKEN, and in {files.folder}",
        hint=f"set TAPIS_BASE_URL and TAPIS_TOKEN, or log in: jobsync auth login{options}",
    )


def _from_variables(environ: Mapping[str, str], wanted: str | None) -> Credentials | None:
    given = {
        name: environ.get(f"TAPIS_{name}", "").strip()
        for name in (
            *("BASE_URL", "TOKEN", "REFRESH_TOKEN", "USERNAME"),
            *("PASSWORD", "API_KEY", "API_SECRET", "TENANT_ID"),
        )
    }
    client = given["API_KEY"] and given["API_SECRET"]
    usable = given["TOKEN"] or (client and given["REFRESH_TOKEN"])
    usable = usable or (client and given["USERNAME"] and given["PASSWORD"])
    if not given["BASE_URL"]:
        if given["TOKEN"]:
            raise SettingsError(
                "TAPIS_TOKEN is set, but not the service that it is for",
                hint="set TAPIS_BASE_URL as well",
            )
        return None
    here = one_spelling(given["BASE_URL"])
    if not usable or (wanted is not None and wanted != here):
        return None
    return Credentials(
        base_url=here,
        token=Secret(given["TOKEN"]),
        refresh_token=Secret(given["REFRESH_TOKEN"]),
        api_key=given["API_KEY"],
        api_secret=Secret(given["API_SECRET"]),
        username=given["USERNAME"],
        password=Secret(given["PASSWORD"]),
        tenant=given["TENANT_ID"],
        source="TAPIS_TOKEN" if given["TOKEN"] else "the TAPIS_* variables",
    )


def _of_entry(entry: StoredLogin, files: CredentialFiles) -> Credentials:
    return Credentials(
        base_url=entry.base_url,
        token=entry.token,
        refresh_token=entry.refresh_token,
        api_key=entry.api_key,
        api_secret=entry.api_secret,
        username=entry.username,
        tenant=entry.tenant,
        source=str(entry.path),
        files=files,
        expires=entry.expires,
    )


def _with_password(found: Credentials, environ: Mapping[str, str]) -> Credentials:
    """A password in the environment helps a file's client when it is the same user's."""
    password = environ.get("TAPIS_PASSWORD", "")
    if password and environ.get("TAPIS_USERNAME", "") == found.username != "":
        return replace(found, password=Secret(password))
    return found


class TokenEndpoint(Protocol):
    """Where tokens come from."""

    def grant(self, form: Mapping[str, str], key: str, secret: Secret) -> dict[str, JsonValue]:
        """The endpoint's answer; raises :class:`Unauthorized` when it refuses."""


class TokenKeeper:
    """Holds the token of one service and renews it: once at a time, across threads and processes.

    Renewing kills the old token at once and rotates the refresh token (agave-v2 §7.1), so the new
    pair goes back into the files it came from, or the user's other tools would stop working.
    """

    def __init__(
        self, base_url: str, credentials: Credentials, endpoint: TokenEndpoint, timing: Timing
    ) -> None:
        if one_spelling(credentials.base_url) != base_url:
            raise SettingsError(
                f"{credentials.source} is for {credentials.base_url}, not for {base_url}"
            )
        self._credentials = credentials
        self._endpoint = endpoint
        self._timing = timing
        self._token = credentials.token
        self._refresh = credentials.refresh_token
        self._lock = threading.Lock()

    def token(self) -> Secret:
        """The token to send. Asks for the first one when only a password is known."""
        if self._token:
            return self._token
        found = self.renew(_NONE, 1)
        if found is None:
            raise Unauthorized(f"no token in {self._credentials.source}", status=0)
        return found.token

    def renew(self, stale: Secret, grants: int) -> Renewed | None:
        """Another token than *stale*, None when there is no way to get one.

        The endpoint is asked only while *grants* is above 0. Raises :class:`Unauthorized` when it
        refuses, or when the new pair cannot be kept.
        """
        with self._lock:
            if self._token != stale:
                return Renewed(self._token, grants)
            files = self._credentials.files
            if files is None:
                return self._granted(grants)
            try:
                with files.locked():
                    if self._adopted(files, stale):
                        return Renewed(self._token, grants)
                    return self._granted(grants)
            except SettingsError as error:
                raise Unauthorized(str(error), status=0, hint=error.hint) from error

    def _adopted(self, files: CredentialFiles, stale: Secret) -> bool:
        """Take over what another process has renewed meanwhile."""
        mine = self._credentials
        entry = files.same(mine.base_url, mine.api_key, mine.username)
        if entry is None:
            return False
        self._refresh = entry.refresh_token
        if not entry.token or entry.token == stale:
            return False
        self._token = entry.token
        return True

    def _granted(self, grants: int) -> Renewed | None:
        mine, files = self._credentials, self._credentials.files
        if grants < 1:
            return None
        if not mine.api_key or not mine.api_secret or not (self._refresh or mine.password):
            return None
        from jobsync.platforms.agave.token_store import Old

        old = Old(self._token, self._refresh)
        if files is not None:
            files.check_writable(old)
        fresh = self._fresh(self._asked())
        self._token, self._refresh = fresh.token, fresh.refresh
        if files is not None:
            files.rotate(old, fresh)
        return Renewed(self._token, grants - 1)

    def _fresh(self, answer: Mapping[str, JsonValue]) -> Fresh:
        from jobsync.platforms.agave.token_store import Fresh

        token, refresh = answer.get("access_token"), answer.get("refresh_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Unauthorized(
                "the token endpoint returned something that is not a token", status=200
            )
        keep = refresh if isinstance(refresh, str) and refresh else self._refresh.reveal()
        return Fresh(
            Secret(token),
            Secret(keep),
            lifetime(answer.get("expires_in"), 0),
            int(self._timing.now()),
        )

    def _asked(self) -> dict[str, JsonValue]:
        """By the refresh token; by the password when that is refused, as an expired one is."""
        mine = self._credentials
        if self._refresh:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh.reveal()}
            try:
                return self._grant(form)
            except Unauthorized:
                if not mine.password:
                    raise
        return self._grant(
            {
                "grant_type": "password",
                "username": mine.username,
                "password": mine.password.reveal(),
            }
        )

    def _grant(self, form: Mapping[str, str]) -> dict[str, JsonValue]:
        mine = self._credentials
        return self._endpoint.grant({**form, "scope": "PRODUCTION"}, mine.api_key, mine.api_secret)


def lifetime(value: JsonValue, otherwise: int) -> int:
    """``expires_in`` of an answer in seconds; *otherwise* for what no token can last."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        return otherwise
    return int(value)
