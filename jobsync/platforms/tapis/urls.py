"""URLs of the services, built here and nowhere else (tapis-v3 §3).

An id decides which job is changed, so only what has the form of one is ever put into a URL
(tapis-v3 §16). All other segments are encoded one by one; links in answers are never followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from jobsync.base_url import base_url
from jobsync.http.messages import UnsafePath

_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-007")
_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DOTS = ("", ".", "..")


def is_run_id(text: str) -> bool:
    """Whether *text* can be the id of a job (tapis-v3 §5.1)."""
    return _RUN_ID.fullmatch(text) is not None


def segment(text: str, what: str) -> str:
    """*text* encoded as one path segment. Raises :class:`UnsafePath` for what no server takes for
    one."""
    if text in _DOTS or "/" in text or not text.isprintable():
        raise UnsafePath(f"{text[:80]!r} cannot be {what}")
    return _quoted(text, what)


def file_path(path: str) -> str:
    """The encoded form of a path of a file; ``/`` alone separates."""
    parts = path.strip("/").split("/")
    if any(part in _DOTS or "\0" in part for part in parts):
        raise UnsafePath(f"{path[:200]!r} is not the path of a file")
    return "/".join(_quoted(part, "a file name") for part in parts)


def query(terms: Iterable[tuple[str, str | int]]) -> str:
    """``?a=b`` of *terms* in their order, or nothing."""
    text = "&".join(f"{quote(key, safe='')}={quote(str(value), safe='')}" for key, value in terms)
    return f"?{text}" if text else ""


class Urls:
    """The addresses of everything the client asks for, below one base URL."""

    __slots__ = ("base",)

    def __init__(self, base: str) -> None:
        self.base = base_url(base)

    def submit(self) -> str:
        """Where a job is submitted."""
        return f"{self.base}/v3/jobs/submit"

    def search(self) -> str:
        """The jobs that have what a query says."""
        return f"{self.base}/v3/jobs/search"

    def list(self) -> str:
        """The jobs of one list type."""
        return f"{self.base}/v3/jobs/list"

    def subscriptions(self, uuid: str) -> str:
        """The subscriptions to a job, or one of them by an id of its own."""
        if not (is_run_id(uuid) or _SUBSCRIPTION.fullmatch(uuid)):
            raise UnsafePath(f"{uuid[:80]!r} can be neither a job id nor that of a subscription")
        return f"{self.base}/v3/jobs/subscribe/{uuid}"

    def job(self, uuid: str) -> str:
        """One job."""
        if not is_run_id(uuid):
            raise UnsafePath(f"{uuid[:80]!r} cannot be a job id")
        return f"{self.base}/v3/jobs/{uuid}"

    def of_job(self, uuid: str, word: str) -> str:
        """What stands below a job: ``history``, ``cancel`` and so on."""
        return f"{self.job(uuid)}/{word}"

    def share_of(self, uuid: str, user: str) -> str:
        """What one user may read of a job."""
        return f"{self.of_job(uuid, 'share')}/{segment(user, 'a user name')}"

    def outputs(self, uuid: str, folder: str) -> str:
        """The list of one output folder, or of one file; an empty *folder* is the top."""
        return f"{self.of_job(uuid, 'output/list')}/{file_path(folder) if folder else ''}"

    def download(self, uuid: str, path: str) -> str:
        """One output, by way of its job."""
        return f"{self.of_job(uuid, 'output/download')}/{file_path(path)}"

    def content(self, system: str, path: str) -> str:
        """One file of a storage system."""
        return f"{self.base}/v3/files/content/{segment(system, 'a system')}/{file_path(path)}"

    def apps(self) -> str:
        """The apps of all whom the user may ask for them."""
        return f"{self.base}/v3/apps"

    def app(self, app_id: str, version: str) -> str:
        """One version of an app; the latest for an empty *version*."""
        name = f"{self.base}/v3/apps/{segment(app_id, 'an app id')}"
        return f"{name}/{segment(version, 'a version')}" if version else name

    def me(self) -> str:
        """The profile of the user to whom the token belongs."""
        return f"{self.base}/v3/oauth2/userinfo"

    def profile(self, user: str) -> str:
        """The profile of any user."""
        return f"{self.base}/v3/oauth2/profiles/{segment(user, 'a user name')}"


def _quoted(text: str, what: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise UnsafePath(f"{text[:80]!r} cannot be {what}: it is not Unicode text") from error
