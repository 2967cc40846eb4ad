"""The door to HTTP: one exchange at a time, nothing decided here but how bytes travel.

What is sent once, or goes through a proxy, goes over requests (``sessions``); downloads and the
many small questions go over connections of their own kind (``kept``), at a quarter of the cost.

Nothing is taken from the environment, no redirect is followed, no compression asked for, TLS is
always verified. An answer that ends when the connection closes is refused: cut short, it would
look whole.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobsync import __version__
from jobsync.agave.envelope import sanitised, unreadable
from jobsync.agave.exchange import (
    Answer,
    BrokenAnswer,
    Call,
    Head,
    NeverSent,
    NoConnection,
    Repeat,
    Reply,
)
from jobsync.agave.kept import KeptConnections
from jobsync.agave.retry import Timing
from jobsync.agave.urls import UnsafePath
from jobsync.base_url import base_url
from jobsync.errors import SettingsError, Unreachable, Unreadable
from jobsync.records import Struct, field
from jobsync.secret import Secret

if TYPE_CHECKING:
    from jobsync.agave.sessions import Sessions

USER_AGENT = f"jobsync/{__version__}"
CHUNK = 256 * 1024
_LARGEST_REFUSAL = 64 * 1024
_IS_IT_THERE = "check that the base URL is right, the network is up, and the service runs"
_NO_BODY = frozenset({204, 304})
_PLAIN_TARGET = re.compile(
    r"(?:/(?!\.{1,2}(?:[/?]|\Z))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)+"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?"
)
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)")
_LENGTH = re.compile(r"[0-9]{1,18}")


class HttpSettings(Struct, frozen=True):
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


class Stream(Struct, frozen=True):
    """An answer whose body is still to be read: ``chunks`` raises when it is cut short."""

    head: Answer
    chunks: Iterator[bytes]

    @property
    def status(self) -> int:
        return self.head.status


class _Connections:
    """Every open connection, so that another thread's wait on one can be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)

    def end(self) -> None:
        with self._lock:
            sockets = list(self._open)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Door:
    """Sends one request and reads one answer. Safe to use from many threads."""

    def __init__(self, settings: HttpSettings, timing: Timing) -> None:
        self.base = base_url(settings.base_url)
        self.settings = settings
        self._timing = timing
        self._context = _tls_context(settings.ca_file) if self.base.startswith("https") else None
        self._connections = _Connections()
        # This machine is never asked through a proxy.
        self._proxies = dict(settings.proxies) if self._context else {}
        self._lean = KeptConnections(
            self.base,
            self._context,
            self._connections.add,
            connect=settings.connect_timeout,
            idle=settings.idle_timeout,
        )
        self._sessions: Sessions | None = None
        self._making = threading.Lock()

    def close(self) -> None:
        """Close all connections; whoever waits on one in another thread waits no longer."""
        self._connections.end()
        self._lean.close()
        if self._sessions is not None:
            self._sessions.close()

    def whole(self, call: Call, authorization: Secret) -> Answer:
        """The whole answer to *call*.

        Raises :class:`NeverSent` when no connection stood, :class:`Unreachable` when the answer
        did not come or was cut short, :class:`Unreadable` when it is too large or has no length.
        """
        reply = self._asked(call, authorization)
        try:
            return self._read(call, reply)
        finally:
            reply.close()

    @contextmanager
    def stream(self, call: Call, authorization: Secret) -> Iterator[Stream | Answer]:
        """A 200 or 206 as a stream, anything else as a whole answer; raises like ``whole``."""
        reply = self._asked(call, authorization)
        try:
            if reply.status in (200, 206):
                _check_framing(call, reply)
                yield Stream(_answer(call, reply, b""), _chunks(call, reply))
            else:
                yield self._read(call, reply)
        finally:
            reply.close()

    def _asked(self, call: Call, authorization: Secret) -> Reply:
        try:
            if call.repeat is not Repeat.ALWAYS or self._proxies:
                return self._through_requests().ask(call, self._headers(call), authorization)
            headers = self._headers(call)
            headers["Authorization"] = authorization.reveal()
            return self._lean.ask(call.method, self._target(call), call.body, headers)
        except ValueError as error:
            raise UnsafePath(f"cannot be asked for: {sanitised(call.url)}") from error
        except NoConnection as error:
            said = f"{call.method} {call.url}: no answer: {_reason(error)}"
            raise NeverSent(said, hint=_IS_IT_THERE) from error
        except OSError as error:
            raise Unreachable(f"{call.method} {call.url}: no answer: {_reason(error)}") from error

    def prepare(self) -> None:
        """Import requests now, not between a submit's being written down and its being sent."""
        self._through_requests()

    def _through_requests(self) -> Sessions:
        with self._making:
            if self._sessions is None:
                from jobsync.agave.sessions import Sessions

                self._sessions = Sessions(
                    self.base,
                    self._context,
                    self._connections.add,
                    proxies=self._proxies,
                    size=self.settings.concurrency,
                    connect=self.settings.connect_timeout,
                    idle=self.settings.idle_timeout,
                )
            return self._sessions

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

    def _read(self, call: Call, reply: Reply) -> Answer:
        """The whole of *reply*; of a refusal only its first words.

        After a 416 the file may follow all the same (contract 6.4).
        """
        refused = reply.status >= 300
        if not refused:
            _check_framing(call, reply)
        body: list[bytes] = []
        size = 0
        deadline = self._timing.monotonic() + self.settings.total_timeout
        try:
            for piece in reply.pieces(_LARGEST_REFUSAL if refused else CHUNK):
                body.append(piece)
                size += len(piece)
                if refused and size >= _LARGEST_REFUSAL:
                    break
                if size > self.settings.largest_answer:
                    too_large = f"more than {self.settings.largest_answer} bytes"
                    raise unreadable(_answer(call, reply, b""), too_large)
                if self._timing.monotonic() > deadline:
                    raise Unreachable(f"{call.method} {call.url}: too slow to wait for")
        except OSError as error:
            raise _broken_off(call, error) from error
        return _answer(call, reply, b"".join(body))


def _chunks(call: Call, reply: Reply) -> Iterator[bytes]:
    try:
        yield from reply.blocks(CHUNK)
    except OSError as error:
        raise _broken_off(call, error) from error


def _answer(call: Call, head: Head, body: bytes) -> Answer:
    return Answer(call.method, call.url, head.status, head.headers, body)


def _broken_off(call: Call, error: OSError) -> Unreachable:
    return Unreachable(f"{call.method} {call.url}: the answer broke off: {_reason(error)}")


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        import certifi

        ca_file = certifi.where()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"cannot read the certificates in {ca_file}: {error}") from error


def _check_framing(call: Call, head: Head) -> None:
    """Refuse an answer of which nobody can say whether all of it came."""
    if trouble := _misframed(call, head):
        raise Unreadable(f"{call.method} {call.url}: {trouble}")


def _misframed(call: Call, head: Head) -> str:
    if call.method == "HEAD" or head.status in _NO_BODY:
        return ""
    coding = head.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        return f"compressed ({sanitised(coding)}) unasked"
    if head.headers.get("transfer-encoding", "").strip().lower() == "chunked":
        return ""
    measured = _LENGTH.fullmatch(head.headers.get("content-length", "").strip())
    return "" if measured else "the answer does not say how long it is"


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
    if isinstance(error, BrokenAnswer) and error.args:
        return sanitised(str(error))
    for item in reversed(links):
        if isinstance(item, ssl.SSLCertVerificationError):
            return f"TLS: {sanitised(item.verify_message)}"
        if isinstance(item, ssl.SSLError):
            return f"TLS: {sanitised(item.reason or str(item))}"
        if isinstance(item, OSError) and item.strerror:
            return sanitised(item.strerror)
    if any(isinstance(item, TimeoutError) for item in links):
        return "timed out"
    return sanitised(str(links[-1])) or type(links[-1]).__name__
