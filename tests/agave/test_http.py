# ruff: noqa: SIM117 - a server, then a client of it, then what is expected
"""What travels: framing, redirects, the environment, retries, and exactly one POST per submit."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.errors import (
    Forbidden,
    NotFound,
    RangeRefused,
    Refused,
    ServiceError,
    SettingsError,
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.http.client import HttpSettings
from jobsync.http.messages import Request
from jobsync.http.retry import RetryPolicy
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.agave.permissions import READ
from jobsync.platforms.agave.urls import UnsafePath
from tests.fakes.scripted_server import (
    JOB,
    Reply,
    ScriptedServer,
    closing,
    envelope,
    fault,
    http,
    raw,
    reset,
)
from tests.fakes.waiting import Hands

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'{"status":"success","message":null,"result":{"username":"alice"}}'


def jobs(url: str, hands: Hands | None = None, **how: Any) -> contextlib.closing[agave.Jobs]:
    hands = hands or Hands()
    settings = agave.Connection(timing=hands.timing, **{"idle_timeout": 5.0, **how})
    return agave.connect_jobs(url, explicit(url, "canary-token"), how=settings)


# --- what is sent ----------------------------------------------------------------------


def test_a_request_carries_what_it_must_and_nothing_else() -> None:
    with ScriptedServer(envelope({"username": "alice"})) as server, jobs(server.url) as client:
        assert client.whoami() == "alice"
        assert client.whoami() == "alice"
    first, second = server.seen
    assert first.line == "GET /profiles/v2/me HTTP/1.1"
    assert first.headers["authorization"] == "Bearer canary-token"
    assert first.headers["accept-encoding"] == "identity"
    assert first.headers["user-agent"].startswith("jobsync/")
    assert set(first.headers) == {
        *("host", "authorization", "accept", "accept-encoding", "user-agent"),
    }
    assert first.connection == second.connection


def test_the_environment_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password stolen\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with ScriptedServer(envelope({"username": "alice"})) as server, jobs(server.url) as client:
        assert client.whoami() == "alice"
    assert server.seen[0].headers["authorization"] == "Bearer canary-token"


def test_no_cookie_is_kept() -> None:
    reply = http(200, GOOD, Set_Cookie="session=1; Path=/")
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        client.whoami()
        client.whoami()
    assert "cookie" not in server.seen[1].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with ScriptedServer(envelope([])) as elsewhere:
        reply = http(status, b"", Location=f"{elsewhere.url}/login")
        with ScriptedServer(reply) as server, jobs(server.url) as client:
            with pytest.raises(Unreadable, match="does not follow"):
                client.whoami()
            with pytest.raises(SubmitAmbiguous):
                client.submit("p.a.f", {"appId": "wc-1.0"})
        assert elsewhere.seen == []


def test_a_submit_is_one_post_on_a_connection_of_its_own() -> None:
    with ScriptedServer(envelope({"username": "a"}), envelope(JOB, 201)) as server:
        with jobs(server.url) as client:
            client.whoami()
            made = client.submit("p.a.f", {"appId": "wc-1.0", "memoryPerNode": 2.5})
    assert made.id == "0001-007"
    read, post = server.seen
    assert post.connection != read.connection
    assert post.headers["connection"] == "close"
    assert post.headers["content-type"] == "application/json"
    assert post.body == (
        b'{"name":"p.a.f","appId":"wc-1.0","memoryPerNode":"2.5GB","archivePath":""}'
    )


def test_a_reader_sends_nothing_but_reads() -> None:
    with ScriptedServer() as server:
        with agave.connect_reader(server.url, explicit(server.url, "t")) as reader:
            client = reader.jobs
            for send in (
                lambda: client.submit("n", {}),
                lambda: client.delete("1"),
                lambda: client.manage("1", "stop"),
                lambda: client.update_permissions("1", "bob", "READ"),
                lambda: client.delete_permissions("1"),
                lambda: client.hide("1"),
                lambda: client.transport.send(Request("PUT", client.urls.job("1"))),
                lambda: client.transport.send(Request("PATCH", client.urls.job("1"))),
            ):
                with pytest.raises(ServiceError, match="only reads"):
                    send()
    assert server.seen == []


@pytest.mark.parametrize(
    "path", ["/jobs/v2/1", "/jobs/v2/1/", "/jobs/v2/1/bob", "/jobs/v2/1/status", "/jobs/v2/"]
)
def test_a_delete_is_about_permissions_or_says_which_job(path: str) -> None:
    with ScriptedServer() as server, jobs(server.url) as client:
        with pytest.raises(UnsafePath):
            client.transport.send(Request("DELETE", server.url + path))
        with pytest.raises(UnsafePath):
            client.transport.send(Request("DELETE", server.url + path), hides="2")
        with pytest.raises(UnsafePath):
            client._revoke(server.url + path, "1")
    assert server.seen == []


# --- what comes back -------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        closing(HEAD.encode() + b"\r\n" + GOOD),
        closing(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + GOOD),
    ],
)
def test_an_answer_without_a_length_is_refused(reply: Reply) -> None:
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        with pytest.raises(Unreadable, match="how long"):
            client.whoami()


@pytest.mark.parametrize(
    "reply",
    [
        closing(HEAD.encode() + b"Content-Length: 500\r\n\r\n" + GOOD),
        closing(HEAD.encode() + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"sta'),
        reset(HEAD.encode() + b"Content-Length: 500\r\n\r\n" + GOOD),
        closing(b""),
        reset(),
        closing(b"nonsense\r\n\r\n"),
        closing(b"HTTP/1.1 200"),
        closing(HEAD.encode() + b"Content-Length: x\r\n\r\n" + GOOD),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(reply: Reply) -> None:
    hands = Hands()
    with ScriptedServer(reply, http(200, GOOD)) as server, jobs(server.url, hands) as client:
        assert client.whoami() == "alice"
    assert len(server.seen) == 2 and hands.slept == [0.5]
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        with pytest.raises(Unreachable):
            client.whoami()
    assert len(server.seen) == 6


def test_chunks_are_a_length() -> None:
    body = f"{len(GOOD):x}\r\n".encode() + GOOD + b"\r\n0\r\n\r\n"
    reply = raw(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        assert client.whoami() == "alice"
        assert client.whoami() == "alice"


def test_compression_nobody_asked_for_is_refused() -> None:
    reply = http(200, gzip.compress(GOOD), Content_Encoding="gzip")
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        with pytest.raises(Unreadable, match="gzip"):
            client.whoami()


def test_an_answer_has_a_largest_size() -> None:
    with ScriptedServer(http(200, b" " * 1_000_000)) as server, jobs(server.url) as client:
        client.transport.client.settings = HttpSettings(server.url, largest_response=100_000)
        with pytest.raises(Unreadable, match="longer than 100000"):
            client.whoami()


def test_a_dripping_answer_is_given_up() -> None:
    hands = Hands()

    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD.encode() + b"Content-Length: 100\r\n\r\n")
        for _ in range(50):
            hands.now += 20
            connection.sendall(b" ")
            threading.Event().wait(0.02)

    with ScriptedServer(drip) as server:
        with jobs(server.url, hands, policy=RetryPolicy(attempts=1)) as client:
            with pytest.raises(Unreachable, match="too long"):
                client.whoami()


def test_silence_is_not_waited_for_for_ever() -> None:
    def silent(_connection: socket.socket) -> None:
        threading.Event().wait(3)

    with ScriptedServer(silent) as server:
        with jobs(server.url, idle_timeout=0.1, policy=RetryPolicy(attempts=2)) as client:
            with pytest.raises(Unreachable, match="timed out"):
                client.whoami()
            with pytest.raises(SubmitAmbiguous):
                client.submit("p.a.f", {})
    assert len(server.seen) == 3


def test_a_long_refusal_is_not_read_to_its_end() -> None:
    body = b"x" * 10_000_000
    with ScriptedServer(http(404, body, "text/html")) as server, jobs(server.url) as client:
        with pytest.raises(Refused) as caught:
            client.get("1")
    assert len(str(caught.value)) < 400


def test_the_token_stands_in_no_error() -> None:
    for reply in (reset(), http(500, b"x"), fault(401, 900901), raw(b"x")):
        with ScriptedServer(reply) as server:
            with jobs(server.url, policy=RetryPolicy(attempts=1), idle_timeout=0.2) as client:
                with pytest.raises(ServiceError) as caught:
                    client.whoami()
        link: BaseException | None = caught.value
        while link is not None:
            assert "canary" not in repr(link) + str(link)
            link = link.__cause__ or link.__context__


# --- again, or not ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_reads_and_permission_writes_are_repeated(status: int) -> None:
    row = {"username": "bob", "permission": {"read": True, "write": False}}
    with (
        ScriptedServer(http(status, b"", "text/html"), envelope({"username": "alice"})) as server,
        jobs(server.url) as client,
    ):
        assert client.whoami() == "alice"
    with ScriptedServer(http(status, b""), envelope(row, 201)) as server:
        with jobs(server.url) as client:
            granted = client.update_permissions("1-007", "bob", "READ")
    assert granted.access == READ
    assert [seen.method for seen in server.seen] == ["POST", "POST"]
    assert server.seen[0].body == server.seen[1].body


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_other_writes_are_not_repeated(status: int) -> None:
    with ScriptedServer(http(status, b"")) as server, jobs(server.url) as client:
        sends: tuple[Callable[[], object], ...] = (
            lambda: client.manage("1", "stop"),
            lambda: client.delete("1"),
            lambda: client.manage("1", "restore"),
        )
        for send in sends:
            with pytest.raises(ServiceError):
                send()
    assert len(server.seen) == 3


def test_other_writes_are_repeated_when_throttled() -> None:
    with ScriptedServer(fault(429, 900800), envelope(None)) as server:
        with jobs(server.url) as client:
            client.delete("1-007")
    assert [seen.line for seen in server.seen] == ["DELETE /jobs/v2/1-007 HTTP/1.1"] * 2


def test_waiting_grows_and_ends() -> None:
    hands = Hands()
    with ScriptedServer(http(503, b"")) as server, jobs(server.url, hands) as client:
        with pytest.raises(Unreachable):
            client.whoami()
    assert hands.slept == [0.5, 1.0, 2.0, 4.0, 8.0] and len(server.seen) == 6


def test_a_broken_service_is_not_asked_long() -> None:
    with ScriptedServer(envelope(None, 500, "no work folder")) as server:
        with jobs(server.url) as client:
            with pytest.raises(Refused, match="no work folder"):
                client.list_outputs("1-007")
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7.5),
        ("1000000000", 60, 60),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30, 30.5),
        ("Mon, 23 Nov 2020 12:00:30 GMT", 0, 0.5),
        ("-5", 0, 0.5),
        ("soon", 0, 0.5),
        ("", 0, 0.5),
        ("1e9", 0, 0.5),
    ],
)
def test_the_service_may_ask_for_patience(value: str, least: float, most: float) -> None:
    hands = Hands()
    there = "Mon, 23 Nov 2026 12:00:00 GMT"
    slow = http(429, b"", Retry_After=value, Date=there)
    with ScriptedServer(slow, http(200, GOOD)) as server, jobs(server.url, hands) as client:
        client.whoami()
    assert len(hands.slept) == 1 and least <= hands.slept[0] <= most


def test_a_run_has_a_budget_of_retries() -> None:
    with ScriptedServer(http(503, b"")) as server, jobs(server.url, retries=7) as client:
        for _ in range(5):
            with pytest.raises(Unreachable):
                client.whoami()
    assert len(server.seen) == 5 + 7


def test_throttling_narrows_the_gate() -> None:
    with ScriptedServer(http(429, b""), http(200, GOOD)) as server, jobs(server.url) as client:
        gate = client.transport.client.limiter
        assert gate.limit == 4
        client.whoami()
        assert gate.limit == 2
        for _ in range(40):
            client.whoami()
        assert 4 <= gate.limit <= 16


# --- what became of a submit -----------------------------------------------------------

NOT_SENT, REJECTED, AMBIGUOUS = SubmitNotSent, SubmitRejected, SubmitAmbiguous


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fault(401, 900902), REJECTED),
        (fault(403, 900908), REJECTED),
        (fault(405, 900906), REJECTED),
        (fault(429, 900802), REJECTED),
        (fault(429, 900901), AMBIGUOUS),
        (fault(400, 900901), AMBIGUOUS),
        (fault(503, 900802), AMBIGUOUS),
        (envelope(None, 400, "No app found matching x for tester"), REJECTED),
        (envelope(None, 400, "Job processing failed"), AMBIGUOUS),
        (envelope(None, 401, "nobody"), AMBIGUOUS),
        (envelope(None, 403, "no"), AMBIGUOUS),
        (envelope(None, 404, "no"), AMBIGUOUS),
        (envelope(None, 500, "bad notification"), AMBIGUOUS),
        (http(429, b""), AMBIGUOUS),
        (http(502, b"<html>", "text/html"), AMBIGUOUS),
        (http(201, b"<html>", "text/html"), AMBIGUOUS),
        (http(201, b'{"status":"success","result":{"id":"1'), AMBIGUOUS),
        (envelope(None, 201), AMBIGUOUS),
        (envelope([JOB], 201), AMBIGUOUS),
        (envelope({**JOB, "id": ""}, 201), AMBIGUOUS),
        (envelope({**JOB, "name": "another"}, 201), AMBIGUOUS),
        (closing(b""), AMBIGUOUS),
        (reset(), AMBIGUOUS),
        (closing(b"HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\n{"), AMBIGUOUS),
    ],
)
def test_a_submit_is_sent_once_and_judged(reply: Reply, kind: type[ServiceError]) -> None:
    with ScriptedServer(reply, envelope(JOB, 201)) as server, jobs(server.url) as client:
        with pytest.raises(kind):
            client.submit("p.a.f", {"appId": "wc-1.0"})
        assert len(server.seen) == 1
    with ScriptedServer(reply, envelope(JOB, 202)) as server, jobs(server.url) as client:
        with contextlib.suppress(SubmitNotSent, SubmitRejected, SubmitAmbiguous):
            client.manage("1-007", "resubmit")
        assert len(server.seen) == 1


def test_nobody_listens_so_nothing_was_sent() -> None:
    with ScriptedServer() as server:
        url = server.url
    with jobs(url) as client, pytest.raises(SubmitNotSent, match="refused"):
        client.submit("p.a.f", {})
    with jobs("https://no-such-host.invalid") as client, pytest.raises(SubmitNotSent):
        client.submit("p.a.f", {})


def test_a_tls_handshake_that_fails_sends_nothing() -> None:
    with ScriptedServer(raw(b"x")) as server:
        url = server.url.replace("http:", "https:")
        with jobs(url, connect_timeout=0.5) as client:
            with pytest.raises(SubmitNotSent, match=r"TLS|timed out|reset"):
                client.submit("p.a.f", {})


def test_a_request_that_is_not_json_is_not_sent() -> None:
    with ScriptedServer() as server, jobs(server.url) as client:
        with pytest.raises(SubmitNotSent):
            client.submit("p.a.f", {"parameters": {"x": float("nan")}})
    assert server.seen == []


# --- downloads -------------------------------------------------------------------------


def _read(client: agave.Jobs, offset: int = 0) -> tuple[int, int | None, bytes]:
    with client.download_output("1-007", "a.txt", offset) as content:
        return content.offset, content.length, b"".join(content.chunks)


def test_a_download_from_its_beginning_and_from_inside() -> None:
    part = http(206, b"llo", "text/plain", Content_Range="bytes 2-4/5")
    with ScriptedServer(http(200, b"hello", "text/plain"), part) as server:
        with jobs(server.url) as client:
            assert _read(client) == (0, 5, b"hello")
            assert _read(client, 2) == (2, 5, b"llo")
    assert "range" not in server.seen[0].headers
    assert server.seen[1].headers["range"] == "bytes=2-"
    assert server.seen[1].target == "/jobs/v2/1-007/outputs/media/a.txt"


def test_a_service_without_ranges_starts_again() -> None:
    with ScriptedServer(http(200, b"hello", "text/plain")) as server:
        with jobs(server.url) as client:
            assert _read(client, 2) == (0, 5, b"hello")


@pytest.mark.parametrize(
    "content_range", ["bytes 0-2/5", "bytes 2-3/5", "bytes 2-4", "", "bytes 2-5/6", "lines 2-4/5"]
)
def test_another_range_than_asked_for_is_refused(content_range: str) -> None:
    part = http(206, b"llo", "text/plain", Content_Range=content_range)
    with ScriptedServer(part) as server, jobs(server.url) as client:
        with pytest.raises(Unreadable):
            _read(client, 2)
        with pytest.raises(Unreadable):
            _read(client, 0)


def test_a_range_without_a_length_is_held_to_its_own_words() -> None:
    """Chunked, so that only Content-Range tells where the bytes belong."""
    head = "HTTP/1.1 206 X\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes {}\r\n\r\n"
    body = b"3\r\nllo\r\n0\r\n\r\n"
    for content_range, offset, good in (
        ("2-4/5", 2, True),
        ("1-4/5", 2, False),
        ("0-4/5", 0, False),
    ):
        with ScriptedServer(raw(head.format(content_range).encode() + body)) as server:
            with jobs(server.url) as client:
                if good:
                    assert _read(client, offset) == (2, 5, b"llo")
                else:
                    with pytest.raises(Unreadable):
                        _read(client, offset)


def test_closing_ends_what_other_threads_wait_for() -> None:
    def silent(connection: socket.socket) -> None:
        threading.Event().wait(5)

    for sleepy in (silent, http(503, b"", Retry_After="30")):
        with ScriptedServer(sleepy) as server:
            client = agave.connect_jobs(server.url, explicit(server.url, "t")).__enter__()
            failed: list[BaseException] = []

            def ask(client: agave.Jobs = client, failed: list[BaseException] = failed) -> None:
                try:
                    client.whoami()
                except ServiceError as error:
                    failed.append(error)

            thread = threading.Thread(target=ask)
            thread.start()
            while not server.seen:
                threading.Event().wait(0.01)
            threading.Event().wait(0.05)
            client.close()
            thread.join(2)
            assert not thread.is_alive() and len(failed) == 1
            assert len(server.seen) == 1
            with pytest.raises(Unreachable, match="closed"):
                client.whoami()
            with pytest.raises(SubmitNotSent):
                client.submit("p.a.f", {})


def test_nothing_from_there_on_is_an_error_of_its_own() -> None:
    with ScriptedServer(http(416, b"the file all the same", "text/plain")) as server:
        with jobs(server.url) as client, pytest.raises(RangeRefused):
            _read(client, 5)


@pytest.mark.parametrize(
    "reply",
    [
        closing(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
        reset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ],
)
def test_a_download_that_breaks_off_raises(reply: Reply) -> None:
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        with pytest.raises(Unreachable, match="ended early"):
            _read(client)


def test_a_download_without_a_length_is_refused() -> None:
    with ScriptedServer(closing(b"HTTP/1.1 200 OK\r\n\r\nhello")) as server:
        with jobs(server.url) as client, pytest.raises(Unreadable, match="how long"):
            _read(client)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (envelope(None, 401, "User does not have permission to view this resource."), Forbidden),
        (envelope(None, 400, "Invalid job id"), NotFound),
        (envelope(None, 500, "File/folder does not exist"), Refused),
        (fault(401, 900904), Unauthorized),
        (http(429, b""), Throttled),
    ],
)
def test_a_refused_download_says_why(reply: Reply, kind: type[ServiceError]) -> None:
    with ScriptedServer(reply) as server, jobs(server.url) as client:
        with pytest.raises(kind):
            _read(client)


def test_a_file_that_looks_like_an_error_is_a_file() -> None:
    body = b'{"status":"error","message":"not an error"}'
    with ScriptedServer(http(200, body)) as server, jobs(server.url) as client:
        assert _read(client)[2] == body


def test_downloads_do_not_hold_the_gate() -> None:
    with ScriptedServer(http(200, b"x" * 10, "text/plain")) as server:
        with jobs(server.url, concurrency=1) as client:
            with client.download_output("1", "a"), client.download_output("1", "b") as other:
                assert b"".join(other.chunks) == b"x" * 10


# --- settings --------------------------------------------------------------------------


def test_a_token_is_only_for_its_own_service() -> None:
    with pytest.raises(SettingsError, match="not for"):
        agave.connect("https://other.example.org", explicit("https://api.example.org", "t"))


def test_a_token_that_is_none_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        explicit("https://api.example.org", "canary\r\nX: y")
    assert "canary" not in str(caught.value)


def test_certificates_that_cannot_be_read() -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        jobs("https://api.example.org", certificates="/nowhere/ca.pem")


def test_a_proxy_is_only_what_is_passed_in() -> None:
    with ScriptedServer(closing(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        with jobs("https://api.invalid", proxy=proxy.url) as client:
            with pytest.raises(SubmitNotSent):
                client.submit("p.a.f", {})
    assert [seen.line.rpartition(" ")[0] for seen in proxy.seen] == ["CONNECT api.invalid:443"]
    assert "authorization" not in proxy.seen[0].headers


@given(st.text(max_size=30))
def test_any_retry_after_gives_seconds_or_nothing(value: str) -> None:
    from jobsync.http.retry import retry_after

    seconds = retry_after(value, 1_800_000_000.0)
    assert seconds is None or seconds >= 0
