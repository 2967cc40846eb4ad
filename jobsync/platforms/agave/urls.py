"""URLs of the service, built here and nowhere else.

A user name ``..`` in ``DELETE .../JOB/pems/..`` would hide the job, and an unknown path below a
job falls through to the job itself (agave-v2 §1.1). So ids and names are held to an allow-list,
file names are encoded one segment at a time, and the client sends nothing else than
what was built here. Links that the service hands out are never followed (agave-v2 §1.7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from jobsync.base_url import base_url
from jobsync.http.messages import UnsafePath as UnsafePath

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def identifier(text: str, what: str) -> str:
    """*text* as it is when it is safe as one path segment for every server in between.

    Even ``%2F`` is decoded by some of them, so encoding is not enough for what decides *which*
    thing is changed.
    """
    if not _IDENTIFIER.fullmatch(text):
        raise UnsafePath(f"{text[:80]!r} cannot be {what}")
    return text


def file_path(path: str) -> str:
    """The encoded form of an output path; ``/`` alone separates.

    The service deletes every ``..`` and ``~`` (agave-v2 §6.1) and would hand out another file.
    """
    segments = path.split("/")
    if ".." in path or "~" in path:
        raise UnsafePath(f"the service cannot serve {path[:200]!r}: it drops '..' and '~'")
    return "/".join(_segment(part, path) for part in segments)


def _segment(part: str, path: str) -> str:
    if part in ("", ".", ".."):
        raise UnsafePath(f"{path[:200]!r} is not a path of an output")
    try:
        return quote(part, safe="")
    except UnicodeEncodeError as error:
        raise UnsafePath(f"{path[:200]!r} is not Unicode text") from error


def query(terms: Mapping[str, str | int]) -> str:
    """``?a=b`` of *terms* in their order, or nothing."""
    pairs = (f"{_term(key)}={_term(value)}" for key, value in terms.items())
    text = "&".join(pairs)
    return f"?{text}" if text else ""


def _term(value: str | int) -> str:
    text = str(value)
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


class Urls:
    """The addresses of everything the client asks for, below one base URL."""

    __slots__ = ("base",)

    def __init__(self, base: str) -> None:
        self.base = base_url(base)

    def jobs(self) -> str:
        """All jobs; also where one is submitted."""
        return f"{self.base}/jobs/v2/"

    def job(self, job_id: str) -> str:
        """One job."""
        return f"{self.base}/jobs/v2/{identifier(job_id, 'a job id')}"

    def status(self, job_id: str) -> str:
        """The status of a job."""
        return f"{self.job(job_id)}/status"

    def history(self, job_id: str) -> str:
        """The history of a job."""
        return f"{self.job(job_id)}/history"

    def pems(self, job_id: str) -> str:
        """The permission list of a job."""
        return f"{self.job(job_id)}/pems"

    def pems_of(self, job_id: str, user: str) -> str:
        """One user's row of it."""
        return f"{self.pems(job_id)}/{identifier(user, 'a user name in a URL')}"

    def listing(self, job_id: str, folder: str) -> str:
        """One output folder; an empty *folder* is the top (agave-v2 §2.0: keep the slash)."""
        tail = file_path(folder) if folder else ""
        return f"{self.job(job_id)}/outputs/listings/{tail}"

    def media(self, job_id: str, path: str) -> str:
        """The content of one output."""
        return f"{self.job(job_id)}/outputs/media/{file_path(path)}"

    def hide(self, job_id: str) -> str:
        """The newer engine's way to hide a job (agave-v2 §9.3)."""
        return f"{self.job(job_id)}/hide"

    def apps(self) -> str:
        """The apps that the user may run."""
        return f"{self.base}/apps/v2/"

    def app(self, app_id: str) -> str:
        return f"{self.base}/apps/v2/{identifier(app_id, 'an app id')}"

    def me(self) -> str:
        """The profile of the user to whom the token belongs."""
        return f"{self.base}/profiles/v2/me"

    def clients(self) -> str:
        """Where API clients are created."""
        return f"{self.base}/clients/v2/"

    def token(self) -> str:
        """Where tokens are renewed: at the root of the host part people configure (7.1)."""
        return f"{self.base}/token"
