"""Nobody keeps the service from answering others: a short form of ``tests/campaigns/crowd.py``."""

from __future__ import annotations

import resource
import socket
import time

import pytest

from jobsync.local import crowding
from jobsync.testing import LocalService, local_service
from tests.campaigns.crowd import crowd


def test_a_crowd_does_not_keep_others_out() -> None:
    """Of 1005 half-open connections, or 45 downloads that nobody read, it stood still."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    try:
        found = crowd(1100, 45, 200, 1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
    assert len(found) == 4
    assert {what: worst for what, worst in found.items() if worst > 5} == {}


def connected(service: LocalService, said: bytes) -> socket.socket:
    port = int(service.url.rpartition(":")[2])
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.sendall(said)
    return one


@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET / HTTP/1.1\r\nA: "])
def test_a_head_has_a_deadline(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly it comes, a byte now and then does not make it longer."""
    monkeypatch.setattr(crowding, "HEAD_SECONDS", 1.0)
    with local_service() as service, connected(service, said) as one:
        began = time.monotonic()
        one.settimeout(0.2)
        ended = False
        while not ended and time.monotonic() - began < 15:
            try:
                one.sendall(b"x" if said else b"")
                ended = one.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
        assert ended and time.monotonic() - began < 10


def test_a_slow_request_is_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is under way has no deadline of its head, nor one that waits for the next."""
    monkeypatch.setattr(crowding, "HEAD_SECONDS", 0.5)
    with local_service(faults=("slow,seconds=2",)) as service:
        assert service.call("alice", "GET", "/jobs/v2").status == 200
