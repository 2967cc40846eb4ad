"""TLS: one context for all connections, always verified, by certificates of the user's choice."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobsync.errors import SettingsError, SubmitNotSent, SubmitRejected, Unreachable
from jobsync.http.client import HttpClient, HttpSettings
from jobsync.http.messages import NeverSent, Request, Untrusted
from jobsync.local.tls import Certificate
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.secret import Secret
from tests.fakes.agave_world import world
from tests.fakes.scripted_server import ScriptedServer, raw
from tests.fakes.waiting import Hands


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


def test_a_certificate_that_does_not_verify_is_told_at_once(
    certificate: Certificate, tmp_path: Path
) -> None:
    hands = Hands()
    with world(tmp_path, certificate=certificate) as found:
        url = found.service.url
        how = agave.Connection(timing=hands.timing)
        with agave.connect(url, explicit(url, "t"), how=how) as client:
            with pytest.raises(Untrusted, match=r"^no answer: TLS: self.signed") as caught:
                client.whoami()
            assert "REQUESTS_CA_BUNDLE" in caught.value.hint
            with pytest.raises(SubmitNotSent, match="TLS"):
                client.submit("tls.y.aaaaaaaaaa", {})
    assert hands.slept == []


def test_certificates_may_be_a_folder(certificate: Certificate, tmp_path: Path) -> None:
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(certificate.chain)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    folder = tmp_path / "certificates"
    folder.mkdir()
    with world(tmp_path, certificate=certificate) as found:
        with pytest.raises(Untrusted):
            found.as_("alice", certificates=str(folder)).whoami()
        shutil.copy(certificate.chain, folder / f"{name}.0")
        assert found.as_("alice", certificates=str(folder)).whoami() == "alice"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    how = agave.Connection(certificates=str(tmp_path / "ca.pem"))
    url = "https://api.example.org"
    with pytest.raises(SettingsError, match=r"cannot read the certificates in .*ca\.pem"):
        agave.connect(url, explicit(url, "t"), how=how)


def test_a_server_that_speaks_no_tls_is_sent_nothing() -> None:
    with ScriptedServer(raw(b"x")) as server:
        url = server.url.replace("http:", "https:")
        how = agave.Connection(timing=Hands().timing, connect_timeout=0.5)
        with agave.connect(url, explicit(url, "t"), how=how) as client:
            with pytest.raises(NeverSent, match=r"TLS|timed out|reset"):
                client.whoami()
            with pytest.raises(SubmitNotSent):
                client.submit("tls.z.aaaaaaaaaa", {})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closing_the_client_ends_a_wait_beneath_tls(certificate: Certificate, method: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        client = HttpClient(HttpSettings(url, certificates=str(certificate.chain)))
        waiting = pool.submit(client.send, Request(method, url + "/x"), Secret("Bearer t"))
        plain, _ = listening.accept()
        with context.wrap_socket(plain, server_side=True) as there:
            assert there.recv(1000).startswith(method.encode())
            client.close()
            error = waiting.exception(15)  # there is never an answer
    assert isinstance(error, Unreachable) and not isinstance(error, NeverSent)
    assert str(error) == "the connection to the service is closed"


def test_a_connection_that_ends_inside_the_handshake_is_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            for _ in range(1 + 6):
                connection, _ = listening.accept()
                connection.recv(100)
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        how = agave.Connection(timing=Hands().timing)
        with agave.connect(url, explicit(url, "t"), how=how) as client:
            with pytest.raises(SubmitNotSent):
                client.submit("tls.z.aaaaaaaaaa", {})
            with pytest.raises(NeverSent):
                client.whoami()
        thread.join(5)
