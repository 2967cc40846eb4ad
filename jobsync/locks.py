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

_LOOK_AGAIN = 0.05
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_MISSING = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class LockTaken(Exception):
    """Somebody else holds it."""


@contextmanager
def file_lock(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of *path*, a file that is made where there is none and stays.

    Raises :class:`LockTaken` when another holder, in this process or any, has not let go within
    *patience* seconds, and :class:`OSError` where nothing can be locked.
    """
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _take(descriptor, path):
            if time.monotonic() >= deadline:
                raise LockTaken(str(path))
            time.sleep(_LOOK_AGAIN)
        try:
            yield
        finally:
            # Closing is not enough: a process that is being started has the descriptor for a moment
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        reason = os.strerror(error.errno or 0)
        if error.errno in _MISSING:
            reason = f"its file system has no file locks: {reason}"
        raise OSError(error.errno, reason, str(path)) from error
    return True
