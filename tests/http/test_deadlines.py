# ruff: noqa: SIM117 - a server, then a client of it, then what is expected
"""A response has one deadline, head and body; closing the client ends every wait."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from jobsync.errors import Unreachable
from jobsync.http.client import HttpClient
from jobsync.http.messages import NeverSent, Overdue, Request
from tests.fakes.scripted_server import Reply, ScriptedServer, closing, http, raw
from tests.http.test_framing import GOOD, HEAD, TOKEN, client_of, get, opened


def dripping(*pieces: bytes) -> Reply:
    """Sends each of *pieces*, and then the last one for ever, one each 20 ms."""

    def reply(connection: socket.socket) -> None:
        with suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.02)
            while True:
                connection.sendall(pieces[-1])
                time.sleep(0.02)

    return reply


SLOW = {
    "silent": lambda connection: time.sleep(60),
    "head": dripping(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "status line": dripping(b"H", b"T"),
    "endless 100": dripping(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "refusal": dripping(b"HTTP/1.1 404 No\r\nContent-Length: 100000\r\n\r\n", b" "),
}


def quickly(work: Callable[[], object], seconds: float = 15.0) -> None:
    began = time.monotonic()
    work()
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", SLOW)
def test_a_response_is_not_waited_for_beyond_its_deadline(how: str, method: str) -> None:
    with ScriptedServer(SLOW[how]) as server, client_of(server.url, total_timeout=0.3) as client:

        def ask() -> None:
            with pytest.raises(Overdue, match=r"^the answer took too long \(") as caught:
                get(client, method)
            assert not isinstance(caught.value, NeverSent)

        quickly(ask)


def test_a_deadline_is_set_for_each_request() -> None:
    with ScriptedServer(SLOW["head"]) as server, client_of(server.url) as client:

        def ask() -> None:
            with pytest.raises(Overdue):
                client.send(Request("GET", server.url + "/x", seconds=0.2), TOKEN)

        quickly(ask)


@pytest.mark.parametrize("how", ["silent", "head", "endless 100"])
def test_the_head_of_a_download_has_a_deadline(how: str) -> None:
    with ScriptedServer(SLOW[how]) as server, client_of(server.url, total_timeout=0.3) as client:

        def ask() -> None:
            with pytest.raises(Overdue), opened(client):
                pass

        quickly(ask)


def test_a_download_may_take_longer_than_any_response_as_long_as_it_goes_on() -> None:
    pieces = [b"x" * 100] * 20

    def slowly(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2000\r\n\r\n")
        for piece in pieces:
            time.sleep(0.03)
            connection.sendall(piece)

    with ScriptedServer(slowly) as server, client_of(server.url, total_timeout=0.2) as client:
        with opened(client) as stream:
            assert b"".join(stream.chunks) == b"x" * 2000


def test_a_download_that_stops_is_given_up() -> None:
    with ScriptedServer(raw(HEAD + b"Content-Length: 9\r\n\r\nabc")) as server:
        client = HttpClient(settings_with_idle(server.url, 0.2))
        with pytest.raises(Unreachable, match="ended early: timed out"), opened(client) as stream:
            list(stream.chunks)
        client.close()


def settings_with_idle(url: str, seconds: float):  # type: ignore[no-untyped-def]
    from jobsync.http.client import HttpSettings

    return HttpSettings(url, idle_timeout=seconds)


@pytest.mark.parametrize("way", ["send", "stream", "POST"])
@pytest.mark.parametrize("how", SLOW)
def test_closing_the_client_ends_every_wait(how: str, way: str) -> None:
    with ScriptedServer(SLOW[how]) as server, client_of(server.url) as client:

        def ask(_: int) -> str:
            try:
                if way == "stream":
                    with client.stream(Request("GET", server.url + "/x"), TOKEN) as stream:
                        list(stream.chunks)  # type: ignore[union-attr]
                else:
                    get(client, "POST" if way == "POST" else "GET")
            except NeverSent:
                return "never sent"
            except Unreachable as error:
                return str(error)
            return "an answer"

        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(ask, number) for number in range(4)]
            while len(server.seen) < 4:
                time.sleep(0.01)
            client.close()
            quickly(lambda: [end.result() for end in ends])
        assert [end.result() for end in ends] == ["the connection to the service is closed"] * 4
        with pytest.raises(NeverSent, match="closed"):
            get(client, "POST")


def test_closing_the_client_ends_a_handshake() -> None:
    """A server that takes the connection and never says a word of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with client_of(url) as client, ThreadPoolExecutor(2) as pool:
            ends = [pool.submit(get, client, method) for method in ("GET", "POST")]
            for _ in ends:
                silent.accept()
            time.sleep(0.1)
            client.close()
            for end in ends:
                assert isinstance(end.exception(15), NeverSent)


# --- connections that the server has given up ------------------------------------------


class ClosesSilently(ScriptedServer):
    """Keeps the connection just long enough to be asked once more, then ends it unanswered."""

    def _serve(self, connection: socket.socket, number: int) -> None:
        from tests.fakes.scripted_server import _read

        with suppress(OSError), connection, connection.makefile("rb") as reader:
            for turn in range(2):
                request = _read(reader, number)
                if request is None:
                    return
                self.seen.append(request)
                if turn == 0:
                    http(200, GOOD)(connection)


def test_a_connection_that_died_without_saying_so_costs_a_reconnect_and_nothing_else() -> None:
    with ClosesSilently() as server, client_of(server.url) as client:
        assert [get(client).body for _ in range(20)] == [GOOD] * 20


def test_only_reads_are_asked_again() -> None:
    with ClosesSilently() as server, client_of(server.url) as client:
        get(client)
        for _ in range(3):
            get(client, "POST")  # on a connection of its own each time
    posts = [seen for seen in server.seen if seen.method == "POST"]
    assert len(posts) == 3 and len({seen.connection for seen in posts}) == 3


def test_a_new_connection_that_dies_is_a_failure() -> None:
    with ScriptedServer(closing(b"")) as server, client_of(server.url) as client:
        with pytest.raises(Unreachable, match="closed before the answer"):
            get(client)
        assert len(server.seen) == 1


def test_a_response_that_has_begun_is_a_failure() -> None:
    begun = closing(b"HTTP/1.1 200 OK\r\nA: ")
    with ScriptedServer(http(200, GOOD), begun) as server, client_of(server.url) as client:
        get(client)
        with pytest.raises(Unreachable, match="some of its bytes are missing"):
            get(client)
        assert len(server.seen) == 2


def test_an_idle_408_on_a_kept_connection_is_asked_again_at_once() -> None:
    idle = closing(
        b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    with ScriptedServer(http(200, GOOD), idle, http(200, GOOD)) as server:
        with client_of(server.url) as client:
            assert get(client).body == get(client).body == GOOD
    assert [seen.connection for seen in server.seen] == [1, 1, 2]
    with ScriptedServer(idle) as server, client_of(server.url) as client:
        assert get(client).status == 408
        assert len(server.seen) == 1


def test_threads_wait_for_no_more_than_there_are() -> None:
    before = threading.active_count()
    with ScriptedServer(http(200, GOOD)) as server, client_of(server.url) as client:
        for _ in range(3):
            get(client)
        assert threading.active_count() <= before + 3  # the server's two, and the deadlines'
