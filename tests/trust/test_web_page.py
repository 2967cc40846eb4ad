"""A web page in the browser of somebody who runs the service gets no answer from it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest

from jobsync.errors import LocalServiceError
from jobsync.local.service import Service, ServiceSettings
from jobsync.testing import LocalService, local_service

PATHS = [
    "/jobs/v2",
    "/_faults",
    "/token",
    "/profiles/v2/me",
    "/files/v2/listings/system/local/",
    "/v3/jobs/list",
    "/v3/oauth2/tokens",
    "/nowhere",
]


@pytest.fixture(scope="module")
def service() -> Iterator[LocalService]:
    with local_service(faults=()) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", ""])
def test_no_origin_is_answered(path: str, method: str, origin: str, service: LocalService) -> None:
    """Nor does a token help, and nothing says that it may be asked for."""
    for user in ("", "alice"):
        answer = service.call(user, method, path, headers={"Origin": origin})
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.x", "::"],
)
def test_a_name_that_is_not_ours_is_misdirected(
    path: str, host: str, service: LocalService
) -> None:
    answer = service.call("alice", "GET", path, headers={"Host": host})
    assert answer.status == 421 and b"--allow-host" in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9:1", "localhost:99", "LOCALHOST", "[::1]"])
def test_loopback_is_us_whatever_the_port(host: str, service: LocalService) -> None:
    assert service.call("alice", "GET", "/profiles/v2/me", headers={"Host": host}).status == 200


def test_a_page_cannot_arm_a_fault() -> None:
    with local_service(faults=("slow,seconds=0",)) as service:
        body = json.dumps({"fault": "html,status=500"}).encode()
        page = {"Content-Type": "text/plain"}
        for odd in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            assert service.call("", "POST", "/_faults", body, headers={**page, **odd}).status > 400
        assert service.call("alice", "GET", "/jobs/v2").status == 200


def test_names_are_allowed_one_by_one(tmp_path: object) -> None:
    with local_service(names=("jobs.example.org",)) as service:
        for host, status in (("jobs.example.org", 200), ("JOBS.example.org:8443", 200), ("x", 421)):
            answer = service.call("alice", "GET", "/profiles/v2/me", headers={"Host": host})
            assert answer.status == status


def test_behind_a_proxy_a_name_must_be_said(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    with pytest.raises(LocalServiceError, match="none is allowed"):
        Service(ServiceSettings(state_dir=tmp_path, workspace=tmp_path, behind_tls=True))


@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|a)*b", "(.*a){25}", "(a?){40}a{40}", "(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_no_pattern_stops_the_service(
    pattern: str, service: LocalService, caplog: pytest.LogCaptureFixture
) -> None:
    """One request did, and a signal did not end it."""
    job = service.submit("bob", name="a" * 60 + "!")
    service.wait("bob", job["id"])
    quoted = pattern.replace("+", "%2B").replace("|", "%7C").replace("^", "%5E")
    for column in ("name", "inputs", "appid"):
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            answer = service.call("bob", "GET", f"/jobs/v2/?{column}.rlike={quoted}")
        assert time.monotonic() - began < 2
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert b"takes too long" in answer.body and "broken off" in caplog.text
    assert service.call("bob", "GET", f"/jobs/v2/?name.rlike={'a' * 1001}").status == 400
    assert service.call("alice", "GET", "/jobs/v2").status == 200
