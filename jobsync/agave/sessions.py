"""The door to requests: what is sent once, and what goes through a proxy.

Nothing is taken from the environment (no proxies, no ``.netrc``, which would replace the token),
no redirect is followed, no cookie kept. What may be repeated goes over ``kept``, at a quarter of
the cost; so requests is imported only by those who need it.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from jobsync.agave.envelope import sanitised
from jobsync.agave.exchange import BrokenAnswer, Call, NoConnection, Repeat
from jobsync.agave.urls import UnsafePath
from jobsync.secret import Secret

_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
_Opened = Callable[[socket.socket], None]


class _Authorization(AuthBase):
    """Sets the header last of all, so that nothing can replace it, and only below *base*."""

    def __init__(self, base: str, value: Secret) -> None:
        self._base = base
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not (request.url or "").startswith(f"{self._base}/"):
            raise UnsafePath("a token is only sent to the base URL it was issued for")
        request.headers["Authorization"] = self._value.reveal()
        return request


class _Adapter(HTTPAdapter):
    """Connections that share one TLS context: making one costs 27 ms.

    ``opened`` is called with every connection once it stands.
    """

    def __init__(self, context: ssl.SSLContext | None, size: int, opened: _Opened) -> None:
        self._context = context
        self._pools = _noting_pools(opened)
        super().__init__(pool_connections=4, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context has the certificates; naming a file here would load it per connection."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = None


def _noting_pools(opened: _Opened) -> dict[str, Any]:
    """Connection pools that tell when a connection stands, TLS handshake included.

    Nothing of a request is sent before ``connect`` returns: until then nothing was.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            opened(self.sock)

    class Tls(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            opened(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


class _Session(requests.Session):
    """A session that takes nothing from the environment and goes nowhere by itself."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _Shot:
    """One connection for one request, which remembers whether it ever came to be."""

    def __init__(self, context: ssl.SSLContext | None, opened: _Opened) -> None:
        self.connected = False
        self._tell = opened
        self.session = _Session(_Adapter(context, 1, self._opened))

    def _opened(self, sock: socket.socket) -> None:
        self.connected = True
        self._tell(sock)


class _SessionReply:
    """What requests has of an answer, as a :class:`~jobsync.agave.exchange.Reply`."""

    def __init__(self, response: requests.Response, shot: _Shot | None) -> None:
        self._response, self._shot = response, shot
        self.status = response.status_code
        self.headers: Mapping[str, str] = {
            str(name).lower(): str(value) for name, value in response.headers.items()
        }

    def pieces(self, size: int) -> Iterator[bytes]:
        """The body in pieces as they come."""
        with _failures():
            while piece := self._response.raw.read1(size, decode_content=False):
                yield piece

    def blocks(self, size: int) -> Iterator[bytes]:
        """The body in pieces of *size*, only the last shorter."""
        with _failures():
            while block := self._response.raw.read(size, decode_content=False):
                yield block

    def close(self) -> None:
        """Leave the rest of the body; what was opened for this request alone is closed."""
        self._response.close()
        if self._shot is not None:
            self._shot.session.close()


class Sessions:
    """Sends one request over requests. Safe to use from many threads. Times in seconds.

    *proxies* maps ``https`` to a proxy URL; *opened* is called with each new connection.
    """

    def __init__(
        self,
        base: str,
        context: ssl.SSLContext | None,
        opened: _Opened,
        *,
        proxies: Mapping[str, str],
        size: int,
        connect: float,
        idle: float,
    ) -> None:
        self._base, self._context, self._opened = base, context, opened
        self._proxies = dict(proxies)
        self._timeouts = (connect, idle)
        self._kept = _Session(_Adapter(context, size, opened))

    def close(self) -> None:
        """Close the kept connections."""
        self._kept.close()

    def ask(self, call: Call, headers: Mapping[str, str], authorization: Secret) -> _SessionReply:
        """Send *call* and give its answer with its body unread.

        What may not be repeated goes on a connection of its own. Raises :class:`NoConnection` when
        nothing was sent, :class:`BrokenAnswer` when no answer came, :class:`UnsafePath` when
        requests would ask for something else.
        """
        prepared = self._prepared(call, headers, authorization)
        shot = None if call.repeat is Repeat.ALWAYS else _Shot(self._context, self._opened)
        session = self._kept if shot is None else shot.session
        try:
            response = session.send(
                prepared,
                stream=True,
                allow_redirects=False,
                verify=True,
                proxies=self._proxies,
                timeout=self._timeouts,
            )
            return _SessionReply(response, shot)
        except (*_FAILURES, OSError) as error:
            raise (NoConnection if _never_sent(shot, error) else BrokenAnswer) from error
        except Exception as error:
            # The parser of heads raises what it likes, ValueError among it: long after the request
            # has gone out. Whatever it is, only a connection that never stood proves anything.
            if shot is None:
                raise
            raise (BrokenAnswer if shot.connected else NoConnection) from error

    def _prepared(
        self, call: Call, headers: Mapping[str, str], authorization: Secret
    ) -> requests.PreparedRequest:
        request = requests.Request(
            call.method,
            call.url,
            headers=dict(headers),
            data=call.body,
            auth=_Authorization(self._base, authorization),
        )
        try:
            prepared = request.prepare()
        except (requests.RequestException, UnicodeError) as error:
            raise UnsafePath(f"cannot be asked for: {sanitised(call.url)}") from error
        if prepared.url != call.url:
            raise UnsafePath(f"would be sent as another URL: {sanitised(call.url)}")
        return prepared


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise BrokenAnswer from error


def _never_sent(shot: _Shot | None, error: Exception) -> bool:
    if shot is not None:
        return not shot.connected
    return isinstance(error, requests.ConnectTimeout)
