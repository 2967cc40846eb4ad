"""How many requests at once, and how long between two tries."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from jobsync.http.rate_limiter import Permit, RateLimiter
from jobsync.http.retry import RetryBudget, RetryPolicy
from tests.fakes.waiting import Hands


def test_it_starts_low_and_grows_to_the_ceiling() -> None:
    limiter = RateLimiter(16)
    limits = []
    for _ in range(20):
        limiter.succeeded(limiter.acquire())
        limits.append(limiter.limit)
    assert limits[0] == 6 and limits == sorted(limits) and limits[-1] == 16
    assert RateLimiter(2).limit == 2


def test_one_burst_halves_once_and_growth_is_slow_afterwards() -> None:
    limiter = RateLimiter(16, start=16)
    burst = [limiter.acquire() for _ in range(16)]
    for ticket in burst:
        limiter.overloaded(ticket)
    assert limiter.limit == 8
    for _ in range(8):
        limiter.succeeded(limiter.acquire())
    assert limiter.limit in (8, 9)
    for _ in range(10):
        limiter.overloaded(limiter.acquire())
    assert limiter.limit == 1


def test_never_more_than_the_limit_are_inside() -> None:
    limiter = RateLimiter(3, start=3)
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            ticket = limiter.acquire()
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.0002)
            with lock:
                inside -= 1
            limiter.failed(ticket)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 3


@given(st.lists(st.sampled_from(["good", "bad", "late"]), max_size=60), st.integers(1, 20))
def test_the_limiter_always_lets_somebody_in(events: list[str], ceiling: int) -> None:
    limiter = RateLimiter(ceiling)
    for event in events:
        ticket = limiter.acquire()
        if event == "good":
            limiter.succeeded(ticket)
        else:
            limiter.overloaded(Permit(-1) if event == "late" else ticket)
        assert 1 <= limiter.limit <= ceiling


def test_a_budget_is_earned_back_slowly() -> None:
    budget = RetryBudget(2)
    assert budget.spend() and budget.spend() and not budget.spend()
    for _ in range(10):
        budget.earn()
    assert budget.spend() and not budget.spend()


@given(st.integers(1, 40), st.none() | st.floats(0, 1e9))
def test_no_wait_is_longer_than_a_minute(failures: int, asked: float | None) -> None:
    assert 0 <= RetryPolicy().wait(failures, asked, Hands().timing) <= 60
