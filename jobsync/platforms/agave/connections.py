"""Connections to Agave services: one service, one user, over HTTP.

``connect`` and ``connect_reader`` give the verbs of :mod:`jobsync.backend`, ``connect_jobs`` the
15 operations one by one. Each is a context manager that closes its connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobsync.http.client import USER_AGENT, HttpClient, HttpSettings
from jobsync.http.retry import RetryBudget, RetryPolicy, Timing
from jobsync.platforms.agave.backend import AgaveBackend, AgaveReader
from jobsync.platforms.agave.credentials import Credentials, TokenKeeper
from jobsync.platforms.agave.operations import Jobs
from jobsync.platforms.agave.transport import ReadTransport, TokenTransport, Transport
from jobsync.platforms.agave.urls import Urls
from jobsync.structs import Struct, field

__all__ = [
    "AgaveBackend",
    "AgaveReader",
    "Connection",
    "Jobs",
    "connect",
    "connect_jobs",
    "connect_reader",
    "login_client",
]


class Connection(Struct, frozen=True):
    """How to reach a service: times in seconds. The defaults suit a real tenant.

    ``proxy`` is a URL, or empty; ``certificates``, a file or a folder, are trusted instead of those
    shipped with certifi. Nothing of this is read from the environment here.
    """

    concurrency: int = 16
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    total_timeout: float = 300.0
    certificates: str | None = None
    proxy: str = ""
    user_agent: str = USER_AGENT
    timing: Timing = field(default_factory=Timing)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    retries: int = 100


def connect(
    base_url: str, credentials: Credentials, *, concurrency: int = 16, how: Connection | None = None
) -> AgaveBackend:
    """A service that may be changed."""
    return AgaveBackend(connect_jobs(base_url, credentials, concurrency=concurrency, how=how))


def connect_reader(
    base_url: str, credentials: Credentials, *, concurrency: int = 16, how: Connection | None = None
) -> AgaveReader:
    """A service that can only be asked: the transport sends GET and HEAD and nothing else."""
    how = how or Connection(concurrency=concurrency)
    return AgaveReader(Jobs(Urls(base_url), _transport(ReadTransport, base_url, credentials, how)))


def connect_jobs(
    base_url: str, credentials: Credentials, *, concurrency: int = 16, how: Connection | None = None
) -> Jobs:
    """The 15 operations of a service, one method each."""
    how = how or Connection(concurrency=concurrency)
    return Jobs(Urls(base_url), _transport(Transport, base_url, credentials, how))


@contextmanager
def login_client(base_url: str, how: Connection | None = None) -> Iterator[HttpClient]:
    """A client for logging in, which happens before there is a token."""
    client = _client(base_url, how or Connection())
    try:
        yield client
    finally:
        client.close()


def _transport(
    kind: type[Transport], base_url: str, credentials: Credentials, how: Connection
) -> Transport:
    client = _client(base_url, how)
    base = client.settings.base_url
    keeper = TokenKeeper(base, credentials, TokenTransport(client), how.timing)
    return kind(
        client, keeper, timing=how.timing, policy=how.policy, budget=RetryBudget(how.retries)
    )


def _client(base_url: str, how: Connection) -> HttpClient:
    settings = HttpSettings(
        Urls(base_url).base,
        concurrency=how.concurrency,
        connect_timeout=how.connect_timeout,
        idle_timeout=how.idle_timeout,
        total_timeout=how.total_timeout,
        certificates=how.certificates,
        proxy=how.proxy,
        user_agent=how.user_agent,
    )
    return HttpClient(settings, how.timing.monotonic)
