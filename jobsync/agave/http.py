"""The door to HTTP: one exchange at a time, nothing decided here but how bytes travel.

What is sent once, or goes through a proxy, goes over requests; downloads and the many small
questions go over connections of their own kind (``kept``), at a quarter of the cost.

Nothing is taken from the environment (no proxies, no ``.netrc``, which would replace the token),
no redirect is followed, no cookie kept, no compression asked for, TLS is always verified. An
answer that ends when the connection closes is refused: cut short, it would look whole.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from jobsync import __version__
from jobsync.agave.envelope import sanitised, unreadable
from jobsync.agave.exchange import Answer, Call, NeverSent, Repeat
from jobsync.agave.kept import KeptConnections, NoConnection, Reply
from jobsync.agave.retry import Timing
from jobsync.agave.urls import UnsafePath, base_url
from jobsync.errors import SettingsError, Unreachable, Unreadable
from jobsync.secret import Secret

USER_AGENT = f"jobsync/{__version__}"
CHUNK = 256 * 1024
_LARGEST_REFUSAL = 64 * 1024
_IS_IT_THERE = "check that the base URL is right, the network is up, and the service runs"
_NO_BODY = frozenset({204, 304})
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)
_PLAIN_TARGET = re.compile(
    r"(?:/(?!\.{1,2}(?:[/?]|\Z))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)+"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?"
)
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)")
_Pieces = Callable[[int], Iterator[bytes]]
"""Gives the pieces of a body, none longer than it is told."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach one service. Times in seconds, sizes in bytes.

    ``idle_timeout`` bounds one wait for bytes, ``total_timeout`` a whole answer (not a download).
    ``proxies`` maps ``https`` to a proxy URL; this machine is never asked through one.
    """

    base_url: str
    concurrency: int = 16
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0
    total_timeout: float = 300.0
    largest_answer: int = 64 * 1024 * 1024
    ca_file: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = USER_AGENT


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to be read: ``chunks`` raises when it is cut short."""

    head: Answer
    chunks: Iterator[bytes]

    @property
    def status(self) -> int:
        return self.head.status


class _Authorization(AuthBase):
    """Sets the header last of all, so that nothing can replace it, and only below *base*."""

    def __init__(self, base: str, value: Secret) -> None:
        self._base = base
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not (request.url or "").startswith(f"{self._base}/"):
            raise UnsafePath("a token is only sent to the base URL it was issued for")
        request.headers["Authorization"] = self._value.reveal()
        return request


class _Adapter(HTTPAdapter):
    """Connections that share one TLS context: making one costs 27 ms.

    ``opened`` is called with every connection once it stands.
    """

    def __init__(
        self, context: ssl.SSLContext | None, size: int, opened: Callable[[HTTPConnection], None]
    ) -> None:
        self._context = context
        self._pools = _noting_pools(opened)
        super().__init__(pool_connections=4, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context has the certificates; naming a file here would load it per connection."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = None


def _noting_pools(opened: Callable[[HTTPConnection], None]) -> dict[str, Any]:
    """Connection pools that tell when a connection stands, TLS handshake included.

    Nothing of a request is sent before ``connect`` returns: until then nothing was.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            opened(self)

    class Tls(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            opened(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


class _Connections:
    """Every open connection, so that another thread's wait on one can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()

    def add(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._open.add(connection)

    def end(self) -> None:
        with self._lock:
            sockets = [connection.sock for connection in self._open]
        for sock in sockets:
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class _Shot:
    """One connection for one request, which remembers whether it ever came to be."""

    def __init__(self, context: ssl.SSLContext | None, connections: _Connections) -> None:
        self.connected = False
        self._connections = connections
        self.session = _Session(_Adapter(context, 1, self._opened))

    def _opened(self, connection: HTTPConnection) -> None:
        self.connected = True
        self._connections.add(connection)


class _Session(requests.Session):
    """A session that takes nothing from the environment and goes nowhere by itself."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class Door:
    """Sends one request and reads one answer. Safe to use from many threads."""

    def __init__(self, settings: HttpSettings, timing: Timing) -> None:
        self.base = base_url(settings.base_url)
        self.settings = settings
        self._timing = timing
        self._context = _tls_context(settings.ca_file) if self.base.startswith("https") else None
        self._connections = _Connections()
        adapter = _Adapter(self._context, settings.concurrency, self._connections.add)
        self._kept = _Session(adapter)
        self._proxied = self.base.startswith("https:") and bool(settings.proxies)
        self._lean = KeptConnections(
            self.base,
            self._context,
            self._connections.add,
            connect=settings.connect_timeout,
            idle=settings.idle_timeout,
        )

    def close(self) -> None:
        """Close all connections; whoever waits on one in another thread waits no longer."""
        self._connections.end()
        self._lean.close()
        self._kept.close()

    def whole(self, call: Call, authorization: Secret) -> Answer:
        """The whole answer to *call*.

        Raises :class:`NeverSent` when no connection stood, :class:`Unreachable` when the answer
        did not come or was cut short, :class:`Unreadable` when it is too large or has no length.
        """
        if call.repeat is Repeat.ALWAYS and not self._proxied:
            return self._asked(call, authorization)
        with self._sent(call, authorization) as response:
            return self._read(call, _head(call, response), _pieces(response))

    def _asked(self, call: Call, authorization: Secret) -> Answer:
        """Over a kept connection: a read, or a write that may be repeated."""
        with self._replied(call, authorization) as reply:
            return self._read(call, _head_of(call, reply), reply.pieces)

    @contextmanager
    def _replied(self, call: Call, authorization: Secret) -> Iterator[Reply]:
        target = self._target(call)
        headers = {**self._headers(call), "Authorization": authorization.reveal()}
        with ExitStack() as stack:
            try:
                reply = stack.enter_context(
                    self._lean.reply(call.method, target, call.body, headers)
                )
            except ValueError as error:
                raise UnsafePath(f"cannot be asked for: {sanitised(call.url)}") from error
            except NoConnection as error:
                raise NeverSent(
                    f"{call.method} {call.url}: no answer: {_reason(error)}", hint=_IS_IT_THERE
                ) from error
            except (http.client.HTTPException, OSError) as error:
                raise Unreachable(
                    f"{call.method} {call.url}: no answer: {_reason(error)}"
                ) from error
            # Outside of it: an OSError of whoever uses the answer is none of the connection.
            yield reply

    def _target(self, call: Call) -> str:
        """What is asked for at the origin: *call*'s URL as it is, below the base URL.

        Refused is what a server in between might read as another path than we wrote.
        """
        if not call.url.startswith(f"{self.base}/"):
            raise UnsafePath("a token is only sent to the base URL it was issued for")
        target = call.url[len(self._lean.origin) :]
        if not _PLAIN_TARGET.fullmatch(target) or _NEEDLESS_ESCAPE.search(target):
            raise UnsafePath(f"cannot be asked for: {sanitised(call.url)}")
        return target

    @contextmanager
    def stream(self, call: Call, authorization: Secret) -> Iterator[Stream | Answer]:
        """A 200 or 206 as a stream, anything else as a whole answer; raises like ``whole``."""
        if call.repeat is Repeat.ALWAYS and not self._proxied:
            with self._replied(call, authorization) as reply:
                yield self._opened(call, _head_of(call, reply), reply.pieces, reply.blocks)
            return
        with self._sent(call, authorization) as response:
            head = _head(call, response)
            yield self._opened(call, head, _pieces(response), _blocks(response))

    def _opened(
        self, call: Call, head: Answer, pieces: _Pieces, blocks: _Pieces
    ) -> Stream | Answer:
        if head.status not in (200, 206):
            return self._read(call, head, pieces)
        _check_framing(head)
        return Stream(head, _chunks(call, blocks))

    @contextmanager
    def _sent(self, call: Call, authorization: Secret) -> Iterator[requests.Response]:
        prepared = self._prepare(call, authorization)
        shot = None
        if call.repeat is not Repeat.ALWAYS:
            shot = _Shot(self._context, self._connections)
        session = self._kept if shot is None else shot.session
        try:
            response = self._send(session, prepared)
        except (*_FAILURES, OSError) as error:
            kind = NeverSent if _never_sent(shot, error) else Unreachable
            raise kind(f"{call.method} {call.url}: no answer: {_reason(error)}") from error
        try:
            yield response
        finally:
            response.close()
            if shot is not None:
                session.close()

    def _send(
        self, session: requests.Session, prepared: requests.PreparedRequest
    ) -> requests.Response:
        proxies = {} if self.base.startswith("http:") else dict(self.settings.proxies)
        return session.send(
            prepared,
            stream=True,
            allow_redirects=False,
            verify=True,
            proxies=proxies,
            timeout=(self.settings.connect_timeout, self.settings.idle_timeout),
        )

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {
            "User-Agent": self.settings.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **call.headers,
        }
        if call.repeat is not Repeat.ALWAYS:
            headers["Connection"] = "close"
        return headers

    def _prepare(self, call: Call, authorization: Secret) -> requests.PreparedRequest:
        request = requests.Request(
            call.method,
            call.url,
            headers=self._headers(call),
            data=call.body,
            auth=_Authorization(self.base, authorization),
        )
        try:
            prepared = request.prepare()
        except (requests.RequestException, UnicodeError) as error:
            raise UnsafePath(f"cannot be asked for: {sanitised(call.url)}") from error
        if prepared.url != call.url:
            raise UnsafePath(f"would be sent as another URL: {sanitised(call.url)}")
        return prepared

    def _read(self, call: Call, head: Answer, pieces: _Pieces) -> Answer:
        if head.status >= 300:
            return self._read_start(call, head, pieces)
        _check_framing(head)
        body: list[bytes] = []
        size = 0
        deadline = self._timing.monotonic() + self.settings.total_timeout
        with _reading(call):
            for piece in pieces(CHUNK):
                body.append(piece)
                size += len(piece)
                if size > self.settings.largest_answer:
                    raise unreadable(head, f"more than {self.settings.largest_answer} bytes")
                if self._timing.monotonic() > deadline:
                    raise Unreachable(f"{call.method} {call.url}: too slow to wait for")
        return replace(head, body=b"".join(body))

    def _read_start(self, call: Call, head: Answer, pieces: _Pieces) -> Answer:
        """A refusal needs no more than its first words; a 416 may be followed by the file (6.4)."""
        start = b""
        with _reading(call):
            for piece in pieces(_LARGEST_REFUSAL):
                start += piece
                if len(start) >= _LARGEST_REFUSAL:
                    break
        return replace(head, body=start)


def _chunks(call: Call, blocks: _Pieces) -> Iterator[bytes]:
    with _reading(call):
        yield from blocks(CHUNK)


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    except OSError as error:
        raise SettingsError(f"cannot read the certificates in {ca_file}: {error}") from error


def _head(call: Call, response: requests.Response) -> Answer:
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    return Answer(call.method, call.url, response.status_code, headers, b"")


def _head_of(call: Call, reply: Reply) -> Answer:
    return Answer(call.method, call.url, reply.status, reply.headers, b"")


def _pieces(response: requests.Response) -> _Pieces:
    def pieces(size: int) -> Iterator[bytes]:
        while piece := response.raw.read1(size, decode_content=False):
            yield piece

    return pieces


def _blocks(response: requests.Response) -> _Pieces:
    def blocks(size: int) -> Iterator[bytes]:
        while block := response.raw.read(size, decode_content=False):
            yield block

    return blocks


def _check_framing(head: Answer) -> None:
    """Refuse an answer of which nobody can say whether all of it came."""
    if head.method == "HEAD" or head.status in _NO_BODY:
        return
    coding = head.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Unreadable(f"{head.method} {head.url}: compressed ({sanitised(coding)}) unasked")
    if head.headers.get("transfer-encoding", "").strip().lower() == "chunked":
        return
    if not re.fullmatch(r"[0-9]{1,18}", head.headers.get("content-length", "").strip()):
        raise Unreadable(f"{head.method} {head.url}: the answer does not say how long it is")


@contextmanager
def _reading(call: Call) -> Iterator[None]:
    try:
        yield
    except (*_FAILURES, http.client.HTTPException, OSError) as error:
        said = _reason(error)
        raise Unreachable(f"{call.method} {call.url}: the answer broke off: {said}") from error


def _never_sent(shot: _Shot | None, error: Exception) -> bool:
    if shot is not None:
        return not shot.connected
    return isinstance(error, requests.ConnectTimeout)


def _reason(error: BaseException) -> str:
    """The plainest words in a chain of library errors."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        inner = getattr(link, "reason", None) or next(
            (item for item in link.args if isinstance(item, BaseException)), None
        )
        link = inner if isinstance(inner, BaseException) else link.__cause__ or link.__context__
    for item in reversed(links):
        if isinstance(item, ssl.SSLCertVerificationError):
            return f"TLS: {sanitised(item.verify_message)}"
        if isinstance(item, ssl.SSLError):
            return f"TLS: {sanitised(item.reason or str(item))}"
        if isinstance(item, OSError) and item.strerror:
            return sanitised(item.strerror)
    if any(isinstance(item, (requests.Timeout, TimeoutError)) for item in links):
        return "timed out"
    return sanitised(str(links[-1])) or type(links[-1]).__name__
