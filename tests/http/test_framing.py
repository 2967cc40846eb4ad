# ruff: noqa: SIM117 - a server, then a client of it, then what is expected
"""Where one response ends and the next begins; what is no response; which connection is kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from jobsync.errors import Unreachable, Unreadable
from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import NeverSent, Request, Response, Stream, UnsafePath
from jobsync.secret import Secret
from tests.fakes.scripted_server import Reply, ScriptedServer, closing, http, raw

GOOD = b'{"status":"success"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOKEN = Secret("Bearer x")


@contextmanager
def client_of(url: str, **settings: object) -> Iterator[HttpClient]:
    client = HttpClient(HttpSettings(url, idle_timeout=5.0, **settings))  # type: ignore[arg-type]
    try:
        yield client
    finally:
        client.close()


def get(client: HttpClient, method: str = "GET") -> Response:
    return client.send(Request(method, client.settings.base_url + "/x"), TOKEN)


@contextmanager
def opened(client: HttpClient) -> Iterator[Stream]:
    with client.stream(Request("GET", client.settings.base_url + "/x"), TOKEN) as stream:
        assert isinstance(stream, Stream)
        yield stream


@pytest.mark.parametrize(
    "reply",
    [
        http(200, GOOD),
        http(404, GOOD),
        http(200, b""),
        raw(b"HTTP/1.1 204 None\r\n\r\n"),
        raw(b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n"),
        raw(b"HTTP/1.1 100 Continue\r\nA: 1\r\n\r\n" + HEAD + b"Content-Length: 1\r\n\r\na"),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\nA: b\r\n\r\n"),
    ],
)
def test_a_connection_is_used_again_after_a_whole_response(reply: Reply) -> None:
    with ScriptedServer(reply, reply, http(200, GOOD)) as server, client_of(server.url) as client:
        assert get(client) == get(client)
        assert get(client).body == GOOD
    assert [seen.connection for seen in server.seen] == [1, 1, 1]


def test_a_connection_with_an_unread_rest_is_closed() -> None:
    """And never released: the rest would be taken for the beginning of the next response."""
    for rest in (b"x" * 10_000_000, http_in_a_body()):
        with ScriptedServer(http(200, rest), http(200, GOOD)) as server:
            with client_of(server.url) as client:
                with opened(client) as stream:
                    assert next(stream.chunks)
                with opened(client):
                    pass
                assert get(client).body == GOOD
        assert [seen.connection for seen in server.seen] == [1, 2, 3]


def http_in_a_body() -> bytes:
    return (HEAD + b"Content-Length: 4\r\n\r\nevil") * 50_000


def test_a_refusal_that_is_not_read_to_its_end_takes_its_connection_along() -> None:
    with ScriptedServer(http(404, http_in_a_body()), http(200, GOOD)) as server:
        with client_of(server.url) as client:
            assert get(client).status == 404
            assert get(client).body == GOOD
    assert [seen.connection for seen in server.seen] == [1, 2]


@pytest.mark.parametrize("old", [b"Connection: close\r\n", b""])
def test_a_connection_that_the_service_ends_is_left(old: bytes) -> None:
    whole = HEAD + old + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD
    with ScriptedServer(closing(whole)) as server, client_of(server.url) as client:
        assert [get(client).body for _ in range(5)] == [GOOD] * 5
    assert {seen.connection for seen in server.seen} >= {1, 2, 3, 4, 5}


def test_bytes_after_a_response_are_no_part_of_the_next() -> None:
    more = HEAD + b"Content-Length: 4\r\n\r\nevil"
    for surplus in (b"c", more, more * 1000):
        whole = HEAD + b"Content-Length: 2\r\n\r\nab" + surplus
        with ScriptedServer(raw(whole), http(200, GOOD)) as server:
            with client_of(server.url) as client:
                assert get(client).body == b"ab"
                assert get(client).body == GOOD


def test_everyone_is_given_the_answer_to_the_own_question() -> None:
    """Whatever else the server does: close, refuse, cut, early answers."""

    class Echo(ScriptedServer):
        def _serve(self, connection: socket.socket, number: int) -> None:
            with suppress(OSError), connection, connection.makefile("rb") as lines:
                while line := lines.readline():
                    while lines.readline() not in (b"\r\n", b""):
                        pass
                    self.answer(connection, line.split()[1])

        def answer(self, connection: socket.socket, target: bytes) -> None:
            turn = int(target.rpartition(b"/")[2]) % 11
            if turn == 3:
                connection.sendall(b"HTTP/1.1 103 Early\r\n\r\n")
            if turn == 5:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(target) + target
            connection.sendall(whole[:-1] if turn == 7 else whole)
            if turn in (1, 7):
                connection.shutdown(socket.SHUT_RDWR)

    with Echo() as server, client_of(server.url, concurrency=32) as client:

        def ask(number: int) -> bytes:
            try:
                return client.send(Request("GET", f"{server.url}/{number}"), TOKEN).body
            except Unreachable:
                return b"nothing"

        with ThreadPoolExecutor(32) as pool:
            bodies = list(pool.map(ask, range(2000)))
    for number, body in enumerate(bodies):
        expected = b"nothing" if number % 11 in (3, 7) else b"/%d" % number
        assert body == expected


def test_many_threads_have_a_connection_each_and_no_more() -> None:
    def slow(connection: socket.socket) -> None:
        threading.Event().wait(0.01)
        http(200, GOOD)(connection)

    with (
        ScriptedServer(slow) as server,
        client_of(server.url, concurrency=8) as client,
        ThreadPoolExecutor(32) as pool,
    ):
        answers = list(pool.map(lambda _: get(client).body, range(200)))
    assert answers == [GOOD] * 200
    assert len({seen.connection for seen in server.seen}) <= 8


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with client_of(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(NeverSent, match=r"^no answer: Connection refused"):
            get(client)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        *("/jobs/v2/a/../b", "/jobs/v2/.", "/jobs/v2/..", "/jobs/v2/..?x=1", "/jobs/v2/a b"),
        *("/jobs/v2/%2e%2e/b", "/jobs/v2/%2E%2E", "/jobs/v2/%61", "/jobs/v2/a#b"),
        *("/jobs/v2/a\r\nX: y", "/jobs/v2/%zz", "/jobs/v2/a\\b", "/jobs/v2/\u00e9"),
    ],
)
def test_a_url_that_something_in_between_may_change_is_not_sent(path: str, method: str) -> None:
    with client_of("http://127.0.0.1:9") as client, pytest.raises(UnsafePath):
        client.send(Request(method, "http://127.0.0.1:9" + path), TOKEN)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/other", "http://127.0.0.1:99/base/x"])
def test_a_token_does_not_leave_its_base_url(url: str, method: str) -> None:
    with client_of("http://127.0.0.1:9/base") as client, pytest.raises(UnsafePath):
        client.send(Request(method, url), TOKEN)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_cannot_start_another(method: str) -> None:
    with client_of("http://127.0.0.1:9") as client:
        for value in ("Bearer x\r\nX: y", "Bearer \u20ac", "Bearer x\n", "Bearer x\r\n y"):
            with pytest.raises(UnsafePath) as caught:
                client.send(Request(method, "http://127.0.0.1:9/x"), Secret(value))
            assert "Bearer" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_credential_goes_into_the_header_that_the_service_reads(method: str) -> None:
    with ScriptedServer(http(200, GOOD)) as server, client_of(server.url) as client:
        request = Request(method, f"{server.url}/x")
        client.send(request, Secret("a.b.c"), "X-Some-Token")
        client.send(request, Secret(""))
        named, bare = ({name.lower(): one for name, one in s.headers.items()} for s in server.seen)
    assert named["x-some-token"] == "a.b.c" and "authorization" not in named
    assert not {"x-some-token", "authorization"} & set(bare), "an empty credential has no header"


NO_STATUS = (b"0400", b"+400", b"00200", b"4_00", b"20", b"2000", b"\xb2\xb2\xb2")
"""What Python takes for a number, and what is none of three digits."""


def head(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", *lines, b""))


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ([], {}),
        ([b"A: 1", b"b:2"], {"a": "1", "b": "2"}),
        ([b"A: x: y"], {"a": "x: y"}),
        ([b"A: 1", b"a: 2"], {"a": "1, 2"}),
        ([b"A:"], {"a": ""}),
        ([b"A: \xe9"], {"a": "\u00e9"}),
    ],
)
def test_header_lines(lines: list[bytes], fields: dict[str, str]) -> None:
    whole = head(*lines, b"Content-Length: 0")
    with ScriptedServer(raw(whole)) as server, client_of(server.url) as client:
        assert get(client).headers == {**fields, "content-length": "0"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"HTTP/1.1 200 OK\r\n", b"<html></html>\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n"),
        *(b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0"),
        *(b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"),
        *(head(b"<html>"), head(b": x"), head(b"A : x"), head(b" A: x")),
        *(head(b"A: b\rc: d"), head(b"A: " + b"x" * 140_000), head(*[b"A: 1"] * 200)),
        *(head(b"Content-Length: x"), head(b"Content-Length: -3"), head(b"Content-Length: 9" * 9)),
        *(head(b"Content-Length: +3") + b"abc", head(b"Content-Length: 1_0") + b"a" * 10),
        head(b"Content-Length: 5", b"Content-Length: 5") + b"abcde",
        head(b"Content-Length: 5, 5") + b"abcde",
        head(b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: gzip, chunked") + b"1\r\na\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked ") + b"1\r\na\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        *(b"HTTP/1.1 %s OK\r\nContent-Length: 0\r\n\r\n" % status for status in NO_STATUS),
        b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nzz",
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + head(b"Content-Length: 1") + b"a",
    ],
)
def test_what_is_no_head_of_a_response_is_refused(data: bytes, method: str) -> None:
    with ScriptedServer(closing(data)) as server, client_of(server.url) as client:
        with pytest.raises(Unreachable) as caught:
            get(client, method)
        assert not isinstance(caught.value, NeverSent)
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (head(b"Content-Length: 3") + b"abc", b"abc"),
        (head(b"Content-Length: 3", b"Connection: close") + b"abc", b"abc"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (head(b"Transfer-Encoding: Chunked") + b"2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (head(b"Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nA: b\r\n\r\n", b"a"),
    ],
)
def test_a_body_is_read_to_its_end_and_no_further(data: bytes, body: bytes) -> None:
    with ScriptedServer(closing(data)) as server, client_of(server.url) as client:
        whole = get(client)
        with opened(client) as stream:
            pieces = b"".join(stream.chunks)
    assert whole.body == pieces == body
    assert "a" not in whole.headers


@pytest.mark.parametrize(
    "data",
    [
        head(b"Content-Length: 4") + b"abc",
        head(b"Content-Length: 4"),
        head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n",
        head(b"Transfer-Encoding: chunked") + b"2\r\na",
        head(b"Transfer-Encoding: chunked") + b"2\r\nabc\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked"),
        head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n0",
        head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n00",
        head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\nx\r\n",
    ],
)
def test_a_body_that_is_cut_short_is_none(data: bytes) -> None:
    with ScriptedServer(closing(data)) as server, client_of(server.url) as client:
        with pytest.raises(Unreachable):
            get(client)
        with pytest.raises(Unreachable), opened(client) as stream:
            b"".join(stream.chunks)


@pytest.mark.parametrize("data", [head() + b"abc", b"HTTP/1.0 200 OK\r\n\r\nabc"])
def test_a_body_that_only_the_end_of_the_connection_ends_is_refused(data: bytes) -> None:
    with ScriptedServer(closing(data)) as server, client_of(server.url) as client:
        with pytest.raises(Unreadable, match="how long"):
            get(client)


def test_the_response_to_head_has_no_body() -> None:
    reply = raw(head(b"Content-Length: 9"))
    with ScriptedServer(reply, http(200, GOOD)) as server, client_of(server.url) as client:
        assert get(client, "HEAD").body == b""
        assert get(client).body == GOOD
    assert [seen.connection for seen in server.seen] == [1, 1]


def test_chunks_of_a_stream_are_as_long_as_they_may_be() -> None:
    body = bytes(range(256)) * 3000
    chunked = b"".join(
        b"%x\r\n" % 1000 + body[at : at + 1000] + b"\r\n" for at in range(0, 768_000, 1000)
    )
    for data in (
        head(b"Content-Length: 768000") + body,
        head(b"Transfer-Encoding: chunked") + chunked + b"0\r\n\r\n",
    ):
        with ScriptedServer(raw(data)) as server, client_of(server.url) as client:
            with opened(client) as stream:
                pieces = list(stream.chunks)
        assert [len(piece) for piece in pieces] == [262_144, 262_144, 243_712]
        assert b"".join(pieces) == body
