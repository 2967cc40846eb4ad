"""Kept connections: used again while whole, never after something was left on them."""

from __future__ import annotations

import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse

import pytest
from scripted_server import Reply, ScriptedServer, closing, http, raw

from jobsync import agave
from jobsync.agave.auth import explicit
from jobsync.agave.exchange import Call
from jobsync.agave.head import Response, read_fields
from jobsync.agave.http import Door, HttpSettings
from jobsync.agave.kept import KeptConnections, NoConnection
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
    with connections.reply("GET", "/x", None, {}) as reply:
        return b"".join(reply.pieces(7))


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
        with connections.reply("GET", "/x", None, {}) as reply:
            next(reply.pieces(10))
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


def test_repeated_headers_are_one_value_and_no_length() -> None:
    twice = HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"
    with ScriptedServer(raw(twice)) as server, kept(server.url).reply("GET", "/", None, {}) as got:
        assert got.headers["content-length"] == "5, 5"


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


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b"\r\n", {}),
        (b"", {}),
        (b"A: 1\r\nb:2 \r\n\r\n", {"a": "1", "b": "2"}),
        (b"A: 1\nB: x: y\n\n", {"a": "1", "b": "x: y"}),
        (b"A: 1\r\na: 2\r\n\r\n", {"a": "1, 2"}),
        (b"A: 1\r\n  2\r\n\r\n", {"a": "1 2"}),
        (b"A:\r\n\r\n", {"a": ""}),
        (b"A: \xe9\r\n\r\n", {"a": "\u00e9"}),
    ],
)
def test_header_lines(text: bytes, fields: dict[str, str]) -> None:
    assert read_fields(io.BytesIO(text)) == fields


@pytest.mark.parametrize(
    "text",
    [
        *(b"<html>\r\n\r\n", b": x\r\n\r\n", b"A : x\r\n\r\n", b" A: x\r\n\r\n"),
        *(b"A: " + b"x" * 70_000 + b"\r\n\r\n", b"A: x\r\n" * 101 + b"\r\n"),
    ],
)
def test_what_is_no_header_line_is_refused(text: bytes) -> None:
    with pytest.raises(HTTPException):
        read_fields(io.BytesIO(text))


def test_a_head_is_read_as_the_standard_library_reads_it() -> None:
    heads = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\n",
        b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n\r\nabc",
    ]
    for head in heads:
        seen = []
        for kind in (HTTPResponse, Response):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                theirs.sendall(head)
                theirs.shutdown(socket.SHUT_WR)
                response = kind(ours, method="GET")
                response.begin()
                facts = (response.status, bool(response.chunked), response.length)
                seen.append((*facts, response.will_close, response.read()))
        assert seen[0] == seen[1], head
