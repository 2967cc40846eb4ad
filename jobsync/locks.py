"""Locks of the kernel on files (``flock``): free again however their holder ends.

Called here rather than through a library, because what must not happen is that a file system
without them is taken for one on which nobody holds any.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two looks at a lock that is taken; each is twice the one before."""
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_MISSING = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class LockTaken(Exception):
    """Somebody else holds it."""


@contextmanager
def file_lock(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of *path*, a file that is made where there is none and stays.

    Raises :class:`LockTaken` when another holder, in this process or any, has not let go within
    *patience* seconds, and :class:`OSError` where nothing can be locked.
    """
    with _held(os.open(path, _FLAGS, 0o600), path, patience):
        yield


@contextmanager
def folder_lock(path: Path, patience: float = 0.0) -> Iterator[None]:
    """As :func:`file_lock`, on a folder itself: no file is left in it."""
    with _held(os.open(path, _FOLDER_FLAGS), path, patience):
        yield


@contextmanager
def _held(descriptor: int, path: Path, patience: float) -> Iterator[None]:
    try:
        deadline = time.monotonic() + patience
        pause = _FIRST_PAUSE
        while not _taken(descriptor, path):
            if time.monotonic() >= deadline:
                raise LockTaken(str(path))
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            yield
        finally:
            # Closing is not enough: a process that is being started has the descriptor for a moment
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, path: Path) -> bool:
    try:
        return take_lock(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def take_lock(descriptor: int) -> bool:
    """Take the lock of an open file at once; False when somebody else has it.

    Closing the file lets go of it. Raises :class:`OSError` where nothing can be locked.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        reason = os.strerror(error.errno or 0)
        if error.errno in _MISSING:
            reason = f"its file system has no file locks: {reason}"
        raise OSError(error.errno, reason) from error
    return True
