"""Many small questions at once, asked and heard by one thread.

A thread for each question spends as much on handing Python's interpreter lock around as on the
questions themselves. Here one thread sends, waits for whichever answer comes first, and goes on. It
has no patience: what does not go well at the first try is given back, to be asked the ordinary way.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httptools

from jobsync.agave.gate import Gate, Ticket
from jobsync.agave.kept import Found, KeptConnections
from jobsync.errors import JobsyncError
from jobsync.records import Struct

_RECEIVED = 64 * 1024
_LARGEST = 4 * 1024 * 1024
_UNTIL_LOOKED = 1.0
_UNTIL_GATE = 0.005
_OVERLOADED = (429, 503)


class Heard(Struct, frozen=True):
    """A whole answer. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Done = Callable[["Heard | None"], None]
"""Told of the answer once, in the thread of the volley; None when none came that can be used."""


class _Question(Struct, frozen=True):
    text: Callable[[], bytes]
    done: Done


class _Lane:
    """One open connection and what is under way on it."""

    __slots__ = ("asked", "deadline", "found", "parser", "received", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.asked: tuple[_Question, Ticket] | None = None
        self.deadline = 0.0

    def send(self, question: _Question, ticket: Ticket, deadline: float) -> None:
        """Raises OSError when it cannot be sent at once."""
        self.asked, self.deadline = (question, ticket), deadline
        self.found, self.received = Found(), 0
        self.parser = httptools.HttpResponseParser(self.found)
        try:
            text = question.text()
        except (JobsyncError, ValueError) as error:
            raise OSError("cannot be asked") from error
        if self.sock.send(text) != len(text):
            raise OSError("the connection takes nothing")

    def hear(self) -> Heard | None:
        """The answer once it is whole. Raises OSError when it never will be."""
        while not self.found.whole:
            try:
                data = self.sock.recv(_RECEIVED)
            except (ssl.SSLWantReadError, BlockingIOError):
                return None
            self.received += len(data)
            if not data or self.received > _LARGEST:
                raise OSError("no whole answer")
            try:
                self.parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
                raise OSError("not HTTP") from error
        status = self.parser.get_status_code()
        if status < 200 or self.found.surplus:
            raise OSError("not one answer")
        return Heard(status, self.found.fields, b"".join(self.found.body))

    def ended(self) -> bool:
        """Whether something other than TLS's own talk has come while nothing was asked."""
        try:
            self.sock.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            pass
        return True


class Volley:
    """Asks over at most *lanes* connections, as many at a time as *gate* lets through.

    *idle* bounds the wait for an answer, in seconds. Safe to use from many threads.
    """

    def __init__(
        self, connections: KeptConnections, gate: Gate, *, lanes: int, idle: float
    ) -> None:
        self._connections, self._gate = connections, gate
        self._most, self._patience = lanes, idle
        self._waiting: deque[_Question] = deque()
        self._arrived: deque[socket.socket | None] = deque()
        self._idle: list[_Lane] = []
        self._busy: set[_Lane] = set()
        self._connecting = 0
        self._refused = False
        self._looked = 0.0
        self._guard = threading.Lock()
        self._closed = False
        self._awake = True
        self._bell, self._ear = socket.socketpair()
        self._ear.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._connectors = ThreadPoolExecutor(lanes, thread_name_prefix="jobsync-connect")
        self._thread = threading.Thread(target=self._work, name="jobsync-volley", daemon=True)
        self._thread.start()

    def ask(self, text: Callable[[], bytes], done: Done) -> None:
        """Send the request that *text* gives, some time soon, and tell *done* what came of it."""
        with self._guard:
            if not self._closed:
                self._waiting.append(_Question(text, done))
                if len(self._waiting) == 1:  # where others wait already, lanes are what is missing
                    self._ring()
                return
        done(None)

    def close(self) -> None:
        """Leave everything; whoever still waits is told that nothing came."""
        with self._guard:
            self._closed = True
            self._ring()
        self._thread.join()

    def _ring(self) -> None:
        """Wake the thread, once for however much there is to do. Called with the guard held."""
        if not self._awake:
            self._awake = True
            self._bell.send(b"!")

    def _work(self) -> None:
        try:
            while not self._closed:
                self._turn()
        finally:
            self._end()

    def _turn(self) -> None:
        self._take_in()
        self._launch()
        self._connect_ahead()
        left = len(self._waiting)
        with self._guard:
            self._awake = self._closed or bool(self._arrived) or len(self._waiting) > left
        wait = 0.0 if self._awake else _UNTIL_GATE if self._refused else _UNTIL_LOOKED
        for key, _ in self._selector.select(wait):
            if key.data is None:
                self._ear.recv(_RECEIVED)
            else:
                self._heard(key.data)
        self._awake = True
        now = time.monotonic()
        if now - self._looked > _UNTIL_LOOKED:
            self._looked = now
            for lane in [lane for lane in self._busy if lane.deadline < now]:
                self._lost(lane)

    def _take_in(self) -> None:
        """New connections become lanes; for one that did not come to be, a question is given up."""
        while self._arrived:
            sock = self._arrived.popleft()
            self._connecting -= 1
            if sock is not None:
                sock.setblocking(False)
                lane = _Lane(sock)
                self._selector.register(sock, selectors.EVENT_READ, lane)
                self._idle.append(lane)
            elif self._waiting:
                self._waiting.popleft().done(None)

    def _launch(self) -> None:
        """Send what can be sent, or note that the gate keeps some waiting."""
        self._refused = False
        while self._waiting and self._idle:
            ticket = self._gate.enter_now()
            if ticket is None:
                self._refused = True
                return
            lane = self._idle.pop()
            self._busy.add(lane)
            try:
                lane.send(self._waiting.popleft(), ticket, time.monotonic() + self._patience)
            except OSError:
                self._lost(lane)

    def _connect_ahead(self) -> None:
        """Twice as many lanes as may be in use: so many the gate lets through in the next round."""
        lanes = len(self._busy) + len(self._idle) + self._connecting
        wanted = min(self._most, 2 * self._gate.limit, lanes + len(self._waiting)) - lanes
        for _ in range(wanted):
            self._connecting += 1
            self._connectors.submit(self._connect)

    def _connect(self) -> None:
        sock = None
        with contextlib.suppress(OSError):
            sock = self._connections.taken()
        with self._guard:
            if not self._closed:
                self._arrived.append(sock)
                self._ring()
                return
        if sock is not None:
            sock.close()

    def _heard(self, lane: _Lane) -> None:
        if lane.sock.fileno() < 0:  # dropped since it was found to have something
            return
        if lane.asked is None:
            if lane.ended():
                self._idle.remove(lane)
                self._drop(lane)
            return
        try:
            heard = lane.hear()
        except OSError:
            self._lost(lane)
            return
        if heard is None:
            return
        question, ticket = lane.asked
        lane.asked = None
        self._busy.discard(lane)
        if heard.status in _OVERLOADED:
            self._gate.overloaded(ticket)
        else:
            self._gate.succeeded(ticket)
        if lane.found.leaves_open(lane.parser):
            self._idle.append(lane)
        else:
            self._drop(lane)
        self._launch()  # the next question is on its way while this answer is read
        question.done(heard)

    def _lost(self, lane: _Lane) -> None:
        """Give up a connection, and give back what was asked on it."""
        self._busy.discard(lane)
        self._drop(lane)
        if lane.asked is not None:
            question, ticket = lane.asked
            lane.asked = None
            self._gate.failed(ticket)
            question.done(None)

    def _drop(self, lane: _Lane) -> None:
        self._selector.unregister(lane.sock)
        lane.sock.close()

    def _end(self) -> None:
        """Also after a defect of ours: nobody may wait for an answer that nobody listens for."""
        with self._guard:
            self._closed = self._awake = True
        self._connectors.shutdown(wait=False, cancel_futures=True)
        for lane in [*self._busy]:
            self._lost(lane)
        for lane in self._idle:
            self._drop(lane)
        while self._waiting:
            self._waiting.popleft().done(None)
        for sock in self._arrived:
            if sock is not None:
                sock.close()
        self._selector.close()
        self._bell.close()
        self._ear.close()
