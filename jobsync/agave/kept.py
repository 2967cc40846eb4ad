"""Connections that are kept open between questions, and nothing else around them.

A plan of many jobs is thousands of small questions, and there a general library costs more than
the questions themselves. So what may be repeated goes over the standard library's own connections;
what must be sent once does not come here.
"""

from __future__ import annotations

import http.client
import select
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobsync.agave.head import Response

_FRESH = 1.0
"""Seconds for which an idle connection is taken to be open without looking."""


class NoConnection(OSError):
    """No connection could be made, so nothing was sent. Its cause says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is still to be read. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    response: http.client.HTTPResponse

    def pieces(self, size: int) -> Iterator[bytes]:
        """The body in pieces as they come. Raises OSError or HTTPException when it is cut short,
        which nobody can tell of a body without a length."""
        if self.response.chunked or self.response.length is None:
            while piece := self.response.read1(size):
                yield piece
            return
        # Read below the response, which in some versions loses count of single reads.
        left = self.response.length
        while left:
            piece = self.response.fp.read1(min(size, left))
            if not piece:
                raise http.client.IncompleteRead(b"", left)
            left -= len(piece)
            yield piece
        self.response.close()

    def blocks(self, size: int) -> Iterator[bytes]:
        """The body in pieces of *size*, only the last shorter. Raises like :meth:`pieces`."""
        if self.response.chunked or self.response.length is None:
            while block := self.response.read(size):
                yield block
            return
        left = self.response.length
        while left:
            block = self.response.fp.read(min(size, left))
            left -= len(block)
            if block:
                yield block
            if len(block) < size and left:
                raise http.client.IncompleteRead(b"", left)
        self.response.close()


class KeptConnections:
    """The open connections to one service. Safe to use from many threads.

    *opened* is called with each new connection. Times in seconds: *connect* for making one, *idle*
    for one wait for bytes.
    """

    def __init__(
        self,
        base: str,
        context: ssl.SSLContext | None,
        opened: Callable[[http.client.HTTPConnection], None],
        *,
        connect: float,
        idle: float,
    ) -> None:
        parts = urlsplit(base)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._netloc = parts.netloc
        self._host, self._port = parts.hostname or "", parts.port
        self._context = context
        self._opened = opened
        self._connect, self._idle = connect, idle
        self._free: deque[tuple[float, http.client.HTTPConnection]] = deque()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._free:
            self._free.pop()[1].close()

    @contextmanager
    def reply(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Iterator[Reply]:
        """Ask for *target*, a path with its query, and give the answer with its body unread.

        A connection whose answer was read to its end is kept. Raises :class:`NoConnection`, OSError
        or HTTPException when the answer did not come, ValueError for what cannot be sent.
        """
        question = self._question(method, target, body, headers)
        connection = self._taken()
        keep = False
        try:
            connection.sock.sendall(question)
            response = Response(connection.sock, method=method)
            response.begin()
            yield Reply(response.status, response.fields, response)
            keep = response.isclosed() and not response.will_close
        finally:
            if keep:
                self._free.append((time.monotonic(), connection))
            else:
                connection.close()

    def _question(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        """The whole request. Raises ValueError for what would not stay on its own line."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if any(not line.isprintable() for line in lines):
            raise ValueError("a control character in what is to be sent")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def _taken(self) -> http.client.HTTPConnection:
        """The connection used last, so that those which are not needed grow old."""
        while True:
            try:
                since, connection = self._free.pop()
            except IndexError:
                return self._made()
            if time.monotonic() - since < _FRESH or _quiet(connection):
                return connection
            connection.close()

    def _made(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._context is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._connect)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._connect, context=self._context
            )
        try:
            connection.connect()
            connection.sock.settimeout(self._idle)
        except OSError as error:
            connection.close()
            raise NoConnection from error
        self._opened(connection)
        return connection


def _quiet(connection: http.client.HTTPConnection) -> bool:
    """Whether nothing has come on an idle connection: what comes there is its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
