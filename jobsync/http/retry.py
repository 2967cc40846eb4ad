"""When to ask again: backoff with full jitter, ``Retry-After``, a budget for the run."""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from jobsync.errors import Unreachable
from jobsync.http.messages import NeverSent, Overdue, Repeat, Response, Stream, Untrusted
from jobsync.structs import Struct

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses after which the same request may get another answer."""

_ATTEMPTS_ON_500 = 3
"""Some services answer 500 for what is not there: do not insist."""

T = TypeVar("T", Response, Stream | Response)


class Timing(Struct, frozen=True):
    """The clocks in use, so that a test need not wait. ``now`` counts seconds since 1970.

    ``sleep`` takes seconds and an event that ends it early.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float, threading.Event], object] = lambda seconds, wake: wake.wait(seconds)
    uniform: Callable[[float, float], float] = random.uniform


class RetryPolicy(Struct, frozen=True):
    """How often one request is tried, and how long it waits in between, in seconds."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 20.0
    longest_asked: float = 60.0

    def wait(self, failures: int, asked: float | None, timing: Timing) -> float:
        """Seconds to wait after the *failures*-th failure; *asked* is what the service asked
        for."""
        ceiling = min(self.longest, self.first * 2.0 ** (failures - 1))
        jitter = timing.uniform(0.0, ceiling)
        if asked is None:
            return jitter
        return min(self.longest_asked, asked + jitter)


class RetryBudget:
    """How many retries a whole run may spend. A success earns a tenth of one back."""

    def __init__(self, retries: int = 100) -> None:
        self._most = self._tenths = retries * 10
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Use one retry of the budget; False when none is left."""
        with self._lock:
            if self._tenths < 10:
                return False
            self._tenths -= 10
            return True

    def earn(self) -> None:
        """Note a success: it adds a tenth of a retry, up to the most that the budget may hold."""
        with self._lock:
            self._tenths = min(self._most, self._tenths + 1)


def _is_open(response: Response | Stream) -> bool:
    return False


class Retries:
    """Carries out attempts until one settles it. Safe to use from many threads.

    Once *closed* is set nothing is tried again, and so it is with a response that *is_final*.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        budget: RetryBudget,
        timing: Timing,
        closed: threading.Event,
        *,
        is_final: Callable[[Response | Stream], bool] = _is_open,
    ) -> None:
        self._policy, self._budget, self._timing = policy, budget, timing
        self._closed, self._is_final = closed, is_final

    def run(self, repeat: Repeat, attempt: Callable[[], T]) -> T:
        """Call *attempt* until it succeeds or *repeat* allows no further try.

        Returns what the last attempt returned; raises what it raised.
        """
        failures = 0
        while True:
            failures += 1
            try:
                response = attempt()
            except Unreachable as error:
                if not self._again(_may_repeat(repeat, error), self._policy.attempts, failures):
                    raise
                asked = None
            else:
                status = response.status
                transient = repeat is Repeat.ALWAYS and status in TRANSIENT
                transient = transient and not self._is_final(response)
                throttled = repeat is Repeat.UNSENT and status == 429
                if not transient:
                    self._budget.earn()
                most = _ATTEMPTS_ON_500 if status == 500 else self._policy.attempts
                if not self._again(transient or throttled, most, failures):
                    return response
                asked = self._asked(response)
            self._timing.sleep(self._policy.wait(failures, asked, self._timing), self._closed)

    def _again(self, wanted: bool, most: int, failures: int) -> bool:
        more = wanted and failures < most and not self._closed.is_set()
        return more and self._budget.spend()

    def _asked(self, response: Response | Stream) -> float | None:
        """How long the service asks to be left alone, by its own clock where it tells it."""
        headers = response.headers
        if "retry-after" not in headers:
            return None
        there = http_date(headers.get("date", ""))
        return retry_after(headers["retry-after"], self._timing.now() if there is None else there)


def _may_repeat(repeat: Repeat, error: Unreachable) -> bool:
    if isinstance(error, (Untrusted, Overdue)):
        return False
    unsent = repeat is Repeat.UNSENT and isinstance(error, NeverSent)
    return unsent or repeat is Repeat.ALWAYS


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
