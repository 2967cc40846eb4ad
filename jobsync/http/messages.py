"""The nouns of one HTTP exchange: what is asked, what came back, how often it may be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from jobsync.errors import ServiceError, Unreachable
from jobsync.structs import Struct, field

_SHOWN = 200
_QUERY_SHOWN = 60

CLOSED = "the connection to the service is closed"


class Repeat(Enum):
    """When a request may be sent again after it went wrong.

    ``ALWAYS`` is for reads, and for writes that may as well be made twice. ``UNSENT`` is for other
    writes: only when nothing was sent, or the service throttled. ``NEVER`` is for what is paid for.
    """

    ALWAYS = "always"
    UNSENT = "unsent"
    NEVER = "never"


class Request(Struct, frozen=True):
    """One request. ``seconds`` is how long its response may take, head and body; None: as set for
    the client. Of a download only the head counts."""

    method: str
    url: str
    body: bytes | None = None
    repeat: Repeat = Repeat.ALWAYS
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None

    def __str__(self) -> str:
        return shown(self.method, self.url)


class Response(Struct, frozen=True):
    """One whole response. ``headers`` have lower-case names."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """``application/json`` of ``application/json; charset=UTF-8``, in lower case."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Stream(Struct, frozen=True):
    """A response whose body is still to be read: ``chunks`` raises when it is cut short."""

    head: Response
    chunks: Iterator[bytes]

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.head.headers


class UnsafePath(ServiceError):
    """An id, a name or a path that cannot be put into a URL without meaning something else.

    Raised before anything is sent.
    """


class NeverSent(Unreachable):
    """No connection was made, so no byte of the request left this machine."""


class Untrusted(NeverSent):
    """The certificate of the server does not verify: asking again changes nothing."""


class Overdue(Unreachable):
    """The response did not come within the time that its request has."""


class OverdueUnsent(Overdue, NeverSent):
    """That time was over before there was a connection."""


def sanitised(text: str, most: int = _SHOWN) -> str:
    """At most *most* characters of *text* on one line, nothing in it that a terminal acts on."""
    line = " ".join(text[: 4 * most].split())
    clean = "".join(char if char.isprintable() else "?" for char in line)
    return clean if len(clean) <= most else clean[:most] + "..."


def shown(method: str, url: str) -> str:
    """A request as error messages name it: the query cut short, for it can be long."""
    path, mark, query = url.partition("?")
    short = query if len(query) <= _QUERY_SHOWN else query[:_QUERY_SHOWN] + "..."
    return f"{method} {path}{mark}{short}"
