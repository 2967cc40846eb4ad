"""A raw socket server for what happens below HTTP: bytes in, exactly these bytes out.

Faults of the service itself are tested against the real local service; this is for framing,
resets and silence that no HTTP server can be talked into.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

Reply = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


Server = TypeVar("Server", bound="ScriptedServer")


class ScriptedServer:
    """Answers the n-th request with the n-th reply; the last reply is used again."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies) or [envelope([])]
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self: Server) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() does not
        self._socket.close()
        with self._lock:
            for connection in self._open:
                connection.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            number += 1
            with self._lock:
                self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while (request := _read(reader, number)) is not None:
                    with self._lock:
                        reply = self._replies[min(len(self.seen), len(self._replies) - 1)]
                        self.seen.append(request)
                    reply(connection)
        except (OSError, ValueError):
            return


def _read(reader: BinaryIO, number: int) -> Seen | None:
    line = reader.readline().decode("latin-1").strip()
    if not line:
        return None
    headers = {}
    while field := reader.readline().decode("latin-1").strip():
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))
    return Seen(line, headers, body, number)


def raw(text: bytes) -> Reply:
    """Exactly these bytes."""
    return lambda connection: connection.sendall(text)


def closing(text: bytes) -> Reply:
    """Exactly these bytes, and the end of the connection."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_RDWR)

    return reply


def reset(text: bytes = b"") -> Reply:
    """Some bytes, then a reset instead of an end."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(text)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())  # close() would wait for the reader of the same socket

    return reply


def http(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Reply:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}"]
    lines += [f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode() + body)


def envelope(result: object, status: int = 200, message: str | None = None) -> Reply:
    """The service's frame around *result*."""
    word = "success" if status < 400 else "error"
    frame: dict[str, object] = {"status": word, "message": message, "version": "2.2.27"}
    if result is not None:
        frame["result"] = result
    return http(status, json.dumps(frame).encode())


def fault(status: int, code: int, message: str = "No") -> Reply:
    """A gateway's refusal."""
    body = {"fault": {"code": code, "message": message, "description": "why"}}
    return http(status, json.dumps(body).encode())


JOB = {
    "id": "0001-007",
    "name": "p.a.f",
    "owner": "alice",
    "appId": "wc-1.0",
    "status": "PENDING",
}
