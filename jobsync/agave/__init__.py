"""The Agave backend: one service, one user, over HTTP.

``connect`` and ``connect_reader`` give the verbs of :mod:`jobsync.backend`, ``connect_jobs`` the
15 operations one by one. Each is a context manager that closes its connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jobsync.agave.auth import Credentials, TokenKeeper
from jobsync.agave.client import AgaveBackend, AgaveReader
from jobsync.agave.http import USER_AGENT, Door, HttpSettings
from jobsync.agave.jobs import Jobs
from jobsync.agave.retry import Budget, Patience, Timing
from jobsync.agave.transport import ReadTransport, TokenTransport, Transport
from jobsync.agave.urls import Urls
from jobsync.records import Struct, field

__all__ = [
    "AgaveBackend",
    "AgaveReader",
    "Connection",
    "Jobs",
    "connect",
    "connect_jobs",
    "connect_reader",
    "token_door",
]


class Connection(Struct, frozen=True):
    """How to reach a service: times in seconds. The defaults suit a real tenant.

    ``proxies`` maps ``https`` to a proxy URL; ``ca_file`` replaces the certificates shipped with
    requests. Nothing of this is read from the environment here.
    """

    concurrency: int = 16
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    total_timeout: float = 300.0
    ca_file: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = USER_AGENT
    timing: Timing = field(default_factory=Timing)
    patience: Patience = field(default_factory=Patience)
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
def token_door(base_url: str, how: Connection | None = None) -> Iterator[Door]:
    """A door for logging in, which happens before there is a token."""
    door = _door(base_url, how or Connection())
    try:
        yield door
    finally:
        door.close()


def _transport(
    kind: type[Transport], base_url: str, credentials: Credentials, how: Connection
) -> Transport:
    door = _door(base_url, how)
    keeper = TokenKeeper(Urls(base_url).base, credentials, TokenTransport(door), how.timing)
    return kind(door, keeper, timing=how.timing, patience=how.patience, budget=Budget(how.retries))


def _door(base_url: str, how: Connection) -> Door:
    settings = HttpSettings(
        base_url,
        concurrency=how.concurrency,
        connect_timeout=how.connect_timeout,
        idle_timeout=how.idle_timeout,
        total_timeout=how.total_timeout,
        ca_file=how.ca_file,
        proxies=how.proxies,
        user_agent=how.user_agent,
    )
    return Door(settings, how.timing)
