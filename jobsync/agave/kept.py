"""Connections that are kept open between questions, and nothing else around them.

A plan of many jobs is thousands of small questions, and there a general library costs more than
the questions themselves. So what may be repeated goes over plain sockets, and llhttp, the parser of
Node.js, reads the answers: strictly, so that two servers in a row cannot read one differently. What
must be sent once does not come here.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import httptools

from jobsync.agave.exchange import BrokenAnswer, NoConnection

_FRESH = 1.0
"""Seconds for which an idle connection is taken to be open without looking."""

_RECEIVED = 64 * 1024
_LONGEST_HEAD = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_NO_BODY = frozenset({204, 304})


class Found:
    """What the parser has found of an answer; its methods are what the parser calls."""

    __slots__ = ("body", "fields", "headed", "surplus", "whole")

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.body: list[bytes] = []
        self.headed = self.whole = self.surplus = False

    def on_message_begin(self) -> None:
        self.surplus = self.whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headed:  # a trailer, which nobody here has a use for
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self.fields[key] = f"{self.fields[key]}, {text}" if key in self.fields else text

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, piece: bytes) -> None:
        if not self.whole:
            self.body.append(piece)

    def on_message_complete(self) -> None:
        self.whole = True

    def leaves_open(self, parser: httptools.HttpResponseParser) -> bool:
        """Whether the connection may be used again after this answer."""
        closes = "close" in self.fields.get("connection", "").lower()
        return not (closes or self.surplus) and parser.get_http_version() == "1.1"


class KeptReply:
    """An answer whose body is still to be read. ``headers`` have lower-case names.

    What reads the body raises OSError when it is cut short, which nobody can tell of a body without
    a length. To be closed: only then may its connection be used again.
    """

    __slots__ = ("_ahead", "_end", "_found", "_left", "_parser", "_sock", "headers", "status")

    def __init__(
        self, sock: socket.socket, method: str, end: Callable[[socket.socket, bool], None]
    ) -> None:
        self._sock, self._end = sock, end
        self._ahead = b""
        self.status = 100
        while 100 <= self.status < 200:
            self._read_head()
        self.headers: Mapping[str, str] = self._found.fields
        # How many bytes of the body are still to come; None where only its end tells.
        self._left: int | None = None
        if method == "HEAD" or self.status in _NO_BODY:
            self._left = 0
        elif "content-length" in self.headers:
            self._left = int(self.headers["content-length"])

    def _read_head(self) -> None:
        held, begun = self._ahead, 0
        while (end := held.find(_HEAD_END, begun)) < 0:
            if len(held) > _LONGEST_HEAD:
                raise BrokenAnswer("the head of the answer has no end")
            begun = max(0, len(held) - len(_HEAD_END) + 1)
            if not (more := self._sock.recv(_RECEIVED)):
                raise BrokenAnswer("the connection was closed before the answer")
            held = held + more if held else more
        end += len(_HEAD_END)
        self._found = Found()
        self._parser = httptools.HttpResponseParser(self._found)
        _feed(self._parser, held[:end])
        if not self._found.headed:
            raise BrokenAnswer("the head of the answer is no head of HTTP")
        self._ahead = held[end:]
        self.status = self._parser.get_status_code()

    def pieces(self, size: int) -> Iterator[bytes]:
        """The body in pieces as they come, none longer than *size* where its length is known."""
        if self._left is None:
            yield from self._unmeasured(size)
            return
        while self._left:
            piece = self._ahead[: min(size, self._left)]
            if piece:
                self._ahead = self._ahead[len(piece) :]
            elif not (piece := self._sock.recv(min(size, self._left))):
                raise BrokenAnswer(f"{self._left} bytes are missing")
            self._left -= len(piece)
            yield piece

    def blocks(self, size: int) -> Iterator[bytes]:
        """The body in pieces of *size*, only the last shorter."""
        if self._left is None:
            yield from _gathered(self._unmeasured(size), size)
            return
        with self._sock.makefile("rb") as file:
            while self._left:
                start = self._ahead[: min(size, self._left)]
                self._ahead = self._ahead[len(start) :]
                wanted = min(size, self._left)
                block = start + file.read(wanted - len(start)) if start else file.read(wanted)
                self._left -= len(block)
                if block:
                    yield block
                if len(block) < wanted:
                    raise BrokenAnswer(f"{self._left} bytes are missing")

    def _unmeasured(self, size: int) -> Iterator[bytes]:
        """A body in chunks, or one that ends with the connection."""
        chunked = "transfer-encoding" in self.headers
        data, self._ahead = self._ahead, b""
        while True:
            if data:
                try:
                    _feed(self._parser, data)
                except BrokenAnswer:
                    if not self._found.surplus:
                        raise
                found, self._found.body = self._found.body, []
                yield from found
            if self._found.whole:
                self._left = 0
                return
            if not (data := self._sock.recv(size)):
                if chunked:
                    raise BrokenAnswer("its last chunk is missing")
                return

    def close(self) -> None:
        """Leave the connection: to be used again when the answer was read to its very end."""
        over = self._left == 0 and not self._ahead
        self._end(self._sock, over and self._found.leaves_open(self._parser))


class KeptConnections:
    """The open connections to one service. Safe to use from many threads.

    *opened* is called with each new connection. Times in seconds: *connect* for making one, *idle*
    for one wait for bytes.
    """

    def __init__(
        self,
        base: str,
        context: ssl.SSLContext | None,
        opened: Callable[[socket.socket], None],
        *,
        connect: float,
        idle: float,
    ) -> None:
        parts = urlsplit(base)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._netloc = parts.netloc
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if context else 80)
        self._context = context
        self._opened = opened
        self._connect, self._idle = connect, idle
        self._free: deque[tuple[float, socket.socket]] = deque()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._free:
            self._free.pop()[1].close()

    def ask(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> KeptReply:
        """Ask for *target*, a path with its query, and give the answer with its body unread.

        Raises :class:`NoConnection` when nothing was sent, OSError when the answer did not come,
        ValueError for what cannot be sent.
        """
        question = self.question(method, target, body, headers)
        sock = self.taken()
        try:
            sock.sendall(question)
            return KeptReply(sock, method, self._ended)
        except BaseException:  # also Ctrl-C: nobody else knows of this connection yet
            sock.close()
            raise

    def question(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        """The whole request. Raises ValueError for what would not stay on its own line."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if not "".join(lines).isprintable():
            raise ValueError("a control character in what is to be sent")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def taken(self) -> socket.socket:
        """The connection used last, so that those which are not needed grow old; or a new one.

        Raises :class:`NoConnection`.
        """
        while True:
            try:
                since, sock = self._free.pop()
            except IndexError:
                return self._made()
            if time.monotonic() - since < _FRESH or _quiet(sock):
                return sock
            sock.close()

    def _made(self) -> socket.socket:
        try:
            sock = socket.create_connection((self._host, self._port), self._connect)
        except OSError as error:
            raise NoConnection from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_hostname=self._host)
            sock.settimeout(self._idle)
        except OSError as error:
            sock.close()
            raise NoConnection from error
        self._opened(sock)
        return sock

    def _ended(self, sock: socket.socket, usable: bool) -> None:
        if usable:
            self._free.append((time.monotonic(), sock))
        else:
            sock.close()


def _feed(parser: httptools.HttpResponseParser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        raise BrokenAnswer(f"the answer is not HTTP: {error}") from None


def _gathered(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _quiet(sock: socket.socket) -> bool:
    """Whether nothing has come on an idle connection: what comes there is its end."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)
