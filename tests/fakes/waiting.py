"""A clock that only moves when somebody sleeps: no test waits."""

from __future__ import annotations

import threading

from jobsync.http.retry import Timing


class Hands:
    """Remembers every sleep; jitter is always the most it can be."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    @property
    def timing(self) -> Timing:
        return Timing(
            now=lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            uniform=lambda low, high: high,
        )
