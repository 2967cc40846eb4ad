"""Proxies: which one the environment means, and what goes through it."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from jobsync.errors import SettingsError, SubmitNotSent, SubmitRejected
from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import NeverSent, Overdue, Request
from jobsync.http.proxies import certificates, proxy_for
from jobsync.local.tls import Certificate
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from tests.fakes.agave_world import World, world
from tests.fakes.scripted_server import ScriptedServer, closing
from tests.fakes.waiting import Hands
from tests.http.test_deadlines import dripping
from tests.http.test_framing import TOKEN

URL = "https://api.example.org:8443/base"
PROXY, OTHER = "http://proxy:3128", "http://other:3128"


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        ({"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        ({"HTTPS_PROXY": PROXY, "all_proxy": OTHER}, PROXY),
        ({"all_proxy": PROXY, "ALL_PROXY": OTHER}, PROXY),
        ({"ALL_PROXY": "socks5h://proxy"}, "socks5h://proxy"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, PROXY),
        ({"http_proxy": PROXY, "HTTP_PROXY": PROXY}, ""),
        ({"https_proxy": "proxy:3128"}, PROXY),
        ({"https_proxy": PROXY, "no_proxy": "example.org"}, ""),
        ({"https_proxy": PROXY, "NO_PROXY": "x, .example.org"}, ""),
        ({"https_proxy": PROXY, "no_proxy": "API.example.org:8443"}, ""),
        ({"https_proxy": PROXY, "no_proxy": "*"}, ""),
        ({"https_proxy": PROXY, "no_proxy": "api.example.org:443"}, PROXY),
        ({"https_proxy": PROXY, "no_proxy": "ample.org,example.com"}, PROXY),
        ({"https_proxy": PROXY, "no_proxy": "x", "NO_PROXY": "example.org"}, PROXY),
        ({"https_proxy": PROXY, "no_proxy": ""}, PROXY),
    ],
)
def test_the_proxy_that_the_environment_means(environ: dict[str, str], proxy: str) -> None:
    assert proxy_for(URL, environ) == proxy


@pytest.mark.parametrize(
    "url",
    ["https://localhost:9", "https://127.0.0.1", "https://[::1]:8443", "http://127.0.0.1", ""],
)
def test_this_machine_is_never_asked_through_a_proxy(url: str) -> None:
    assert proxy_for(url, {"https_proxy": PROXY, "ALL_PROXY": PROXY, "http_proxy": PROXY}) == ""


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"SSL_CERT_FILE": "c"}, "c"),
        ({"CURL_CA_BUNDLE": "b", "SSL_CERT_FILE": "c"}, "b"),
        ({"REQUESTS_CA_BUNDLE": "a", "CURL_CA_BUNDLE": "b", "SSL_CERT_FILE": "c"}, "a"),
        ({"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "b"}, "b"),
    ],
)
def test_the_certificates_that_the_environment_means(
    environ: dict[str, str], found: str | None
) -> None:
    assert certificates(environ) == found


class Proxy:
    """A proxy that speaks CONNECT, or SOCKS 5, and notes whom it was asked for.

    Whatever name it is asked for, it connects to this machine.
    """

    def __init__(self, *, socks: bool = False, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self._socks, self._context = socks, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError, ValueError):
            here = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with here:
                there = self._socks_asked(here) if self._socks else self._connect_asked(here)
                with there:
                    threading.Thread(target=_pass_on, args=(there, here), daemon=True).start()
                    _pass_on(here, there)

    def _connect_asked(self, here: socket.socket) -> socket.socket:
        head = b""
        while b"\r\n\r\n" not in head:
            head += here.recv(1)
        word, target, _ = head.split(b"\r\n")[0].decode().split()
        self.asked.append(f"{word} {target}")
        there = socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2])))
        here.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        return there

    def _socks_asked(self, here: socket.socket) -> socket.socket:
        count = here.recv(2)[1]
        here.recv(count)
        here.sendall(b"\x05\x00")
        length = here.recv(5)[4]
        name, port = here.recv(length).decode(), int.from_bytes(here.recv(2), "big")
        self.asked.append(f"SOCKS {name}:{port}")
        there = socket.create_connection(("127.0.0.1", port))
        here.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return there


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def running(**kind: object) -> Iterator[Proxy]:
    proxy = Proxy(**kind)  # type: ignore[arg-type]
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture(scope="module")
def secure(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("secure")
    with world(folder, certificate=certificate, names=("api.test",)) as found:
        yield found


@pytest.mark.parametrize("kind", ["http", "https", "socks5h"])
def test_reads_and_submits_go_through_the_proxy(
    secure: World, certificate: Certificate, kind: str
) -> None:
    context = None
    if kind == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
    if kind == "socks5h":
        pytest.importorskip("socks")
    port = urlsplit(secure.service.url).port
    url = f"https://api.test:{port}"
    with running(socks=kind == "socks5h", context=context) as proxy:
        how = agave.Connection(
            certificates=str(certificate.chain), proxy=f"{kind}://127.0.0.1:{proxy.port}"
        )
        with agave.connect(url, explicit(url, secure.service.tokens["alice"]), how=how) as alice:
            assert alice.whoami() == alice.whoami() == "alice"
            assert alice.runs(lambda run: True) == []
            with pytest.raises(SubmitRejected, match="No app found"):
                alice.submit("p.x.aaaaaaaaaa", {"appId": "no-such"})
    word = "SOCKS" if kind == "socks5h" else "CONNECT"
    assert set(proxy.asked) == {f"{word} api.test:{port}"}
    assert len(proxy.asked) >= 2  # the submit on a connection of its own


@pytest.mark.parametrize(
    "reply",
    [
        closing(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\n\r\n"),
        closing(b"HTTP/1.1 503 No\r\n\r\n"),
        closing(b"nonsense\r\n\r\n"),
        closing(b""),
    ],
)
def test_a_tunnel_that_does_not_come_to_be_proves_that_nothing_was_sent(reply: Any) -> None:
    url = "https://api.test"
    with ScriptedServer(reply) as proxy:
        how = agave.Connection(timing=Hands().timing, proxy=proxy.url)
        with agave.connect(url, explicit(url, "t"), how=how) as client:
            with pytest.raises(SubmitNotSent):
                client.submit("p.a.f", {})
            assert [seen.method for seen in proxy.seen].count("CONNECT") == 1
            with pytest.raises(NeverSent):
                client.whoami()
    tunnels = [seen for seen in proxy.seen if seen.method == "CONNECT"]
    assert {seen.target for seen in tunnels} == {"api.test:443"}
    assert all("authorization" not in seen.headers for seen in tunnels)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_proxy_that_is_not_there_is_told_from_a_service_that_is_not(method: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}"
    client = HttpClient(HttpSettings("https://api.test", proxy=proxy))
    with pytest.raises(NeverSent, match="no answer from the proxy: Connection refused") as caught:
        client.send(Request(method, "https://api.test/x"), TOKEN)
    assert "no_proxy" in caught.value.hint and "secret" not in str(caught.value)
    client.close()


def test_a_proxy_that_drips_has_the_deadline_of_the_request() -> None:
    with ScriptedServer(dripping(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")) as proxy:
        client = HttpClient(HttpSettings("https://api.test", proxy=proxy.url, total_timeout=0.3))
        for method in ("GET", "POST"):
            began = time.monotonic()
            with pytest.raises(NeverSent) as caught:
                client.send(Request(method, "https://api.test/x"), TOKEN)
            assert isinstance(caught.value, Overdue)
            assert time.monotonic() - began < 15
        client.close()


@pytest.mark.parametrize(
    "proxy", ["http://", "ftp://x", "http://x:port", "socks9://x", "http://[::1"]
)
def test_a_proxy_that_is_none_is_an_error(proxy: str) -> None:
    with pytest.raises(SettingsError, match="proxy"):
        HttpClient(HttpSettings("https://api.test", proxy=proxy))


def test_a_socks_proxy_without_pysocks_is_an_error_that_names_the_extra(tmp_path: Path) -> None:
    """And never a direct connection."""
    code = "import sys; sys.modules['socks'] = None; from jobsync.cli.main import main; main()"
    with ScriptedServer() as server:
        mine = {
            "TAPIS_BASE_URL": f"https://api.test:{server.port}",
            "TAPIS_TOKEN": "t",
            "ALL_PROXY": f"socks5h://127.0.0.1:{server.port}",
        }
        done = subprocess.run(
            [sys.executable, "-c", code, "jobs", "list", "--target", "env"],
            env={**{k: v for k, v in os.environ.items() if "proxy" not in k.lower()}, **mine},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert server.seen == []
    assert done.returncode == 1
    assert "PySocks is not installed" in done.stderr and "pip install PySocks" in done.stderr


def test_a_loopback_service_is_asked_directly_whatever_the_environment_says(
    secure: World, certificate: Certificate, tmp_path: Path
) -> None:
    mine = {
        "TAPIS_BASE_URL": secure.service.url,
        "TAPIS_TOKEN": secure.service.tokens["alice"],
        "CURL_CA_BUNDLE": str(certificate.chain),
        **dict.fromkeys(("https_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "jobsync", "jobs", "list", "--target", "env"],
        env={**{k: v for k, v in os.environ.items() if "_CA_" not in k}, **mine},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
