"""How many requests may be in flight at once: it learns what the service bears.

Starts low, triples each round while all goes well, halves when the service says it is too much,
and from then on grows by one a round. What real services bear is not documented.
"""

from __future__ import annotations

import threading

from jobsync.structs import Struct

START = 4


class Permit(Struct, frozen=True):
    """The right to have one request in flight, and the time at which it was given."""

    epoch: int


class RateLimiter:
    """Hands out at most ``limit`` permits at a time. Every permit must be given back exactly
    once."""

    def __init__(self, ceiling: int, start: int = START) -> None:
        self._ceiling = max(1, ceiling)
        self._limit = float(min(max(1, start), self._ceiling))
        self._in_flight = 0
        self._epoch = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    def acquire(self) -> Permit:
        """Wait until a permit is free, and take it."""
        with self._free:
            while self._in_flight >= int(self._limit):
                self._free.wait()
            self._in_flight += 1
            return Permit(self._epoch)

    def succeeded(self, permit: Permit) -> None:
        """Give *permit* back after a success, which lets the limit grow."""
        with self._free:
            step = 2.0 if self._epoch == 0 else 1.0 / self._limit
            self._limit = min(float(self._ceiling), self._limit + step)
            self._release()

    def overloaded(self, permit: Permit) -> None:
        """Give *permit* back after the service refused because of load, which halves the limit.

        A burst of refusals halves it once: requests sent before the last halving say nothing new.
        """
        with self._free:
            if permit.epoch == self._epoch:
                self._limit = max(1.0, self._limit / 2)
                self._epoch += 1
            self._release()

    def failed(self, permit: Permit) -> None:
        """Give *permit* back after a failure that says nothing about load; the limit stays."""
        with self._free:
            self._release()

    def _release(self) -> None:
        self._in_flight -= 1
        # As many as there is room for: to wake all who wait would cost more than the requests.
        self._free.notify(max(1, int(self._limit) - self._in_flight))
