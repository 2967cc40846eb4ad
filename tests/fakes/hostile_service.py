"""A small HTTP service with the outputs of one job, which misbehaves exactly as it is told to.

Real sockets: connections are reset, bodies are cut, ranges ignored, files rewritten while they are
sent. It knows nothing of jobsync. What it does by default is agave-v2 §6.1 and §6.4.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import parse_qs, unquote, urlsplit

JOB = "0001-hostile-007"
_EPOCH = 1_600_000_000


@dataclass
class Fault:
    """``kind`` strikes at byte ``at`` of the body (where that means something)."""

    kind: str
    at: int = 0
    data: bytes = b""


@dataclass
class Remote:
    """One file; a rewrite moves ``time`` (seconds) on. ``listed`` is a lie about the length."""

    data: bytes
    time: int = 0
    faults: list[Fault] = field(default_factory=list)
    listed: int | None = None
    sent: int = 0
    asked: list[int] = field(default_factory=list)

    def rewrite(self, data: bytes) -> None:
        self.data, self.time = data, self.time + 1


class HostileService:
    """Serves ``files`` on loopback. ``latency`` seconds before each answer."""

    def __init__(self, files: dict[str, Remote], *, latency: float = 0.0, page: int = 100) -> None:
        self.files = files
        self.latency = latency
        self.page = page
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> HostileService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._socket.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                while request := lines.readline():
                    headers = {}
                    while (line := lines.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode("latin-1").partition(":")
                        headers[name.lower()] = value.strip()
                    if self.latency:
                        time.sleep(self.latency)
                    if not self._answer(connection, request.split()[1].decode(), headers):
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, target: str, headers: dict[str, str]) -> bool:
        """Whether the connection is still good."""
        url = urlsplit(target)
        kind, _, tail = url.path.partition("/outputs/")[2].partition("/")
        if kind == "listings":
            return self._listing(connection, unquote(tail), parse_qs(url.query))
        if kind == "media" and (remote := self.files.get(unquote(tail))) is not None:
            return self._media(connection, remote, headers.get("range", ""))
        return _envelope(connection, 500, "File/folder does not exist")

    def _listing(self, connection: socket.socket, folder: str, query: dict[str, list[str]]) -> bool:
        prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        rows: dict[str, dict[str, object]] = {}
        for path, remote in list(self.files.items()):
            if path.startswith(prefix):
                name, slash, _ = path[len(prefix) :].partition("/")
                length = remote.listed if remote.listed is not None else len(remote.data)
                rows[name] = _row(prefix, name, bool(slash), 4096 if slash else length, remote.time)
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["100"])[0])
        page = list(rows.values())[offset : offset + min(limit, self.page)]
        body = {"status": "success", "message": None, "version": "2.2.22", "result": page}
        return _send(connection, 200, json.dumps(body).encode())

    def _media(self, connection: socket.socket, remote: Remote, asked: str) -> bool:
        fault = remote.faults.pop(0) if remote.faults else Fault("none")
        match = re.fullmatch(r"bytes=(\d+)-", asked)
        start = int(match[1]) if match else 0
        remote.asked.append(start)
        data = remote.data
        if fault.kind == "reset":
            return _reset(connection)
        if fault.kind == "error":
            return _envelope(connection, 500, "Unable to locate job data.")
        if fault.kind == "busy":
            return _envelope(connection, 503, "busy")
        if fault.kind == "refuse" or (match and start >= len(data)):
            return _send(connection, 416, b"bytes that must not be used" * 3)
        if fault.kind == "ignore":
            start, match = 0, None
        if fault.kind == "empty":
            return _send(connection, 200, b"")
        head = _head(206 if match else 200, start, data, fault)
        connection.sendall(head)
        return _body(connection, remote, start, fault)


def _body(connection: socket.socket, remote: Remote, start: int, fault: Fault) -> bool:
    data, end = remote.data, len(remote.data)
    position = start
    while position < end:
        if fault.kind == "slow":
            time.sleep(0.002)
        step = min(32 * 1024, end - position)
        if position < fault.at < position + step:
            step = fault.at - position
        chunk = data[position : position + step]
        if fault.kind.startswith("chunked"):
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        else:
            connection.sendall(chunk)
        position += len(chunk)
        remote.sent += len(chunk)
        if fault.at and position >= fault.at:
            if fault.kind in ("drop", "chunked-cut"):
                return _reset(connection)
            if fault.kind == "close":
                return False
            if fault.kind == "rewrite" and fault.data:
                remote.rewrite(fault.data)
                # As a server does that reads on in a file which changes under it.
                data, fault = (fault.data + data[len(fault.data) :])[:end], Fault("none")
    if fault.kind == "chunked-more":
        connection.sendall(b"5\r\nextra\r\n")
    if fault.kind in ("chunked", "chunked-more"):
        connection.sendall(b"0\r\n\r\n")
    if fault.kind == "more":
        connection.sendall(b"x" * 1000)
    return fault.kind not in ("longer", "shorter", "chunked-cut")


def _head(status: int, start: int, data: bytes, fault: Fault) -> bytes:
    length = len(data) - start
    if fault.kind == "longer":
        length += 1000
    elif fault.kind == "shorter":
        length = max(0, length - 1000)
    elif fault.kind == "more":
        length += 1000
    lines = [f"HTTP/1.1 {status} OK", "Content-Type: application/octet-stream"]
    if fault.kind.startswith("chunked"):
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {length}")
    if status == 206:
        first = start + 1 if fault.kind == "shift" else start
        total = start + length
        lines.append(f"Content-Range: bytes {first}-{total - 1}/{total}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _row(prefix: str, name: str, folder: bool, length: int, seconds: int) -> dict[str, object]:
    moment = datetime.fromtimestamp(_EPOCH + seconds, timezone.utc)
    return {
        "name": name,
        "path": f"/{prefix}{name}",
        "lastModified": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "length": length,
        "permission": "READ",
        "mimeType": "text/directory" if folder else "application/octet-stream",
        "format": "folder" if folder else "unknown",
        "type": "dir" if folder else "file",
        "_links": {"self": {"href": "https://elsewhere.invalid/evil"}},
    }


def _send(connection: socket.socket, status: int, body: bytes) -> bool:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return True


def _envelope(connection: socket.socket, status: int, message: str) -> bool:
    body = {"status": "error", "message": message, "version": "2.2.22"}
    return _send(connection, status, json.dumps(body).encode())


def _reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
