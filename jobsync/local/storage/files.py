"""Storage systems: folders that jobs may read from, and the archive that they end in.

Two of them. ``local`` is the workspace, the folder with the manifests, read-only for jobs; a path
with a name that starts with a dot is refused, since ``.jobsync`` holds the tokens. ``archive`` is
``STATE/archive``, and a path in it is readable only through the permissions of the job that
archived there. Everything is checked as the caller, by real path, so that no link leads out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from jobsync.local.api.agave import records
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.store.rows import AGAVE, JobRow
from jobsync.structs import Struct

WORKSPACE = "local"
ARCHIVE = "archive"
_MEDIA = re.compile(r"(?:.*)/jobs/v2/([^/]+)/outputs/media/(.+)")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AGAVE = re.compile(r"(?i:agave)://([^/]*)/?(.*)", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_OWNERS = ".owners"
NOBODY = "*"
"""The owner of a first folder that belongs to the service: each job owns its own part of it."""


class UnsupportedScheme(Refusal):
    """An input with a scheme, or on a host, that this service does not read from."""

    def __init__(self, scheme: str) -> None:
        super().__init__(400, f"URI with the {scheme} scheme are not currently supported.")


class Jobs(Protocol):
    """What storage must know of jobs; the store is one."""

    def job(self, job_id: str) -> JobRow | None:
        """The job with this id; None when there is none."""

    def grants(self, job_id: str) -> dict[str, str]:
        """The permissions granted on a job, by user name."""

    def archived_at(self, paths: Collection[str]) -> list[JobRow]:
        """The jobs whose archive folder is one of *paths*."""

    def users(self) -> list[str]:
        """The names of all users of the service."""


class Located(Struct, frozen=True):
    """A place in a storage system: its real path, and the real root that it must stay below."""

    path: Path
    root: Path
    hides_dots: bool = False
    hidden: tuple[Path, ...] = ()

    def holds(self, path: Path) -> bool:
        """Whether *path*, links followed, still lies in this storage system and may be seen."""
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self.root) or _below(real, self.hidden):
            return False
        return not (self.hides_dots and has_dot(real.relative_to(self.root).parts))


class Storage:
    """The storage systems of one service.

    *may_read* decides whether a user may read a job; *hosts* are the names under which this
    service is reached, so that its own output URLs can be inputs. *hidden* folders are not part of
    the workspace, wherever they lie: the state with its tokens, and the work folders of jobs.
    """

    def __init__(
        self,
        workspace: str | Path,
        archive: str | Path,
        jobs: Jobs,
        *,
        may_read: Callable[[JobRow, str], bool] | None = None,
        hosts: Sequence[str] = (),
        hidden: Sequence[str | Path] = (),
    ) -> None:
        self.workspace = Path(os.path.realpath(workspace))
        self.archive = Path(os.path.realpath(archive))
        self.hosts = {*_LOOPBACK, *hosts}
        real = (Path(os.path.realpath(folder)) for folder in hidden)
        self.hidden = tuple(one for one in real if one.is_relative_to(self.workspace))
        self._jobs = jobs
        self._may_read = may_read or self._reads

    def locate(self, uri: str, caller: str) -> Located:
        """Where *uri* points to, if *caller* may read there. It need not exist.

        ``agave://SYSTEM/PATH``, a relative path (of the workspace), or the URL of an output of a
        job of this service. Raises :class:`Refusal`: 400 for a scheme that cannot be used, 403 for
        what the caller may not read (agave-v2 §3.3).
        """
        if not _SCHEME.match(uri):
            return self._in_workspace(uri, uri)
        if match := _AGAVE.fullmatch(uri):
            # All of it is a path: ``#`` and ``?`` are in names, and nothing else is meant by them.
            return self._in_system(match[1], unquote(match[2]), uri, caller)
        try:
            parts = urlsplit(uri)
            host = parts.hostname or ""
        except ValueError as error:
            raise unreadable(uri) from error
        path = unquote(parts.path)
        if "\0" in path:  # no file has such a name, and nothing that opens files takes it
            raise unreadable(uri)
        media = _MEDIA.fullmatch(path)
        if parts.scheme in ("http", "https") and host in self.hosts and media:
            return self._in_outputs(media[1], media[2], uri, caller)
        raise UnsupportedScheme(parts.scheme)

    def check(self, uri: str, caller: str) -> None:
        """Raise :class:`Refusal` unless *caller* may read *uri*."""
        self.locate(uri, caller)

    # --- the archive, for writing -------------------------------------------------------

    def claim_archive(self, system: str, path: str, owner: str) -> None:
        """Make the folder that a job of *owner* will archive into.

        A first folder with the name of a user belongs to that user, any other one to whoever
        archives there first. Raises :class:`Refusal` (agave-v2 §3.2: 403 without permission, 400
        for what is not a folder or no storage system).
        """
        if system == WORKSPACE:
            raise _not_yours(path)
        if system != ARCHIVE:
            raise Refusal(400, f"No storage system found matching {system} for {owner}")
        parts = segments(path)
        if not parts or has_dot(parts) or self._claim(parts[0], owner) != owner:
            raise _not_yours(path)
        folder = self.archive.joinpath(*parts)
        if not Path(os.path.realpath(folder)).is_relative_to(self.archive):
            raise _not_yours(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise Refusal(400, "Archive path is not a folder") from error
        except OSError as error:
            raise Refusal(400, f"Unable to create job archive directory {path}") from error

    def claim_for_service(self, first: str) -> bool:
        """Take a first folder of the archive for the service; False when a user has it."""
        return self._claim(first, NOBODY) == NOBODY

    def archive_folder(self, path: str) -> Path:
        """The folder of an archive path that was accepted before."""
        return self.archive.joinpath(*segments(path))

    def archive_target(self, path: str) -> Path:
        """The folder of an archive path, to write into. Raises :class:`Refusal` when it leads out
        of the archive, which it did not when it was accepted."""
        parts = segments(path)
        real = Path(os.path.realpath(self.archive.joinpath(*parts)))
        if not parts or has_dot(parts) or not real.is_relative_to(self.archive):
            raise _not_yours(path)
        return self.archive.joinpath(*parts)

    def data_folder(self, row: JobRow) -> Path | None:
        """Where the data of a job lies: its archive, else its work folder, if it has one."""
        if row.archived and row.archive_path:
            return self.archive_folder(row.archive_path)
        work = records.work_of(row.work_dir)
        return None if work == records.NOWHERE else work

    # --- where things are ---------------------------------------------------------------

    def owner(self, first: str) -> str | None:
        """Whose a first folder of the archive is."""
        return self._owner(first)

    def in_archive(self, path: str, uri: str, caller: str) -> Located:
        """A path of the archive that *caller* may read. Raises :class:`Refusal` 403."""
        if "\0" in path:
            raise unreadable(uri)
        return self._in_archive(path, uri, caller)

    def in_workspace(self, path: str, uri: str) -> Located:
        """A path of the workspace, which need not exist. Raises :class:`Refusal` 403."""
        if "\0" in path:
            raise unreadable(uri)
        return self._in_workspace(path, uri)

    def _in_system(self, system: str, path: str, uri: str, caller: str) -> Located:
        if "\0" in path:
            raise unreadable(uri)
        if system == WORKSPACE:
            return self._in_workspace(path, uri)
        if system == ARCHIVE:
            return self._in_archive(path, uri, caller)
        raise unreadable(uri)

    def _in_workspace(self, path: str, uri: str) -> Located:
        parts = segments(path)
        if has_dot(parts):
            raise unreadable(uri)
        place = Located(
            self.workspace.joinpath(*parts), self.workspace, hides_dots=True, hidden=self.hidden
        )
        return _contained(place, uri)

    def _in_archive(self, path: str, uri: str, caller: str) -> Located:
        parts = segments(path)
        if not parts or has_dot(parts[:1]) or ".." in parts:
            raise unreadable(uri)
        jobs = [job for job in self._archived_along(parts) if self._may_read(job, caller)]
        if not jobs and self._owner(parts[0]) != caller:
            raise unreadable(uri)
        roots = [self.archive_folder(job.archive_path or "") for job in jobs]
        root = min(roots, key=lambda folder: len(folder.parts), default=self.archive / parts[0])
        return _contained(Located(self.archive.joinpath(*parts), Path(os.path.realpath(root))), uri)

    def _in_outputs(self, job_id: str, path: str, uri: str, caller: str) -> Located:
        row = self._jobs.job(job_id)
        if row is None or row.api != AGAVE or not row.visible or not self._may_read(row, caller):
            raise unreadable(uri)
        folder = self.data_folder(row)
        parts = segments(path)
        if folder is None or has_dot(parts):
            raise unreadable(uri)
        root = Path(os.path.realpath(folder))
        return _contained(Located(root.joinpath(*parts), root), uri)

    def _archived_along(self, parts: list[str]) -> Iterator[JobRow]:
        """The visible jobs whose archive path is *parts* or a folder above it."""
        owner = self._owner(parts[0])
        if owner is None:
            return
        above = tuple("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        for row in self._jobs.archived_at(above):
            if owner in (row.owner, NOBODY) and row.archive_system == ARCHIVE:
                yield row

    # --- who owns what ------------------------------------------------------------------

    def _owner(self, first: str) -> str | None:
        if first in self._jobs.users():
            return first
        try:
            return (self.archive / _OWNERS / first).read_text("utf-8") or None
        except OSError:
            return None

    def _claim(self, first: str, owner: str) -> str | None:
        if first == owner:
            return first
        if known := self._owner(first):
            return known
        folder = self.archive / _OWNERS
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with (folder / first).open("x", encoding="utf-8") as file:
                file.write(owner)
        except FileExistsError:
            pass
        return self._owner(first)

    def _reads(self, row: JobRow, user: str) -> bool:
        return reads(row, self._jobs.grants(row.id), user)


def reads(row: JobRow, grants: dict[str, str], user: str) -> bool:
    """Whether *user* may read *row*: the owner, else the first row in name order that is theirs
    or ``world`` decides (agave-v2 §5.1)."""
    if row.owner == user:
        return True
    for name in sorted(grants):
        if name in (user, "world"):
            word = grants[name].upper()
            return word.startswith("READ") or word == "ALL"
    return False


def _not_yours(path: str) -> Refusal:
    text = f"User does not have permission to access the provided archive path {path}"
    return Refusal(403, text)


def unreadable(uri: str) -> Refusal:
    """The refusal of an input that the caller may not read (agave-v2 §3.3)."""
    return Refusal(
        403, f"You do not have permission to access this the input file or directory at {uri}"
    )


def segments(path: str) -> list[str]:
    """The names of a path, without empty ones and ``.``."""
    return [part for part in PurePosixPath("/" + path).parts[1:] if part not in ("", "/", ".")]


def canonical(path: str) -> str:
    """A path in the one form it is stored in: no leading, doubled or trailing slash."""
    return "/".join(segments(path))


def has_dot(parts: Sequence[str]) -> bool:
    """Whether a name starts with a dot (``..`` included)."""
    return any(part.startswith(".") for part in parts)


def _below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _contained(place: Located, uri: str) -> Located:
    if "\0" in uri or not place.holds(place.path):
        raise unreadable(uri)
    return place
