"""The HTTP server: waitress in a thread, with an orderly end."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from typing import Any

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer, create_server  # type: ignore[import-untyped]
from waitress.task import ThreadedTaskDispatcher, WSGITask  # type: ignore[import-untyped]

from jobsync.errors import LocalServiceError
from jobsync.local.api.agave.wsgi_app import Front
from jobsync.local.api.mishaps import SOCKET
from jobsync.local.crowding import PER_PEER, Channel, thin_out

MAX_BODY = 8 * 1024 * 1024
"""The most bytes of a request body; more is 413."""

MAX_HEADER = 64 * 1024
_TURN_SECONDS = 0.5
_AHEAD = 1 << 20
"""The bytes of an answer that are kept for a peer that reads slowly."""

_DOWNLOADS = 16
_DOWNLOAD = re.compile(r"/media(/|$)|/download(/|$)|^/v3/files/content/")
"""Paths whose answers are files."""

log = logging.getLogger(__name__)


class _Task(WSGITask):  # type: ignore[misc]
    """Passes the connection to the application, which may have to reset it on demand."""

    def get_environment(self) -> Any:
        environ = super().get_environment()
        environ[SOCKET] = self.channel.socket
        return environ


class _Channel(Channel):
    task_class = _Task


class Server:
    """The server of one application on *host*:*port* (port 0 takes a free one).

    Raises :class:`LocalServiceError` when it cannot listen on the address.
    """

    def __init__(self, front: Front, host: str, port: int, *, threads: int) -> None:
        self._front = front
        self._map: dict[int, Any] = {}
        self._dispatcher = _dispatcher(threads)
        # A download that nobody reads holds its thread: it is to be one of few.
        self._downloads = _dispatcher(_DOWNLOADS)
        self._looked = 0.0
        try:
            self._server = self._created(host, port)
        except BaseException:  # also Ctrl-C: the threads of the dispatchers run already
            self._end_threads()
            raise
        self.port = int(self._server.effective_port)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="jobsync-http", daemon=True)

    def _created(self, host: str, port: int) -> TcpWSGIServer:
        try:
            listener = socket.create_server((host, port), backlog=1024)
        except (OSError, OverflowError) as error:
            raise LocalServiceError(
                f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
                hint="another service may be using it; --port 0 takes a free one",
            ) from error
        server = create_server(
            self._front,
            map=self._map,
            _dispatcher=self._dispatcher,
            sockets=[listener],
            ident="jobsync",
            connection_limit=1000,
            backlog=1024,
            channel_timeout=120,
            outbuf_high_watermark=_AHEAD,
            max_request_body_size=MAX_BODY,
            max_request_header_size=MAX_HEADER,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=True,
            # A hang-up on demand is not an error; ours are caught and logged by the front.
            log_socket_errors=False,
        )
        server.channel_class = _Channel
        server.add_task = self._add_task
        return server

    def _add_task(self, channel: Any) -> None:
        pool = self._downloads if _DOWNLOAD.search(channel.requests[0].path) else self._dispatcher
        pool.add_task(channel)

    def _end_threads(self) -> None:
        self._dispatcher.shutdown(timeout=1)
        self._downloads.shutdown(timeout=1)

    def start(self) -> None:
        """Begin to take connections, in a thread of its own."""
        self._thread.start()

    def stop(self, patience: float) -> None:
        """Take no more connections, finish requests under way for up to *patience* seconds, and
        end."""
        self._front.stop()
        self._server.accepting = False
        until = time.monotonic() + patience
        while self._is_busy() and time.monotonic() < until:
            time.sleep(0.01)
        self._ended = True
        self._server.pull_trigger()
        self._thread.join(5)
        self._end_threads()
        self._server.close()
        wasyncore.close_all(self._map, ignore_all=True)

    def _is_busy(self) -> bool:
        channels = list(self._server.active_channels.values())
        return any(one.requests or one.total_outbufs_len for one in channels)

    def _run(self) -> None:
        while not self._ended:
            wasyncore.loop(_TURN_SECONDS, True, self._map, 1)
            now = time.monotonic()
            if now - self._looked > _TURN_SECONDS or len(self._map) > PER_PEER:
                self._looked = now
                thin_out([*self._server.active_channels.values()])


def _dispatcher(threads: int) -> Any:
    made = ThreadedTaskDispatcher()
    # A queue of requests is not worth a warning on the user's terminal.
    made.queue_logger = logging.getLogger(f"{__name__}.queue")
    made.queue_logger.setLevel(logging.ERROR)
    made.set_thread_count(threads)
    return made
