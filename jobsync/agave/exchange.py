"""The nouns of one HTTP exchange: what is asked, what came back, how often it may be asked.

Floor 3. Knows nothing of requests, so that decoding can be tested on bytes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from jobsync.errors import Unreachable


class Repeat(Enum):
    """When a call may be sent again after it went wrong.

    ``ALWAYS`` is for reads and for permission writes, which replace one row (contract 7.4).
    ``UNSENT`` is for other writes: only when nothing was sent, or the service throttled.
    ``NEVER`` is for what makes a job.
    """

    ALWAYS = "always"
    UNSENT = "unsent"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``hides`` is the id of the job that a DELETE is meant to hide, if any."""

    method: str
    url: str
    body: bytes | None = None
    repeat: Repeat = Repeat.ALWAYS
    headers: Mapping[str, str] = field(default_factory=dict)
    hides: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
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


class NeverSent(Unreachable):
    """No connection was made, so no byte of the request left this machine."""
