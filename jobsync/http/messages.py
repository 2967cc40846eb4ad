"""The nouns of one HTTP exchange: what is asked, what came back, how often it may be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from urllib.parse import urlsplit

from jobsync.errors import ServiceError, Unreachable
from jobsync.structs import Struct, field
from jobsync.visible import visible

_SHOWN = 200
_QUERY_SHOWN = 60

CLOSED = "the connection to the service is closed"


class Repeat(Enum):
    """When a request may be sent again after it failed.

    ``ALWAYS`` is for reads and for writes that do no harm when repeated. ``UNSENT`` is for other
    writes: they are repeated only when nothing was sent or the service throttled. ``NEVER`` is for
    writes that cost something, such as a submit.
    """

    ALWAYS = "always"
    UNSENT = "unsent"
    NEVER = "never"


class Request(Struct, frozen=True):
    """One request.

    ``seconds`` is the time for the whole response, head and body; None means the client's own
    limit. For a download it limits the head only. ``asks`` is what the service is to do, for error
    messages: ``list jobs``.
    """

    method: str
    url: str
    body: bytes | None = None
    repeat: Repeat = Repeat.ALWAYS
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    asks: str = ""

    def __str__(self) -> str:
        return asked(self.asks, self.method, self.url)


class Response(Struct, frozen=True):
    """One whole response. ``headers`` have lower-case names."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    asks: str = ""

    def __str__(self) -> str:
        """The request of which this is the response, as error messages show it."""
        return asked(self.asks, self.method, self.url)

    @property
    def media_type(self) -> str:
        """``application/json`` of ``application/json; charset=UTF-8``, in lower case."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Stream(Struct, frozen=True):
    """A response whose body is still to be read. ``chunks`` raises when the body is cut short."""

    head: Response
    chunks: Iterator[bytes]

    @property
    def status(self) -> int:
        """The HTTP status of the response."""
        return self.head.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the response, with lower-case names."""
        return self.head.headers


class UnsafePath(ServiceError):
    """An id, name or path that would change its meaning inside a URL.

    Raised before anything is sent.
    """


class NeverSent(Unreachable):
    """No connection was made, so no byte of the request left this machine."""


class Untrusted(NeverSent):
    """The server's certificate could not be verified. Trying again does not help."""


class Overdue(Unreachable):
    """The response did not arrive within the time allowed for its request."""


class OverdueUnsent(Overdue, NeverSent):
    """The time for the request ran out before a connection was made, so nothing was sent."""


def sanitised(text: str, most: int = _SHOWN) -> str:
    """At most *most* characters of *text*, on one line and without terminal control characters."""
    line = " ".join(text[: 4 * most].split())
    clean = visible(line)
    return clean if len(clean) <= most else clean[:most] + "..."


def asked(asks: str, method: str, url: str) -> str:
    """A request as error messages show it: ``asked api.example.org to list jobs``.

    The URL, which a log has, stands only for a request that does not say what it *asks*.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if asks:
        return f"asked {host} to {sanitised(asks)}"
    query = f"?{parts.query}" if parts.query else ""
    short = query if len(query) <= _QUERY_SHOWN else query[:_QUERY_SHOWN] + "..."
    return f"asked {host} for {method} {parts.path}{short}"
