"""The place of one file below the outputs' root, reached without following any link.

Every step below the root is opened relative to the folder before it and with ``O_NOFOLLOW``, so a
link planted in the destination, also between two calls, leads nowhere. A download goes to a
hidden ``.part`` file beside its final name, with a sidecar that says what it is a part of.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from jobsync.atomic_files import replace_file, sync_folder
from jobsync.errors import SettingsError
from jobsync.locks import take_lock
from jobsync.outputs.failures import FOLDER_GONE, FileFailed, write_failed
from jobsync.structs import Struct, asdict

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_BELOW = _FOLDER | os.O_NOFOLLOW
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_SIDECAR_LIMIT = 64 * 1024
_BESIDE = "another jobsync is fetching it"


class Origin(Struct, frozen=True):
    """The file of which a part file is a part. ``sha256`` is set once it is complete and
    verified."""

    job_id: str
    path: str
    length: int
    last_modified: str
    boot: str = ""
    sha256: str = ""


class PartMark(Struct, frozen=True):
    """What identifies a part file that was left behind; a file with another mark is not ours."""

    inode: int
    size: int
    modified_ns: int


class OutputsRoot:
    """The outputs' root, held open. The user chooses the root itself, so it may be a link.

    Raises :class:`FileFailed` when a folder below it is replaced while files are written to it.
    """

    def __init__(self, folder: str) -> None:
        self._first: dict[str, os.stat_result] = {}
        try:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(folder, _FOLDER)
        except OSError as error:
            raise SettingsError(f"outputs cannot go to {folder}: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._handle)

    def __enter__(self) -> OutputsRoot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def free_bytes(self) -> int:
        """The bytes that an ordinary user may still write there."""
        found = os.fstatvfs(self._handle)
        return found.f_bavail * found.f_frsize

    @contextlib.contextmanager
    def place(self, to: str) -> Iterator[OutputFile]:
        """The place *to*; missing folders are made with mode 0700.

        Raises :class:`FileFailed`, also when its folder was replaced since it was last opened.
        """
        folder, _, name = to.rpartition("/")
        try:
            handle = self._opened(folder, make=True)
            try:
                found = os.fstat(handle)
                if not os.path.samestat(self._first.setdefault(folder, found), found):
                    raise FileFailed(FOLDER_GONE)
                yield OutputFile(handle, name)
            finally:
                os.close(handle)
        except OSError as error:
            raise write_failed(error) from error

    def sync(self, folder: str) -> None:
        """Write the names in *folder* to the disk. No place in it may be open.

        Raises :class:`FileFailed` when the folder was replaced since places were opened in it.
        """
        first = self._first.pop(folder)
        try:
            handle = self._opened(folder, make=False)
            try:
                if not os.path.samestat(first, os.fstat(handle)):
                    raise FileFailed(FOLDER_GONE)
                sync_folder(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise write_failed(error) from error

    def _opened(self, folder: str, *, make: bool) -> int:
        first, *rest = folder.split("/")
        handle = _enter(self._handle, first, make=make) if first else os.dup(self._handle)
        for name in rest:
            try:
                below = _enter(handle, name, make=make)
            finally:
                os.close(handle)
            handle = below
        return handle


class OutputFile:
    """A name in an open folder, with its part file and its sidecar. Its methods raise
    :class:`OSError`."""

    def __init__(self, folder: int, name: str) -> None:
        self._folder = folder
        self._name = name
        # Not made of the name itself: that may be as long as a name can be.
        stem = f".jobsync-{hashlib.sha256(name.encode()).hexdigest()[:20]}"
        self._part, self._sidecar = f"{stem}.part", f"{stem}.json"

    def existing(self) -> os.stat_result | None:
        """The regular file under the final name; None when there is none.

        Raises :class:`FileFailed` for anything that is not a regular file.
        """
        found = self._lstat(self._name)
        if found is None or stat.S_ISREG(found.st_mode):
            return found
        raise FileFailed(f"{_kind(found.st_mode)} with this name is in the way; move it away")

    def open_final(self) -> int:
        """Open the file under the final name for reading."""
        return self._open_regular(self._name, os.O_RDONLY)

    def part_size(self) -> int:
        """Bytes in the part file, -1 when there is none."""
        found = self._lstat(self._part)
        return found.st_size if found and stat.S_ISREG(found.st_mode) else -1

    @contextlib.contextmanager
    def open_part(self) -> Iterator[int]:
        """Open the part file. It is made anew unless it is a plain file that only we have."""
        handle = self._own_part()
        try:
            if not take_lock(handle):
                raise FileFailed(_BESIDE)
            # Another jobsync may just have given it its final name: it is not to be written to.
            named = self._lstat(self._part)
            if named is None or not os.path.samestat(named, os.fstat(handle)):
                raise FileFailed(_BESIDE)
            yield handle
        finally:
            os.close(handle)

    def origin(self) -> Origin | None:
        """What the sidecar says; None when there is none, or none that can be read."""
        try:
            handle = self._open_regular(self._sidecar, os.O_RDONLY)
        except (OSError, FileFailed):
            return None
        with os.fdopen(handle, "rb") as file:
            data = file.read(_SIDECAR_LIMIT)
        try:
            return Origin(**json.loads(data))
        except (ValueError, TypeError):
            return None

    def write_origin(self, origin: Origin) -> None:
        """Write the sidecar in one step: whole or not at all."""
        text = json.dumps(asdict(origin))
        replace_file(self._sidecar, [text.encode()], folder=self._folder)

    def commit(self, mark: PartMark) -> None:
        """Give the part file its final name in one step. Call :meth:`existing` first."""
        found = self._lstat(self._part)
        if found is None or mark_of(found) != mark:
            raise FileFailed("another program changed its part file; apply again")
        os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def drop_final(self) -> None:
        """Remove the file under the final name."""
        self._unlink(self._name)

    def drop_part(self) -> None:
        """Remove the part file and its sidecar."""
        self._unlink(self._part)
        self.drop_origin()

    def drop_origin(self) -> None:
        """Remove the sidecar, if there is one."""
        # Looked for first: removing what is not there holds up everyone else in the folder.
        if self._lstat(self._sidecar) is not None:
            self._unlink(self._sidecar)

    def _own_part(self) -> int:
        try:
            return self._new_part()
        except FileExistsError:
            found = self._lstat(self._part)
        if found is not None and not _is_ours(found):
            self._unlink(self._part)
            found = None
        if found is None:
            return self._new_part()
        handle = os.open(self._part, _FILE, dir_fd=self._folder)
        if not _is_ours(os.fstat(handle)):
            os.close(handle)
            raise FileFailed("another program changed its part file; apply again")
        return handle

    def _new_part(self) -> int:
        return os.open(self._part, _FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder)

    def _open_regular(self, name: str, access: int) -> int:
        flags = access | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(name, flags, dir_fd=self._folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise FileFailed("is not a plain file")
        return handle

    def _lstat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def mark_of(found: os.stat_result) -> PartMark:
    """The mark by which a part file is recognised later."""
    return PartMark(found.st_ino, found.st_size, found.st_mtime_ns)


def _enter(parent: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, _BELOW, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        return os.open(name, _BELOW, dir_fd=parent)


def _is_ours(found: os.stat_result) -> bool:
    """A plain file with no second name (a hard link elsewhere would be written through)."""
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_nlink == 1
        and found.st_uid == os.geteuid()
        and stat.S_IMODE(found.st_mode) & 0o177 == 0
    )


def _kind(mode: int) -> str:
    for test, word in (
        (stat.S_ISLNK, "a symlink"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return word
    return "a device"
