"""Faults of what carries a request: whatever the api, a connection breaks in the same ways."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from werkzeug.wrappers import Request, Response

from jobsync.local.faults import Asked, Fault, FaultBoard

SOCKET = "jobsync.socket"
"""Key of the WSGI environment under which the server passes the connection."""

_DRIP_PIECES = 10
_AFTER = ("reset-after", "lost", "html-after", "html-200")
_BODY = ("slow", "drip", "truncated", "gzip")


class Hangup(OSError):
    """The connection is closed instead of an answer; the server treats it as a lost client."""


class Mishaps:
    """What becomes of answers on their way. *html* makes an error page of a gateway."""

    def __init__(self, faults: FaultBoard, html: Callable[[int], Response]) -> None:
        self._faults = faults
        self._html = html
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the pauses of slow answers, so that a shutdown does not wait for them."""
        self._stopping.set()

    def after(self, response: Response, request: Request, asked: Asked) -> Response:
        """The answer, or what becomes of it on its way."""
        fault = self._faults.take(_AFTER, asked)
        if fault is not None:
            response.close()
            match fault.kind:
                case "reset-after":
                    raise reset(request)
                case "lost":
                    self._stopping.wait(fault.seconds())
                    raise Hangup("the answer is lost")
                case "html-after":
                    return self._html(fault.number("status"))
                case _:
                    return self._html(200)
        if request.method != "HEAD" and (fault := self._faults.take(_BODY, asked)):
            return self._bent(response, fault)
        return response

    def _bent(self, response: Response, fault: Fault) -> Response:
        if fault.kind == "slow":
            self._stopping.wait(fault.seconds())
            return response
        body = b"".join(response.iter_encoded())
        response.close()
        if fault.kind == "gzip":
            packed = gzip.compress(body)
            bent = Response(packed, response.status_code, response.headers)
            bent.headers["Content-Encoding"] = "gzip"
            bent.headers["Content-Length"] = str(len(packed))
            return bent
        if fault.kind == "truncated":
            kept = fault.options["bytes"]
            parts = _cut(body[: int(kept) if kept else len(body) // 2])
        else:
            parts = self._drip(body, fault.seconds())
        bent = Response(parts, response.status_code, response.headers)
        bent.headers["Content-Length"] = str(len(body))
        return bent

    def _drip(self, body: bytes, seconds: float) -> Iterator[bytes]:
        size = max(1, -(-len(body) // _DRIP_PIECES))
        for start in range(0, len(body), size):
            yield body[start : start + size]
            self._stopping.wait(seconds / _DRIP_PIECES)


def reset(request: Request) -> Hangup:
    """Let the coming close of the connection be a reset, not an orderly end."""
    connection = request.environ.get(SOCKET)
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Hangup("connection reset")


def _cut(kept: bytes) -> Iterator[bytes]:
    yield kept
    raise Hangup("the body is cut")
