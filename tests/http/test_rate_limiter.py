"""How many at once, for how long, and what a TLS connection costs."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from agave_world import world
from hypothesis import given
from hypothesis import strategies as st
from waiting import Hands

from jobsync import agave
from jobsync.agave.auth import explicit
from jobsync.errors import SubmitNotSent, SubmitRejected, Unreachable
from jobsync.http.rate_limiter import Permit, RateLimiter
from jobsync.http.retry import RetryBudget, RetryPolicy
from jobsync.local.tls import Certificate


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


# --- TLS -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(chain), "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return Certificate(chain, key)


def test_all_connections_share_one_tls_context(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    loaded: list[object] = []
    original = ssl.SSLContext.load_verify_locations

    def load(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        loaded.append(self)
        original(self, *args, **kwargs)

    def make(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append("by urllib3")
        return ssl.create_default_context()

    with world(tmp_path, certificate=certificate) as found:
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
        for module in ("urllib3.util.ssl_", "urllib3.connection"):
            monkeypatch.setattr(f"{module}.create_urllib3_context", make)
        alice = found.as_("alice", certificates=str(certificate.chain))
        threads = [threading.Thread(target=alice.whoami) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        with pytest.raises(SubmitRejected, match="No app found"):
            alice.submit("tls.x.aaaaaaaaaa", {"appId": "no-such"})
    assert made == [] and len(loaded) == 1


def test_a_certificate_nobody_vouches_for_is_refused(
    certificate: Certificate, tmp_path: Path
) -> None:
    with world(tmp_path, certificate=certificate) as found:
        url = found.service.url
        how = agave.Connection(timing=Hands().timing, policy=RetryPolicy(attempts=1))
        with agave.connect(url, explicit(url, "t"), how=how) as client:
            with pytest.raises(Unreachable, match=r"self.signed"):
                client.whoami()
            with pytest.raises(SubmitNotSent, match="TLS"):
                client.submit("tls.y.aaaaaaaaaa", {})
