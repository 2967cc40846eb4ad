"""Connections to services of Tapis v3: one base URL, one user, over HTTP.

``connect`` and ``connect_reader`` give the verbs of :mod:`jobsync.backend`, ``connect_jobs`` the
operations one by one. Each is a context manager that closes its connections.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError
from jobsync.http.connection import Connection
from jobsync.http.retry import RetryBudget
from jobsync.platforms.connections import Connections, Lasting, LoggedOut, acting_as
from jobsync.platforms.tapis.backend import TapisBackend, TapisReader
from jobsync.platforms.tapis.credential_files import stored_tokens
from jobsync.platforms.tapis.credentials import (
    Credentials,
    TokenKeeper,
    by_password,
    explicit,
    find_credentials,
)
from jobsync.platforms.tapis.environment import USERNAME
from jobsync.platforms.tapis.jwt import claims_of
from jobsync.platforms.tapis.login import log_in, log_out
from jobsync.platforms.tapis.login_store import LoginStore
from jobsync.platforms.tapis.operations import Jobs
from jobsync.platforms.tapis.token_endpoint import Authenticator
from jobsync.platforms.tapis.transport import Bearer, ReadTransport, Transport
from jobsync.platforms.tapis.urls import Urls
from jobsync.secret import Secret
from jobsync.structs import Struct

__all__ = [
    "CONNECTIONS",
    "Connection",
    "Jobs",
    "TapisAccount",
    "TapisBackend",
    "TapisReader",
    "connect",
    "connect_jobs",
    "connect_reader",
]


def connect(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[TapisBackend]:
    """A service that may be changed."""
    return closing(TapisBackend(_jobs(Transport, base_url, credentials, how or Connection())))


def connect_reader(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[TapisReader]:
    """A service that can only be read: the transport sends GET and HEAD and nothing else."""
    return closing(TapisReader(_jobs(ReadTransport, base_url, credentials, how or Connection())))


def connect_jobs(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[Jobs]:
    """The operations of a service, one method each."""
    return closing(_jobs(Transport, base_url, credentials, how or Connection()))


class TapisAccount(Struct, frozen=True):
    """See :class:`~jobsync.platforms.connections.Account`. ``username`` is whom the settings name;
    empty when they name nobody."""

    base_url: str
    credentials: Credentials
    username: str = ""

    @property
    def source(self) -> str:
        return self.credentials.source

    @property
    def saved(self) -> bool:
        return self.credentials.saved

    @property
    def expires(self) -> float | None:
        claims = claims_of(self.credentials.token)
        return None if self.credentials.renewable or claims is None else claims.expires

    def reader(self, how: Connection) -> AbstractContextManager[TapisReader]:
        opened = connect_reader(self.base_url, self.credentials, how=how)
        return acting_as(self._expected_user, USERNAME, opened)

    def backend(self, how: Connection) -> AbstractContextManager[TapisBackend]:
        opened = connect(self.base_url, self.credentials, how=how)
        return acting_as(self._expected_user, USERNAME, opened)

    def jobs(self, how: Connection) -> closing[Jobs]:
        """The operations one by one."""
        return connect_jobs(self.base_url, self.credentials, how=how)

    @property
    def _expected_user(self) -> str:
        """Only what stands beside the token counts: files may be another user's on purpose."""
        return "" if self.credentials.saved else self.username


class TapisConnections:
    """See :class:`~jobsync.platforms.connections.Connections`."""

    def account(self, environ: Mapping[str, str], base_url: str) -> TapisAccount:
        credentials = find_credentials(environ, base_url, time.time())
        return TapisAccount(base_url, credentials, environ.get(USERNAME, "").strip())

    def has_login(self, environ: Mapping[str, str], base_url: str) -> bool:
        wanted = one_spelling(base_url)
        try:
            found = LoginStore.of(environ).find(wanted)
            return found is not None or any(stored_tokens(environ, wanted))
        except SettingsError:  # something is there, and its error is shown where it is used
            return True

    def account_of(self, base_url: str, token: str, user: str = "") -> TapisAccount:
        found = by_password(base_url, user, token) if user else explicit(base_url, token)
        return TapisAccount(base_url, found)

    def log_in(
        self,
        environ: Mapping[str, str],
        base_url: str,
        username: str,
        password: Secret,
        lasting: Lasting,
        how: Connection,
    ) -> str:
        url, store = one_spelling(base_url), LoginStore.of(environ)
        with closing(how.client(url)) as client:
            log_in(Authenticator(client), store, url, username, password, lasting)
        return str(store.path)

    def log_out(self, environ: Mapping[str, str], base_url: str, how: Connection) -> LoggedOut:
        url, store = one_spelling(base_url), LoginStore.of(environ)
        with closing(how.client(url)) as client:
            return log_out(Authenticator(client), store, url)


CONNECTIONS: Connections = TapisConnections()


def _jobs(kind: type[Transport], base_url: str, credentials: Credentials, how: Connection) -> Jobs:
    urls = Urls(base_url)
    client = how.client(urls.base)
    keeper = TokenKeeper(credentials, Authenticator(client))
    budget = RetryBudget(how.retries)
    transport = kind(client, Bearer(keeper), timing=how.timing, policy=how.policy, budget=budget)
    return Jobs(urls, transport, keeper)
