"""A bare repository behind ``git http-backend`` on loopback, with a token that may only read.

git itself refuses the push: ``http-backend`` serves ``git-receive-pack`` to nobody whom the server
has not named in ``REMOTE_USER``. Without a token, nobody reads either.
"""

from __future__ import annotations

import base64
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

READER, WRITER = "r3ader", "wr1ter"


def certificate(folder: Path) -> Path:
    """A new key and certificate of ``localhost``, in one file in *folder*."""
    whole = folder / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(whole), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    whole.write_text(whole.read_text() + (folder / "cert.pem").read_text())
    return whole


class Server(http.server.ThreadingHTTPServer):
    """Serves the repositories in ``root``. ``asked`` are the services that were asked for."""

    root: Path
    asked: list[tuple[str, int]]


class _Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        user = {_basic(READER): "", _basic(WRITER): "writer"}.get(self.headers["Authorization"])
        if user is None:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
            return
        url = urlsplit(self.path)
        done = subprocess.run(
            ["git", "http-backend"],
            input=self._body(),
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": url.path,
                "QUERY_STRING": url.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
                **({"REMOTE_USER": user} if user else {}),
            },
            capture_output=True,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode("latin-1").splitlines() if line]
        status = next((int(v.split()[0]) for n, v in fields if n == "Status"), 200)
        self.server.asked.append((url.path.rpartition("/")[2] + url.query, status))
        self._answer(status, [(n, v) for n, v in fields if n != "Status"], body)

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _answer(self, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*fields, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()


@contextmanager
def https_remote(root: Path) -> Iterator[tuple[Server, str, Path]]:
    """The server of the repositories in *root*, its URL, and the certificate to trust."""
    whole = certificate(root)
    server = Server(("127.0.0.1", 0), _Backend)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.root, server.asked = root, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"https://localhost:{server.server_address[1]}", whole
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
