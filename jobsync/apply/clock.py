"""Time as it is passed in, so that a test can hold it still and Ctrl-C can cut a wait short."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for waiting, both in seconds."""

    def now(self) -> float:
        """Seconds since the epoch. Only ever written down, never used to decide a submit."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait. Comes back early once *stop* was asked."""


class SystemClock:
    """The machine's clock. A wait ends at once when *stop* is set."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(max(0.0, seconds))
