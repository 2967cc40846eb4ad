"""The HTTP client: one exchange at a time, nothing decided here but how bytes travel.

Reads go over kept connections, at most ``concurrency`` at a time. Everything else goes over a new
connection that is closed after it: "not sent" means that this connection's ``connect`` never
returned, and nothing else.

Nothing is taken from the environment, no redirect is followed, no compression asked for, TLS is
always verified. A response that ends when the connection closes is refused: cut short, it would
look whole.
"""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException
from requests import Request as Draft
from urllib3.util import Timeout

from jobsync import __version__
from jobsync.errors import Unreadable
from jobsync.http.exchanges import Exchange, Exchanges
from jobsync.http.failures import Stale, failure_of
from jobsync.http.messages import (
    CLOSED,
    NeverSent,
    Request,
    Response,
    Stream,
    UnsafePath,
    sanitised,
)
from jobsync.http.pool import OneOffSession, PoolAdapter, tls_context
from jobsync.http.rate_limiter import Permit, RateLimiter
from jobsync.http.retry import http_date
from jobsync.secret import Secret
from jobsync.structs import Struct

log = logging.getLogger("jobsync.http")

USER_AGENT = f"jobsync/{__version__}"
CHUNK = 256 * 1024
_LARGEST_REFUSAL = 64 * 1024
_READS = frozenset({"GET", "HEAD"})
_BROKE_OFF = "the answer ended early"
_NO_BODY = frozenset({204, 304})
_OVERLOADED = frozenset({429, 503})
_PLAIN_TARGET = re.compile(
    r"(?:/(?!\.{1,2}(?:[/?]|\Z))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)+"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?"
)
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)")


class HttpSettings(Struct, frozen=True):
    """How to reach one service. Times in seconds, sizes in bytes.

    ``base_url`` has no slash at its end. ``idle_timeout`` bounds one wait for bytes,
    ``total_timeout`` a whole response, of a download its head. ``certificates`` is a file or a
    folder, None for those of certifi; ``proxy`` a URL, or empty.
    """

    base_url: str
    concurrency: int = 16
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    total_timeout: float = 300.0
    largest_response: int = 64 * 1024 * 1024
    certificates: str | None = None
    proxy: str = ""
    user_agent: str = USER_AGENT


class HttpClient:
    """Sends one request and reads one response. Safe to use from many threads.

    Every method that sends raises :class:`NeverSent` when no connection stood,
    :class:`~jobsync.errors.Unreachable` when the response did not come or was cut short,
    :class:`~jobsync.errors.Unreadable` when it is too large or has no length, and
    :class:`UnsafePath`, before anything is sent, for what would mean something else on the wire.
    """

    def __init__(
        self, settings: HttpSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.limiter = RateLimiter(settings.concurrency)
        parts = urlsplit(settings.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        secure = parts.scheme == "https"
        self._context = tls_context(settings.certificates) if secure else None
        self._exchanges = Exchanges(monotonic)
        self._kept = self._adapter(settings.concurrency)
        self._served: tuple[float, float] | None = None
        self._timeout = Timeout(connect=settings.connect_timeout, read=settings.idle_timeout)

    @property
    def closed(self) -> threading.Event:
        """Set once :meth:`close` was called."""
        return self._exchanges.closed

    def close(self) -> None:
        """Send nothing more, and end the requests that other threads still wait for."""
        self._exchanges.close()
        self._kept.close()

    def send(self, request: Request, credential: Secret, header: str = "Authorization") -> Response:
        """Send *request* and read the whole response, whatever its status.

        *credential* goes into *header*; without one there is no such header.
        """
        permit = self.limiter.acquire()
        try:
            with self._opened(request, credential, header) as reply:
                response = self._read(request, reply)
        except BaseException:  # also Ctrl-C: the permit is given back
            self.limiter.failed(permit)
            raise
        self._give_back(permit, response.status)
        return response

    @contextmanager
    def stream(
        self, request: Request, credential: Secret, header: str = "Authorization"
    ) -> Iterator[Stream | Response]:
        """Send *request*: a 200 or 206 comes back as a stream, anything else as a whole response.

        A stream keeps its connection until it is closed. It takes no permit of the rate limiter.
        """
        permit = self.limiter.acquire()
        with ExitStack() as stack:
            try:
                reply = stack.enter_context(self._opened(request, credential, header))
                outcome = self._begun(request, reply)
            except BaseException:  # also Ctrl-C: the permit is given back
                self.limiter.failed(permit)
                raise
            self._give_back(permit, outcome.status)
            yield outcome

    def served_at(self) -> float | None:
        """Seconds since 1970 by the ``Date`` of the last response; None when it had none.

        ``Date`` counts whole seconds and is a little old when it arrives.
        """
        if self._served is None:
            return None
        told, since = self._served
        return told + time.monotonic() - since

    def _keep_time(self, reply: _Reply) -> None:
        told = http_date(reply.headers.get("date", ""))
        if told is not None:
            self._served = told, time.monotonic()

    def _give_back(self, permit: Permit, status: int) -> None:
        if status in _OVERLOADED:
            self.limiter.overloaded(permit)
        else:
            self.limiter.succeeded(permit)

    @contextmanager
    def _opened(self, request: Request, credential: Secret, header: str) -> Iterator[_Reply]:
        """The response to *request* with its body unread, and a line in the log about it."""
        target, headers = self._target(request), self._headers(request, credential, header)
        if self.closed.is_set():
            raise NeverSent(CLOSED)
        began, word = time.monotonic(), "no answer"
        try:
            reply = self._asked(request, target, headers)
            word = str(reply.status)
            self._keep_time(reply)
        finally:
            if log.isEnabledFor(logging.DEBUG):
                spent = (time.monotonic() - began) * 1000
                log.debug("%s %s: %s in %.0f ms", request.method, request.url, word, spent)
        try:
            yield reply
        finally:
            reply.close()

    def _asked(self, request: Request, target: str, headers: Mapping[str, str]) -> _Reply:
        """Over a kept connection what only reads; over a new one all else, and what was asked on
        one that the server had given up meanwhile without saying so, or says so now."""
        seconds = self.settings.total_timeout if request.seconds is None else request.seconds
        deadline = self._exchanges.now() + seconds
        if request.method not in _READS:
            return self._send_once(request, headers, deadline)

        def over(adapter: PoolAdapter) -> _Reply:
            def send() -> Any:
                return adapter.pool.urlopen(
                    request.method,
                    target,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                )

            close = adapter.close if adapter is not self._kept else _nothing
            return self._carried(request, deadline, send, close)

        try:
            reply = over(self._kept)
            if reply.status != 408 or not reply.exchange.reused:
                return reply
            reply.close()
        except Stale:
            pass
        return over(self._adapter(1))

    def _send_once(self, request: Request, headers: Mapping[str, str], deadline: float) -> _Reply:
        """Over requests and a connection of its own, closed afterwards."""
        prepared = self._prepared(request, headers)
        session = OneOffSession(self._adapter(1))
        settings = self.settings
        # A request with a time of its own may be answered after as long a silence.
        idle = max(settings.idle_timeout, request.seconds or 0.0)
        timeout = Timeout(connect=settings.connect_timeout, read=idle)

        def send() -> Any:
            response = session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                timeout=timeout,  # type: ignore[arg-type]
            )
            return response.raw

        return self._carried(request, deadline, send, session.close)

    def _prepared(self, request: Request, headers: Mapping[str, str]) -> PreparedRequest:
        try:
            prepared = Draft(
                request.method,
                request.url,
                headers={**headers, "Connection": "close"},
                data=request.body,
            ).prepare()
        except (RequestException, ValueError) as error:
            raise UnsafePath(f"this URL cannot be requested: {sanitised(request.url)}") from error
        if prepared.url != request.url:
            raise UnsafePath(f"this URL would be sent in another form: {sanitised(request.url)}")
        return prepared

    def _carried(
        self,
        request: Request,
        deadline: float,
        send: Callable[[], Any],
        close: Callable[[], None],
    ) -> _Reply:
        """What *send* brings. *close* is called when the reply is closed, or none came.

        Whatever is raised here, by whichever parser, only a connection that never stood proves
        that nothing was sent.
        """
        exchange = self._exchanges.begin(deadline)

        def over() -> None:
            self._exchanges.finish(exchange)
            close()

        try:
            return _Reply(request, send(), exchange, over)
        except BaseException as error:
            over()
            if isinstance(error, Exception):
                raise failure_of(request, exchange, error) from error
            raise

    def _adapter(self, size: int) -> PoolAdapter:
        settings = self.settings
        return PoolAdapter(settings.base_url, self._context, settings.proxy, size, self._exchanges)

    def _target(self, request: Request) -> str:
        """What is asked for at the origin: the URL as it is, below the base URL.

        Refused is what a server in between might read as another path than we wrote.
        """
        if not request.url.startswith(f"{self.settings.base_url}/"):
            raise UnsafePath("a token is only sent to the base URL it was issued for")
        target = request.url[len(self._origin) :]
        if not _PLAIN_TARGET.fullmatch(target) or _NEEDLESS_ESCAPE.search(target):
            raise UnsafePath(f"this URL cannot be requested: {sanitised(request.url)}")
        return target

    def _headers(self, request: Request, credential: Secret, header: str) -> dict[str, str]:
        headers = {
            "User-Agent": self.settings.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        if credential:
            headers[header] = credential.reveal()
        text = "".join(f"{name}{value}" for name, value in headers.items())
        if not text.isprintable() or not text.isascii():
            raise UnsafePath(
                f"a header has a character that is not allowed: {sanitised(request.url)}"
            )
        return headers

    def _begun(self, request: Request, reply: _Reply) -> Stream | Response:
        if reply.status not in (200, 206):
            return self._read(request, reply)
        _check_framing(request, reply)
        reply.exchange.deadline = math.inf  # from here on the wait for bytes alone is bounded
        return Stream(_response(request, reply, b""), iter(lambda: reply.read(CHUNK), b""))

    def _read(self, request: Request, reply: _Reply) -> Response:
        """The whole of *reply*; of a refusal only its first words.

        A refusal may bring anything, a whole file among it, and of any length.
        """
        refused = reply.status >= 300
        if not refused:
            _check_framing(request, reply)
        most = _LARGEST_REFUSAL if refused else self.settings.largest_response
        body = bytearray()
        while len(body) <= most and (piece := reply.read(min(CHUNK, most + 1))):
            body += piece
        if len(body) > most and not refused:
            raise Unreadable(f"the answer is longer than {most} bytes ({request})")
        return _response(request, reply, bytes(body[:most]))


class _Reply:
    """A response whose body is still to be read. ``headers`` have lower-case names.

    One that was not read to its end takes its connection with it when it is closed: what is left
    of it would be taken for the beginning of the next.
    """

    __slots__ = ("_over", "_raw", "exchange", "headers", "request", "status")

    def __init__(self, request: Request, raw: Any, exchange: Exchange, over: Callable[[], None]):
        self.request, self.exchange = request, exchange
        self._raw, self._over = raw, over
        self.status: int = raw.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in raw.headers.itermerged()
        }

    def read(self, size: int) -> bytes:
        """The next *size* bytes of the body, fewer only at its end."""
        try:
            data: bytes = self._raw.read(size, decode_content=False)
        except Exception as error:  # parsers raise what they like
            raise failure_of(self.request, self.exchange, error, _BROKE_OFF) from error
        return data

    def close(self) -> None:
        """Leave the rest of the body."""
        self._raw.close()
        self._over()


def _response(request: Request, reply: _Reply, body: bytes) -> Response:
    return Response(
        request.method, request.url, reply.status, reply.headers, body, asks=request.asks
    )


def _check_framing(request: Request, reply: _Reply) -> None:
    """Refuse a response of which nobody can say whether all of it came."""
    if request.method == "HEAD" or reply.status in _NO_BODY:
        return
    coding = reply.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Unreadable(
            f"the answer is compressed, which was not requested: {sanitised(coding)} ({request})"
        )
    if not reply.headers.keys() & {"transfer-encoding", "content-length"}:
        raise Unreadable(f"the answer does not say how long it is ({request})")


def _nothing() -> None:
    pass
