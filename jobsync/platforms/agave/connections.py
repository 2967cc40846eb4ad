"""Connections to Agave services: one service, one user, over HTTP.

``connect`` and ``connect_reader`` give the verbs of :mod:`jobsync.backend`, ``connect_jobs`` the
15 operations one by one. Each is a context manager that closes its connections.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError
from jobsync.http.connection import Connection
from jobsync.http.retry import RetryBudget
from jobsync.platforms.agave.backend import AgaveBackend, AgaveReader
from jobsync.platforms.agave.credential_files import CredentialFiles
from jobsync.platforms.agave.credentials import (
    USERNAME,
    Credentials,
    TokenKeeper,
    explicit,
    find_credentials,
)
from jobsync.platforms.agave.login import log_in
from jobsync.platforms.agave.operations import Jobs
from jobsync.platforms.agave.transport import ReadTransport, TokenTransport, Transport
from jobsync.platforms.agave.urls import Urls
from jobsync.platforms.connections import Connections, Lasting, LoggedOut, acting_as
from jobsync.platforms.token_expiry import expiry_of
from jobsync.secret import Secret
from jobsync.structs import Struct

__all__ = [
    "CONNECTIONS",
    "AgaveAccount",
    "AgaveBackend",
    "AgaveReader",
    "Connection",
    "Jobs",
    "connect",
    "connect_jobs",
    "connect_reader",
]


def connect(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[AgaveBackend]:
    """A service that may be changed."""
    return closing(AgaveBackend(_jobs(Transport, base_url, credentials, how or Connection())))


def connect_reader(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[AgaveReader]:
    """A service that can only be read: the transport sends GET and HEAD and nothing else."""
    return closing(AgaveReader(_jobs(ReadTransport, base_url, credentials, how or Connection())))


def connect_jobs(
    base_url: str, credentials: Credentials, *, how: Connection | None = None
) -> closing[Jobs]:
    """The 15 operations of a service, one method each."""
    return closing(_jobs(Transport, base_url, credentials, how or Connection()))


class AgaveAccount(Struct, frozen=True):
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
        return self.credentials.files is not None

    @property
    def expires(self) -> float | None:
        mine = self.credentials
        if mine.api_key and mine.api_secret and (mine.refresh_token or mine.password):
            return None
        return expiry_of(mine.token) or mine.expires or None

    def reader(self, how: Connection) -> AbstractContextManager[AgaveReader]:
        opened = connect_reader(self.base_url, self.credentials, how=how)
        return acting_as(self._expected_user, USERNAME, opened)

    def backend(self, how: Connection) -> AbstractContextManager[AgaveBackend]:
        opened = connect(self.base_url, self.credentials, how=how)
        return acting_as(self._expected_user, USERNAME, opened)

    def jobs(self, how: Connection) -> closing[Jobs]:
        """The 15 operations one by one."""
        return connect_jobs(self.base_url, self.credentials, how=how)

    @property
    def _expected_user(self) -> str:
        """Files may spell the user otherwise: only what stands beside a token counts."""
        return "" if self.credentials.username != self.username else self.username


class AgaveConnections:
    """See :class:`~jobsync.platforms.connections.Connections`."""

    def account(self, environ: Mapping[str, str], base_url: str) -> AgaveAccount:
        credentials = find_credentials(environ, base_url)
        return AgaveAccount(base_url, credentials, environ.get(USERNAME, "").strip())

    def has_login(self, environ: Mapping[str, str], base_url: str) -> bool:
        try:
            return CredentialFiles.of(environ).find(one_spelling(base_url)) is not None
        except SettingsError:  # something is there, and its error is shown where it is used
            return True

    def account_of(self, base_url: str, token: str, user: str = "") -> AgaveAccount:
        return AgaveAccount(base_url, explicit(base_url, token))

    def log_in(
        self,
        environ: Mapping[str, str],
        base_url: str,
        username: str,
        password: Secret,
        lasting: Lasting,
        how: Connection,
    ) -> str:
        files = CredentialFiles.of(environ)
        with closing(how.client(Urls(base_url).base)) as client:
            log_in(client, files, username, password, time.time())
        return str(files.current)

    def log_out(self, environ: Mapping[str, str], base_url: str, how: Connection) -> LoggedOut:
        files = CredentialFiles.of(environ)
        found = files.forget(base_url)
        left = "tokens that were issued stay valid until they expire" if found else ""
        return LoggedOut(str(files.current), found, left)


CONNECTIONS: Connections = AgaveConnections()


def _jobs(kind: type[Transport], base_url: str, credentials: Credentials, how: Connection) -> Jobs:
    urls = Urls(base_url)
    client = how.client(urls.base)
    keeper = TokenKeeper(urls.base, credentials, TokenTransport(client), how.timing)
    budget = RetryBudget(how.retries)
    return Jobs(urls, kind(client, keeper, timing=how.timing, policy=how.policy, budget=budget))
