"""The one way in to folders and files of state: nobody else's, and never through a link.

Another user of the machine may have put a link, a file or a folder where ours is looked for, and a
checkout may contain one. What is opened here is a real folder or a plain file of this user, which
nobody else can write. Every refusal is an :class:`OSError` that says in words what is wrong.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from jobsync.atomic_files import sync_folder

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPrivate(OSError):
    """Somebody else could have written it: ``strerror`` says why. ``writable``: they can now."""

    def __init__(self, reason: str, path: str | Path, *, writable: bool = False) -> None:
        super().__init__(errno.EPERM, reason, str(path))
        self.writable = writable


def open_private_folder(path: Path, *, make: bool = True) -> int:
    """The folder *path*, made (0700) with those above it where *make* and it is missing.

    Raises :class:`OSError`, :class:`NotPrivate` for one that is not this user's alone.
    """
    made = False
    if make:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            made = True
    descriptor = _opened(path, _FOLDER)
    if made:
        above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_folder(above)
        finally:
            os.close(above)
    return descriptor


def make_private_folders(path: Path) -> None:
    """Make the folder *path* and those above it that are missing, each for its owner alone.

    Raises :class:`OSError`.
    """
    missing = [path]
    while not (above := missing[-1].parent).exists():
        missing.append(above)
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def open_private_file(
    path: str | Path, access: int = os.O_RDONLY, *, folder: int | None = None, make: bool = False
) -> int:
    """The plain file *path*, made (0600) where *make* and it is missing; *access* as for ``open``.

    *path* is relative to the open *folder* where that is given. Raises as above.
    """
    try:
        return _opened(path, access | _FILE, folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):  # made by another process just now
        new = os.open(path, access | _FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        if folder is not None:
            sync_folder(folder)
        return new
    return _opened(path, access | _FILE, folder)


def read_private_file(path: str | Path, limit: int, *, folder: int | None = None) -> bytes:
    """The first *limit* bytes of a file. Raises as above."""
    with os.fdopen(open_private_file(path, folder=folder), "rb") as file:
        return file.read(limit)


def _opened(path: str | Path, flags: int, folder: int | None = None) -> int:
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except OSError as error:
        if _is_link(path, folder):
            raise NotPrivate("it is a symbolic link", path) from error
        raise
    try:
        _check(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check(found: os.stat_result, path: str | Path) -> None:
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise NotPrivate("it is not a regular file", path)
    if found.st_uid != os.geteuid():
        raise NotPrivate("it belongs to another user", path)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPrivate("other users can write it", path, writable=True)
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise NotPrivate("it has a second name elsewhere", path)


def _is_link(path: str | Path, folder: int | None) -> bool:
    try:
        return stat.S_ISLNK(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
