"""Files that are written whole or not at all.

The content goes to a draft beside the file, which then takes the file's name in one step: whoever
reads the file sees the old content or the new one. A draft is always created, never opened, so
that no link is followed and nobody else's file is written into. It is locked while it is written;
one that is not locked was left by a process that was killed, and the next writer removes it. A link
at *path* itself is replaced, not followed: resolve the path first where that is meant.

*path* is relative to *folder*, the descriptor of an open folder, where that is given, and is then
a bare name.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from jobsync.locks import take_lock

PRIVATE = 0o600
ORDINARY = 0o666
"""The mode of a file that is not private: what the user's umask leaves of it."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def replace_file(
    path: str | Path, chunks: Iterable[bytes], *, mode: int = PRIVATE, folder: int | None = None
) -> int:
    """Write *chunks* to *path*; how many bytes that was.

    Nothing is flushed to the disk: after a power cut the file may be the old one, or empty.
    Raises :class:`OSError`, and whatever *chunks* raises; *path* is then what it was.
    """
    with _draft(path, mode, folder) as draft:
        size = _write(draft.file, chunks)
        _rename(draft)
    return size


def replace_file_durably(
    path: str | Path, chunks: Iterable[bytes], *, mode: int = PRIVATE, folder: int | None = None
) -> int:
    """As :func:`replace_file`, and on the disk, name and content, when it returns."""
    with _draft(path, mode, folder) as draft:
        size = _write(draft.file, chunks)
        os.fsync(draft.file)
        _rename(draft)
        sync_folder(draft.folder)
    return size


def create_file(
    path: str | Path, chunks: Iterable[bytes], *, mode: int = PRIVATE, folder: int | None = None
) -> int:
    """As :func:`replace_file`; raises :class:`FileExistsError` when anything is at *path*."""
    with _draft(path, mode, folder) as draft:
        size = _write(draft.file, chunks)
        # Unlike a rename, a second name for the draft is refused where the name is taken.
        os.link(draft.name, draft.final, src_dir_fd=draft.folder, dst_dir_fd=draft.folder)
    return size


def check_replaceable(path: str | Path) -> None:
    """Raise the :class:`OSError` that creating a file beside *path* gives, if it gives one."""
    with _draft(path, PRIVATE, None):
        pass


def sync_folder(folder: int) -> None:
    """Flush the names in an open folder to the disk, where its file system can do that."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


class _Draft(NamedTuple):
    """An open draft and the name it is to take, both in the open folder *folder*."""

    file: int
    folder: int
    name: str
    final: str


@contextmanager
def _draft(path: str | Path, mode: int, folder: int | None) -> Iterator[_Draft]:
    parent, final = os.path.split(path)
    opened = os.open(parent or ".", _FOLDER) if folder is None else os.dup(folder)
    try:
        draft = _open_draft(opened, final, mode)
        try:
            yield draft
        finally:
            with suppress(OSError):  # after a rename the name is gone, or another writer's
                if _is_named(draft.file, opened, draft.name):
                    os.unlink(draft.name, dir_fd=opened)
            os.close(draft.file)
    finally:
        os.close(opened)


def _open_draft(folder: int, final: str, mode: int) -> _Draft:
    """The first free draft of *final*. Names count up, so that what was left behind is met again;
    they are not made of the name itself, which may be as long as a name can be."""
    stem = f".jobsync-{hashlib.sha256(os.fsencode(final)).hexdigest()[:20]}"
    for number in itertools.count():
        name = f"{stem}.{number}.part"
        _remove_abandoned(folder, name)
        try:
            file = os.open(name, _NEW, mode, dir_fd=folder)
        except FileExistsError:  # another writer is at it
            continue
        if _keeps(file):
            return _Draft(file, folder, name, final)
        os.close(file)
    raise AssertionError("counting does not end")


def _keeps(file: int) -> bool:
    """Whether a new draft is ours: a writer that came before we locked it took it for abandoned."""
    try:
        return take_lock(file) and os.fstat(file).st_nlink > 0
    except OSError:  # a file system without locks, where nobody removes abandoned drafts either
        return True


def _remove_abandoned(folder: int, name: str) -> None:
    with suppress(OSError):  # mostly there is none; and one that cannot be removed is left
        file = os.open(name, _LOOK, dir_fd=folder)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return
            # The name may have gone to a new draft since. While we hold the lock, it cannot.
            if take_lock(file) and _is_named(file, folder, name):
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(file)


def _is_named(file: int, folder: int, name: str) -> bool:
    """Whether *name* in *folder* is still that of the open *file*."""
    there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return os.path.samestat(os.fstat(file), there)


def _write(file: int, chunks: Iterable[bytes]) -> int:
    size = 0
    for chunk in chunks:
        left = memoryview(chunk)
        while left:
            left = left[os.write(file, left) :]
        size += len(chunk)
    return size


def _rename(draft: _Draft) -> None:
    os.rename(draft.name, draft.final, src_dir_fd=draft.folder, dst_dir_fd=draft.folder)
