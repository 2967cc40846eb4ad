"""How a single file can go wrong: exceptions that never leave this package."""

from __future__ import annotations

import errno

from jobsync.errors import JobsyncError

FOLDER_GONE = "its folder was moved or removed meanwhile; apply again"


class FileFailed(JobsyncError):
    """This file cannot be fetched. The message is the reason, without the name of the file."""


class FileChanged(JobsyncError):
    """The file on the service is no longer the one that was listed: list it again."""


class Interrupted(JobsyncError):
    """The caller asked to stop. The bytes received so far are kept."""


def write_failed(error: OSError) -> FileFailed:
    """The message for an error of the local file system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FileFailed(
            "no space left on the disk; what has arrived is kept: free some space and apply again"
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return FileFailed("a symlink or a file is in the way of a folder; move it away")
    if error.errno == errno.ENOENT:
        return FileFailed(FOLDER_GONE)
    return FileFailed(f"cannot be written: {error.strerror}")
