"""TLS in front of the service, for tests: clients that only speak https can be driven.

A thread takes connections, unwraps them and passes the bytes on to the plain server on loopback.
Not for the open network: there a real reverse proxy belongs in front (docs/local-service.md).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from jobsync.errors import LocalServiceError
from jobsync.structs import Struct

_CHUNK = 1 << 16


class Certificate(Struct, frozen=True):
    """PEM files of a certificate chain and its key."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server speaks TLS with. Raises :class:`LocalServiceError` for other files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.chain, self.key)
        except (OSError, ValueError) as error:
            raise LocalServiceError(
                f"{self.chain} and {self.key} are not a certificate and its key: {error}"
            ) from error
        return context


class TlsFront:
    """Listens on *host*:*port* with TLS and passes everything on to *target*."""

    def __init__(
        self, context: ssl.SSLContext, host: str, port: int, target: tuple[str, int]
    ) -> None:
        self._context = context
        self._target = target
        self._listener = socket.create_server((host, port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="jobsync-tls", daemon=True)

    def start(self) -> None:
        """Begin to take connections, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections; the open ones end with the server behind."""
        with contextlib.suppress(OSError):
            # Closing alone would leave the accepting thread asleep.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connected, args=(raw,), daemon=True).start()

    def _connected(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw:
            raw.settimeout(30)
            with (
                self._context.wrap_socket(raw, server_side=True) as outer,
                socket.create_connection(self._target) as inner,
            ):
                outer.settimeout(None)
                back = _thread(lambda: _pump(inner.recv, outer.sendall))
                _pump(outer.recv, inner.sendall)
                with contextlib.suppress(OSError):
                    inner.shutdown(socket.SHUT_WR)
                back.join()


def _thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _pump(receive: Callable[[int], bytes], send: Callable[[bytes], None]) -> None:
    with contextlib.suppress(OSError):
        while chunk := receive(_CHUNK):
            send(chunk)
