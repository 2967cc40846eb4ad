"""Hostile ids, users, systems and paths: a request is refused, or is exactly the one intended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import ServiceError
from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import Request, UnsafePath
from jobsync.http.retry import Timing
from jobsync.platforms.tapis.credentials import TokenKeeper
from jobsync.platforms.tapis.operations import Jobs
from jobsync.platforms.tapis.transport import Transport
from jobsync.platforms.tapis.urls import Urls, is_run_id
from tests.campaigns.hostile_paths import PIECES

BASE = "http://127.0.0.1:9"
UUID = "5753a008-d545-4e2f-8b66-f64e9f446c62-007"
HOSTILE = st.lists(st.sampled_from([*PIECES, "share", "hide", UUID]), max_size=5).map("".join)
IDS = st.one_of(st.just(UUID), HOSTILE, st.just(UUID.upper()), st.just(f"{UUID}\n"))


class Stopped(Exception):
    """The request was made; that is all there is to see."""


class Catcher:
    """In place of the transport: keeps the call that would be sent."""

    concurrency = 1

    def __init__(self) -> None:
        self.calls: list[Request] = []

    def send(self, call: Request, *, hides: str = "") -> Any:
        self.calls.append(call)
        raise Stopped

    @contextmanager
    def stream(self, call: Request) -> Iterator[Any]:
        self.send(call)
        yield


def _entered(opened: Any) -> None:
    with opened:
        pass


Operation = tuple[str, Callable[[Jobs, str, str], object], Callable[[str, str], list[str]]]
OPERATIONS: list[Operation] = [
    ("GET", lambda j, a, b: j.get(a), lambda a, b: ["jobs", a]),
    ("GET", lambda j, a, b: j.request_of(a), lambda a, b: ["jobs", a, "resubmit_request"]),
    ("GET", lambda j, a, b: j.history(a, ()), lambda a, b: ["jobs", a, "history"]),
    ("GET", lambda j, a, b: j.shares(a), lambda a, b: ["jobs", a, "share"]),
    ("POST", lambda j, a, b: j.change(a, "hide"), lambda a, b: ["jobs", a, "hide"]),
    ("POST", lambda j, a, b: j.change(a, "cancel"), lambda a, b: ["jobs", a, "cancel"]),
    ("POST", lambda j, a, b: j.share(a, b, ["JOB_OUTPUT"]), lambda a, b: ["jobs", a, "share"]),
    ("DELETE", lambda j, a, b: j.unshare(a, b), lambda a, b: ["jobs", a, "share", b]),
    (
        "GET",
        lambda j, a, b: j.outputs(a, b.strip("/"), ()),
        lambda a, b: ["jobs", a, "output", "list", *b.strip("/").split("/")],
    ),
    (
        "GET",
        lambda j, a, b: _entered(j.download(a, b)),
        lambda a, b: ["jobs", a, "output", "download", *b.strip("/").split("/")],
    ),
    (
        "GET",
        lambda j, a, b: _entered(j.content(a, b, None)),
        lambda a, b: ["files", "content", a, *b.strip("/").split("/")],
    ),
    ("GET", lambda j, a, b: j.app(a), lambda a, b: ["apps", *a.partition(":")[::2]]),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: "/".join(one[2]("A", "B")))
@settings(max_examples=100, deadline=None)
@given(first=IDS, second=HOSTILE)
def test_a_request_is_the_one_that_is_meant_or_none(
    operation: Operation, first: str, second: str
) -> None:
    method, run, meant = operation
    catcher = Catcher()
    client = HttpClient(HttpSettings(BASE))
    transport = Transport(client, cast("Any", None), timing=Timing())
    jobs = Jobs(Urls(BASE), cast("Transport", catcher), cast("TokenKeeper", None))
    try:
        run(jobs, first, second)
    except Stopped:
        pass
    except ServiceError:
        assert catcher.calls == []
        return
    [call] = catcher.calls
    try:
        transport.check_all(call, "")
        target = client._target(call)
    except UnsafePath:
        return
    path = urlsplit(call.url).path
    assert call.method == method and "?" not in target and "#" not in target
    found = [unquote(part) for part in path.removeprefix("/v3/").split("/")]
    assert found == [part for part in meant(first, second) if part] or found == meant(first, second)
    assert not {".", ".."} & set(found) and "//" not in path
    if "jobs" in found[:1]:
        assert is_run_id(found[1])


@given(HOSTILE)
def test_only_ids_of_this_service_are_ids(text: str) -> None:
    assert is_run_id(text) is (text == UUID)


@pytest.mark.parametrize("path", [f"/v3/jobs/{UUID}", f"/v3/jobs/{UUID}/share", "/v3/apps/x"])
def test_nothing_is_deleted_but_a_share(path: str) -> None:
    client = HttpClient(HttpSettings(BASE))
    transport = Transport(client, cast("Any", None), timing=Timing())
    with pytest.raises(UnsafePath):
        transport.check_all(Request("DELETE", f"{BASE}{path}"), "")
    transport.check_all(Request("DELETE", f"{BASE}/v3/jobs/{UUID}/share/bob"), "")
