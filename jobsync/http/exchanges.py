"""Every exchange under way, so that another thread can end it: past its deadline, or all at once.

A socket's timeout bounds one wait for bytes, not a whole response: a server that sends one line of
its head every two seconds, or ``100 Continue`` for ever, would never meet it. So one thread looks
after all exchanges, and shuts the connection of each that is overdue; whoever waits on it there
gets its end.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from jobsync.http.messages import CLOSED

_LOOK = 0.1
"""Seconds between two looks at the deadlines."""


class Exchange:
    """One request under way: its connection, and why it was ended early if it was.

    ``connected`` is whether a new connection was completed, TLS and proxy included: before that,
    not one byte of the request was sent. ``reused`` is whether the request went over a connection
    that was open before.
    """

    __slots__ = ("_handle", "_sock", "connected", "deadline", "ended", "reused")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.connected = self.reused = False
        self.ended = ""
        self._sock: Any = None
        self._handle: socket.socket | None = None

    def connecting(self, sock: socket.socket) -> None:
        """Note a socket that TLS or a proxy has not finished setting up.

        A duplicate of its handle is kept, because TLS replaces the socket object with another one.
        """
        self._handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self._attach(self._handle)

    def on(self, sock: Any) -> None:
        """Note the connection over which the request is sent."""
        self._attach(sock)

    def forget_handle(self) -> None:
        """Close the duplicate handle that :meth:`connecting` opened."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def end(self, why: str) -> None:
        """Shut the connection down, now or as soon as there is one, with *why* as the reason.

        A thread that waits on the connection then gets an error at once.
        """
        self.ended = self.ended or why
        _shut(self._sock)

    def _attach(self, sock: Any) -> None:
        self._sock = sock
        if self.ended:
            _shut(sock)


class Exchanges:
    """The exchanges of one client. Safe to use from many threads.

    *monotonic* returns seconds; deadlines are on that clock.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._under_way: set[Exchange] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._mine = threading.local()

    @property
    def closed(self) -> threading.Event:
        """Set once :meth:`close` was called."""
        return self._closed

    def now(self) -> float:
        """The time in seconds, on the clock of the deadlines."""
        return self._monotonic()

    def begin(self, deadline: float) -> Exchange:
        """Begin an exchange in the calling thread. It is ended when *deadline* passes."""
        exchange = Exchange(deadline)
        self._mine.exchange = exchange
        with self._lock:
            self._under_way.add(exchange)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="jobsync-deadlines", daemon=True
                )
                self._thread.start()
        if self._closed.is_set():
            exchange.end(CLOSED)
        return exchange

    def current(self) -> Exchange:
        """The exchange that the calling thread began last; urllib3 cannot pass it to a
        connection."""
        exchange: Exchange = self._mine.exchange
        return exchange

    def finish(self, exchange: Exchange) -> None:
        """Stop watching *exchange*."""
        with self._lock:
            self._under_way.discard(exchange)

    def close(self) -> None:
        """End every exchange under way, and every one that begins later."""
        self._closed.set()
        for exchange in self._all():
            exchange.end(CLOSED)

    def _all(self) -> list[Exchange]:
        with self._lock:
            return list(self._under_way)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK):
            now = self._monotonic()
            for exchange in self._all():
                if exchange.deadline < now:
                    exchange.end("the answer took too long")


def _shut(sock: Any) -> None:
    """Shut *sock* down beneath TLS: ``SSLSocket.shutdown`` would take TLS away from its reader."""
    plain = getattr(sock, "socket", sock)  # TLS inside the TLS of a proxy
    if isinstance(plain, socket.socket):
        with contextlib.suppress(OSError):
            socket.socket.shutdown(plain, socket.SHUT_RDWR)
