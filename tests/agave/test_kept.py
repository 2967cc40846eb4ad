"""Kept connections: used again while whole, never after something was left on them."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import Reply, ScriptedServer, closing, http, raw

from jobsync import agave
from jobsync.agave.auth import explicit
from jobsync.agave.exchange import BrokenAnswer, Call, NoConnection
from jobsync.agave.http import Door, HttpSettings
from jobsync.agave.kept import KeptConnections, KeptReply
from jobsync.agave.retry import Timing
from jobsync.agave.urls import UnsafePath
from jobsync.errors import Refused
from jobsync.secret import Secret

GOOD = b'{"status":"success","message":null,"version":"2","result":{"username":"alice"}}'
FAULT = b'{"fault":{"code":404,"type":"s","message":"No","description":"resource"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def kept(url: str) -> KeptConnections:
    return KeptConnections(url, None, lambda connection: None, connect=5, idle=5)


def read(connections: KeptConnections) -> bytes:
    reply = connections.ask("GET", "/x", None, {})
    try:
        return b"".join(reply.pieces(7))
    finally:
        reply.close()


@pytest.mark.parametrize(
    "reply",
    [
        http(200, GOOD),
        http(404, FAULT),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
    ],
)
def test_a_connection_is_used_again_after_a_whole_answer(reply: Reply) -> None:
    with ScriptedServer(reply) as server:
        connections = kept(server.url)
        assert read(connections) == read(connections) != b""
        connections.close()
    assert [seen.connection for seen in server.seen] == [1, 1]


def test_a_connection_with_an_unread_rest_is_not_used_again() -> None:
    with ScriptedServer(http(200, b"x" * 100_000), http(200, GOOD)) as server:
        connections = kept(server.url)
        reply = connections.ask("GET", "/x", None, {})
        next(reply.pieces(10))
        reply.close()
        assert read(connections) == GOOD
        connections.close()
    assert [seen.connection for seen in server.seen] == [1, 2]


@pytest.mark.parametrize("old", [b"Connection: close\r\n", b""])
def test_a_connection_that_the_service_ends_is_left(old: bytes) -> None:
    whole = HEAD + old + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD
    with ScriptedServer(closing(whole)) as server:
        connections = kept(server.url)
        read(connections)
        time.sleep(1.1)  # idle for so long, it is looked at before it is used
        assert read(connections) == GOOD
        connections.close()
    assert [seen.connection for seen in server.seen] == [1, 2]


def test_a_refusal_without_a_length_says_its_words() -> None:
    reply = closing(b"HTTP/1.1 404 No\r\nContent-Type: application/json\r\n\r\n" + FAULT)
    with (
        ScriptedServer(reply) as server,
        agave.connect_reader(server.url, explicit(server.url, "t")) as reader,
        pytest.raises(Refused, match=r"No. resource \(404\)"),
    ):
        reader.whoami()


def test_many_threads_have_a_connection_each_and_no_more() -> None:
    def slow(connection: socket.socket) -> None:
        threading.Event().wait(0.01)
        http(200, GOOD)(connection)

    with ScriptedServer(slow) as server, ThreadPoolExecutor(8) as pool:
        connections = kept(server.url)
        answers = list(pool.map(lambda _: read(connections), range(200)))
        connections.close()
    assert answers == [GOOD] * 200
    assert len({seen.connection for seen in server.seen}) <= 8


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NoConnection) as caught:
        read(kept(f"http://127.0.0.1:{port}"))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize(
    "path",
    [
        *("/jobs/v2/a/../b", "/jobs/v2/.", "/jobs/v2/..", "/jobs/v2/..?x=1", "/jobs/v2/a b"),
        *(
            "/jobs/v2/%2e%2e/b",
            "/jobs/v2/%2E%2E",
            "/jobs/v2/%61",
            "/jobs/v2/a#b",
            "/jobs/v2/\u00e9",
        ),
        *("/jobs/v2/a\r\nX: y", "/jobs/v2/%zz", "/jobs/v2/a\\b"),
    ],
)
def test_a_url_that_something_in_between_may_change_is_not_sent(path: str) -> None:
    door = Door(HttpSettings("http://127.0.0.1:9"), Timing())
    with pytest.raises(UnsafePath):
        door.whole(Call("GET", "http://127.0.0.1:9" + path), Secret("Bearer x"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/other", "http://127.0.0.1:99/base/x"])
def test_a_token_does_not_leave_its_base_url(url: str) -> None:
    door = Door(HttpSettings("http://127.0.0.1:9/base"), Timing())
    with pytest.raises(UnsafePath):
        door.whole(Call("GET", url), Secret("Bearer x"))


def test_a_header_cannot_start_another() -> None:
    door = Door(HttpSettings("http://127.0.0.1:9"), Timing())
    for value in ("Bearer x\r\nX: y", "Bearer \u20ac", "Bearer x\n"):
        with pytest.raises(UnsafePath) as caught:
            door.whole(Call("GET", "http://127.0.0.1:9/x"), Secret(value))
        assert "Bearer" not in str(caught.value)


def head(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", *lines, b""))


def answered(data: bytes, method: str = "GET") -> tuple[KeptReply, list[bool]]:
    """What is made of *data*, and, once it is closed, whether its connection may be used again."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        usable: list[bool] = []

        def end(sock: socket.socket, again: bool) -> None:
            usable.append(again)
            sock.close()

        try:
            return KeptReply(ours, method, end), usable
        except BaseException:
            ours.close()
            raise


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ([], {}),
        ([b"A: 1", b"b:2 "], {"a": "1", "b": "2"}),
        ([b"A: x: y"], {"a": "x: y"}),
        ([b"A: 1", b"a: 2"], {"a": "1, 2"}),
        ([b"A:"], {"a": ""}),
        ([b"A: \xe9"], {"a": "\u00e9"}),
    ],
)
def test_header_lines(lines: list[bytes], fields: dict[str, str]) -> None:
    reply, _ = answered(head(*lines, b"Content-Length: 0"))
    reply.close()
    assert reply.headers == {**fields, "content-length": "0"}


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"HTTP/1.1 200 OK\r\n", b"<html></html>\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n"),
        *(b"HTTP/1.1 200 OK\nA: 1\n\n", b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        *(head(b"<html>"), head(b": x"), head(b"A : x"), head(b" A: x"), head(b"A: 1", b" 2")),
        *(head(b"A: b\rc"), head(b"A: b\0c"), head(b"A: " + b"x" * 140_000)),
        *(head(b"Content-Length: x"), head(b"Content-Length: -3"), head(b"Content-Length: 9" * 9)),
        head(b"Content-Length: 5", b"Content-Length: 5") + b"abcde",
        head(b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nzz",
    ],
)
def test_what_is_no_head_of_an_answer_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        answered(data)


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("way", ["pieces", "blocks"])
@pytest.mark.parametrize(
    ("data", "body", "again"),
    [
        (head(b"Content-Length: 3") + b"abc", b"abc", True),
        (head(b"Content-Length: 3", b"Connection: close") + b"abc", b"abc", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc", False),
        (head(b"Content-Length: 3") + b"abcd", b"abc", False),
        (head(b"Transfer-Encoding: Chunked") + b"2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", True),
        (
            head(b"Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nA: b\r\n\r\n",
            b"a",
            True,
        ),
        (head(b"Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\nx", b"a", False),
        (
            head(b"Transfer-Encoding: chunked")
            + b"1\r\na\r\n0\r\n\r\n"
            + head(b"Content-Length: 1")
            + b"b",
            b"a",
            False,
        ),
        (head() + b"abc", b"abc", False),
        (b"HTTP/1.1 204 None\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Continue\r\nA: 1\r\n\r\n" + head(b"Content-Length: 1") + b"a", b"a", True),
    ],
)
def test_a_body_is_read_to_its_end_and_no_further(
    data: bytes, body: bytes, again: bool, way: str, size: int
) -> None:
    reply, usable = answered(data)
    assert b"".join(getattr(reply, way)(size)) == body
    assert "a" not in reply.headers
    reply.close()
    assert usable == [again]


@pytest.mark.parametrize("way", ["pieces", "blocks"])
@pytest.mark.parametrize(
    "data",
    [
        head(b"Content-Length: 4") + b"abc",
        head(b"Content-Length: 4"),
        head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n",
        head(b"Transfer-Encoding: chunked") + b"2\r\na",
        head(b"Transfer-Encoding: chunked") + b"2\r\nabc\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked"),
    ],
)
def test_a_body_that_is_cut_short_is_none(data: bytes, way: str) -> None:
    reply, usable = answered(data)
    with pytest.raises(BrokenAnswer):
        b"".join(getattr(reply, way)(64))
    reply.close()
    assert usable == [False]


def test_blocks_are_as_long_as_asked_for() -> None:
    for lines in ([b"Content-Length: 10"], [b"Transfer-Encoding: chunked"], []):
        body = b"0123456789"
        sent = b"3\r\n012\r\n7\r\n3456789\r\n0\r\n\r\n" if b"chunked" in b"".join(lines) else body
        reply, _ = answered(head(*lines) + sent)
        assert list(reply.blocks(4)) == [b"0123", b"4567", b"89"]
        reply.close()


def test_the_answer_to_head_has_no_body() -> None:
    reply, usable = answered(head(b"Content-Length: 9"), "HEAD")
    assert list(reply.pieces(64)) == []
    reply.close()
    assert usable == [True]
