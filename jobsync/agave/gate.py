"""How many requests may be in flight at once: it learns what the service bears.

Starts low, triples each round while all goes well, halves when the service says it is too much,
and from then on grows by one a round. Numbers of real tenants are not documented (contract 7.4).
"""

from __future__ import annotations

import threading

from jobsync.records import Struct

START = 4


class Ticket(Struct, frozen=True):
    """The right to have one request in flight, and when it was given."""

    epoch: int


class Gate:
    """Hand out at most ``limit`` tickets at a time. Every ticket goes back exactly once."""

    def __init__(self, ceiling: int, start: int = START) -> None:
        self._ceiling = max(1, ceiling)
        self._limit = float(min(max(1, start), self._ceiling))
        self._in_flight = 0
        self._queued = 0
        self._epoch = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return int(self._limit)

    def enter(self) -> Ticket:
        """Wait for a place."""
        with self._free:
            self._queued += 1
            try:
                while self._in_flight >= int(self._limit):
                    self._free.wait()
            finally:
                self._queued -= 1
            self._in_flight += 1
            return Ticket(self._epoch)

    def enter_now(self) -> Ticket | None:
        """A place if there is one that nobody waits for."""
        with self._free:
            if self._queued or self._in_flight >= int(self._limit):
                return None
            self._in_flight += 1
            return Ticket(self._epoch)

    def succeeded(self, ticket: Ticket) -> None:
        """Give *ticket* back: the service kept up."""
        with self._free:
            step = 2.0 if self._epoch == 0 else 1.0 / self._limit
            self._limit = min(float(self._ceiling), self._limit + step)
            self._leave()

    def overloaded(self, ticket: Ticket) -> None:
        """Give *ticket* back: the service said it was too much.

        One burst halves once: what was sent before the last halving says nothing new.
        """
        with self._free:
            if ticket.epoch == self._epoch:
                self._limit = max(1.0, self._limit / 2)
                self._epoch += 1
            self._leave()

    def failed(self, ticket: Ticket) -> None:
        """Give *ticket* back: nothing was learned."""
        with self._free:
            self._leave()

    def _leave(self) -> None:
        self._in_flight -= 1
        self._free.notify_all()
