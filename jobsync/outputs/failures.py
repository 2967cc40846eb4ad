"""How a single file can go wrong: exceptions that never leave this package."""

from __future__ import annotations

import errno

from jobsync.errors import JobsyncError

FOLDER_GONE = "its folder was moved or removed meanwhile; apply again"


class FileFailed(JobsyncError):
    """This file cannot be fetched; its message is the reason, without the file's name."""


class FileChanged(JobsyncError):
    """The service's file is not the one that was listed; ask for the listing again."""


class Interrupted(JobsyncError):
    """The caller asked to stop; what has come is kept."""


def write_failed(error: OSError) -> FileFailed:
    """The words for an error of the file system on our side."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FileFailed(
            "no space left on the disk; what has arrived is kept: free some space and apply again"
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return FileFailed("a symlink or a file is in the way of a folder; move it away")
    if error.errno == errno.ENOENT:
        return FileFailed(FOLDER_GONE)
    return FileFailed(f"cannot be written: {error.strerror}")
