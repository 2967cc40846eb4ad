"""The nouns of one HTTP exchange: what is asked, what came back, how often it may be asked.

Floor 4. Knows nothing of requests, so that decoding can be tested on bytes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Protocol

from jobsync.errors import Unreachable
from jobsync.records import Struct, field


class Repeat(Enum):
    """When a call may be sent again after it went wrong.

    ``ALWAYS`` is for reads and for permission writes, which replace one row (contract 7.4).
    ``UNSENT`` is for other writes: only when nothing was sent, or the service throttled.
    ``NEVER`` is for what makes a job.
    """

    ALWAYS = "always"
    UNSENT = "unsent"
    NEVER = "never"


class Call(Struct, frozen=True):
    """One request. ``hides`` is the id of the job that a DELETE is meant to hide, if any."""

    method: str
    url: str
    body: bytes | None = None
    repeat: Repeat = Repeat.ALWAYS
    headers: Mapping[str, str] = field(default_factory=dict)
    hides: str = ""


class Answer(Struct, frozen=True):
    """One whole answer. ``headers`` have lower-case names."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """``application/json`` of ``application/json; charset=UTF-8``, in lower case."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


CLOSED = "the connection to the service is closed"


class NeverSent(Unreachable):
    """No connection was made, so no byte of the request left this machine."""


class NoConnection(OSError):
    """No connection could be made, so nothing was sent. Its cause says why."""


class BrokenAnswer(OSError):
    """An answer that never came, was cut short, or is not HTTP. Its cause, if any, says why."""


class Head(Protocol):
    """What an answer begins with. ``headers`` have lower-case names."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Reply(Head, Protocol):
    """An answer whose body is still to be read, and which is to be closed in the end.

    What reads the body raises OSError when it is cut short.
    """

    def pieces(self, size: int) -> Iterator[bytes]:
        """The body in pieces as they come, about *size* at most."""

    def blocks(self, size: int) -> Iterator[bytes]:
        """The body in pieces of *size*, only the last shorter."""

    def close(self) -> None:
        """Leave the rest of the body, if any."""
