"""Connections: the pool of requests, over connections that note what became of them.

The pool of urllib3 alone is not enough: after one interim answer every later one on that connection
would belong to the question before it, and its timeouts do not bound a response. Its extension
point is the class of its connections.
"""

from __future__ import annotations

import http.client
import io
import re
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.response import assert_header_parsing
from urllib3.util.url import parse_url

from jobsync.errors import SettingsError
from jobsync.http.exchanges import Exchanges

_NO_PROXY_URL = "the proxy must be a URL like http://HOST:PORT or socks5h://HOST:PORT"
_STATUS = re.compile(rb"\S+[ \t]+[0-9]{3}\s")
_LENGTH = re.compile(r"[0-9]{1,18}[ \t]*")


class _Lines(io.BufferedReader):
    """What a response is read from. A line that has no end was cut short: it is not a line.

    Python takes the end of a connection for the end of a head, and half of the size of a chunk,
    ``00`` of ``0040``, for the end of a body. ``last`` is the line that was read last.
    """

    last = b""
    _begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size and (line or self._begun):
            raise http.client.IncompleteRead(line)
        if b"\r" in line[:-2]:
            raise http.client.HTTPException("a line of the answer has a line break in it")
        self._begun = True
        self.last = line
        return line


class _Response(http.client.HTTPResponse):
    """A response whose head is whole, has a status of three digits, says in one way how long its
    body is, and is not an interim one but ``100 Continue``."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = _Lines(self.fp.detach(), 64 * 1024)

    def _read_status(self) -> tuple[str, int, str]:
        """Python takes whatever it can read as a number, and ``0400`` for a refusal."""
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        if not _STATUS.match(self.fp.last):
            raise http.client.BadStatusLine(repr(self.fp.last[:100]))
        return found

    def begin(self) -> None:
        super().begin()
        if self.status < 200:
            raise http.client.HTTPException(
                f"the service sent an interim answer that is not supported: {self.status}"
            )
        assert_header_parsing(self.msg)
        codings = self.headers.get_all("Transfer-Encoding", [])
        lengths = self.headers.get_all("Content-Length", [])
        if len(codings) + len(lengths) > 1 or len(codings) != int(bool(self.chunked)):
            raise http.client.HTTPException("the answer gives its length twice")
        if lengths and not _LENGTH.fullmatch(lengths[0]):
            raise http.client.HTTPException("the answer does not say how long it is")


class _Noting:
    """A connection that notes on the exchange of its thread where it has got to."""

    response_class: Any = _Response
    sock: Any

    def __init__(self, *args: Any, exchanges: Exchanges, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exchanges = exchanges

    def _new_conn(self) -> Any:
        sock = super()._new_conn()  # type: ignore[misc]
        self._exchanges.current().connecting(sock)
        return sock

    def connect(self) -> None:
        """Nothing of a request is sent before this returns: until then nothing was."""
        exchange = self._exchanges.current()
        try:
            super().connect()  # type: ignore[misc]
            exchange.connected = True
            exchange.on(self.sock)
        finally:
            exchange.forget_handle()

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange = self._exchanges.current()
        if self.sock is not None and not exchange.connected:
            exchange.reused = True
            exchange.on(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]


class _Plain(_Noting, HTTPConnection):
    pass


class _Tls(_Noting, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


def tls_context(certificates: str | None) -> ssl.SSLContext:
    """A TLS context that verifies servers against *certificates*, a file or a folder, or else
    against those of certifi."""
    place = Path(certificates or certifi.where())
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except OSError as error:
        raise SettingsError(f"cannot read the certificates in {place}: {error}") from error


class PoolAdapter(HTTPAdapter):
    """Connections to *base*, at most *size* kept open, through *proxy* unless that is empty.

    They share one TLS context, because making one takes 27 ms. The adapter reads nothing from the
    environment and repeats no request.
    """

    def __init__(
        self, base: str, context: ssl.SSLContext | None, proxy: str, size: int, exchanges: Exchanges
    ) -> None:
        self._context = context
        self._pools = {
            "http": partial(_PlainPool, exchanges=exchanges),
            "https": partial(_TlsPool, exchanges=exchanges),
        }
        self._exchanges = exchanges
        super().__init__(pool_connections=1, pool_maxsize=size, max_retries=0)
        manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
        self.pool: HTTPConnectionPool = manager.connection_from_url(base)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager of requests with this adapter's TLS context and connection
        classes."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the manager of connections through *proxy*, with this adapter's TLS context.

        Raises :class:`SettingsError` when *proxy* is no usable URL, or when PySocks is needed and
        not installed.
        """
        kwargs["ssl_context"] = self._context
        try:
            if proxy.lower().startswith("socks"):
                manager = super().proxy_manager_for(proxy, **kwargs)
                manager.pool_classes_by_scheme = {
                    "https": partial(_socks_pool(), exchanges=self._exchanges)
                }
            else:
                kwargs["proxy_ssl_context"] = self._context
                manager = super().proxy_manager_for(proxy, **kwargs)
                manager.pool_classes_by_scheme = self._pools
        except requests.exceptions.InvalidSchema as error:
            raise SettingsError(
                "a SOCKS proxy is set, but PySocks is not installed",
                hint="pip install PySocks",
            ) from error
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise SettingsError(_NO_PROXY_URL) from error
        if not parse_url(proxy).host:
            raise SettingsError(_NO_PROXY_URL)
        return manager

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """The one pool of this adapter: it sends to a single base URL."""
        return self.pool

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the TLS context has the certificates. A file named here would be loaded again
        for every connection."""


def _socks_pool() -> type[HTTPSConnectionPool]:
    from urllib3.contrib.socks import SOCKSHTTPSConnection

    class Tls(_Noting, SOCKSHTTPSConnection):
        pass

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return Pool


class OneOffSession(requests.Session):
    """A session for a single request.

    It reads nothing from the environment (``.netrc`` would replace the token), follows no redirect,
    and is closed together with its connection.
    """

    def __init__(self, adapter: PoolAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, always: redirects are not followed."""
        return None
