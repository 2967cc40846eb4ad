"""What went wrong with an exchange, in plain words, and whether anything of it was sent."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from http.client import IncompleteRead, RemoteDisconnected

from urllib3.exceptions import ProxyError

from jobsync.errors import Unreachable
from jobsync.http.exchanges import Exchange
from jobsync.http.messages import (
    CLOSED,
    NeverSent,
    Overdue,
    OverdueUnsent,
    Request,
    Untrusted,
    sanitised,
)

_DEATHS = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_IS_IT_THERE = "check that the base URL is right, the network is up, and the service runs"
_IS_THE_PROXY_THERE = (
    "check the proxy that the environment sets (https_proxy, all_proxy), or name the host of the "
    "service in no_proxy"
)
_WHOM_TO_TRUST = (
    "if the service has its own certificate authority, set REQUESTS_CA_BUNDLE to the file of it"
)


class Stale(Unreachable):
    """A reused connection broke before any byte of the response: the server had closed it."""


def failure_of(
    request: Request, exchange: Exchange, error: Exception, what: str = "no answer"
) -> Unreachable:
    """The exception to raise for *error*. Only this function decides that nothing was sent."""
    sent = exchange.connected or exchange.reused
    if exchange.ended == CLOSED:
        return Unreachable(CLOSED) if sent else NeverSent(CLOSED)
    if exchange.ended:
        return (Overdue if sent else OverdueUnsent)(f"{exchange.ended} ({request})")
    links = list(_links(error))
    by_proxy = not sent and any(isinstance(link, ProxyError) for link in links)
    whose = " from the proxy" if by_proxy else ""
    line = f"{what}{whose}: {_reason(links)} ({request})"
    if not sent and any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
        return Untrusted(line, hint=_WHOM_TO_TRUST)
    if not sent:
        return NeverSent(line, hint=_IS_THE_PROXY_THERE if by_proxy else _IS_IT_THERE)
    if exchange.reused and any(isinstance(link, _DEATHS) for link in links):
        return Stale(line)
    return Unreachable(line)


def _links(error: BaseException) -> Iterator[BaseException]:
    """A chain of library errors, from the outermost to its beginning."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        inner = getattr(link, "reason", None) or next(
            (item for item in link.args if isinstance(item, BaseException)), None
        )
        link = inner if isinstance(inner, BaseException) else link.__cause__ or link.__context__


def _reason(links: Sequence[BaseException]) -> str:
    """The plainest words in a chain of library errors."""
    for item in reversed(links):
        if isinstance(item, ssl.SSLCertVerificationError):
            return f"TLS: {sanitised(item.verify_message)}"
        if isinstance(item, ssl.SSLError):
            return f"TLS: {sanitised(item.reason or str(item))}"
        if isinstance(item, RemoteDisconnected):
            return "the connection was closed before the answer"
        if isinstance(item, IncompleteRead):
            return "some of its bytes are missing"
        if isinstance(item, OSError) and item.strerror:
            return sanitised(item.strerror)
    if any(isinstance(item, TimeoutError) for item in links):
        return "timed out"
    return sanitised(str(links[-1])) or type(links[-1]).__name__
