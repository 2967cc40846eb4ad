"""When to ask again: backoff with full jitter, ``Retry-After``, a budget for the run."""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Callable

from jobsync.records import Struct

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""The statuses after which the same question may be answered (contract 6.5, 7.4)."""


class Timing(Struct, frozen=True):
    """The clocks in use, so that a test need not wait. ``now`` counts seconds since 1970.

    ``sleep`` takes seconds and an event that ends it early.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float, threading.Event], object] = lambda seconds, wake: wake.wait(seconds)
    uniform: Callable[[float, float], float] = random.uniform


class Patience(Struct, frozen=True):
    """How often one call is tried, and how long it waits in between, in seconds."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 20.0
    longest_asked: float = 60.0

    def wait(self, failures: int, asked: float | None, timing: Timing) -> float:
        """Seconds to wait after the *failures*-th failure; *asked* is what the service wants."""
        ceiling = min(self.longest, self.first * 2.0 ** (failures - 1))
        jitter = timing.uniform(0.0, ceiling)
        if asked is None:
            return jitter
        return min(self.longest_asked, asked + jitter)


class Budget:
    """How many retries a whole run may spend. A success earns a tenth of one back."""

    def __init__(self, retries: int = 100) -> None:
        self._most = self._tenths = retries * 10
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Take one; False when there is none left."""
        with self._lock:
            if self._tenths < 10:
                return False
            self._tenths -= 10
            return True

    def earn(self) -> None:
        with self._lock:
            self._tenths = min(self._most, self._tenths + 1)


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, never negative; None for garbage.

    *now* is the service's own clock where it tells it, else ours.
    """
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text)
    moment = http_date(text)
    return None if moment is None else max(0.0, moment - now)


def http_date(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date, or None."""
    if not re.fullmatch(r"[A-Za-z]{3,9},? [A-Za-z0-9 :,+-]{10,40}", text.strip()):
        return None
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
