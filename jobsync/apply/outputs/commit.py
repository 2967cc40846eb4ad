"""The last step of a download: the final name, and what may already stand there."""

from __future__ import annotations

import os

from jobsync.apply.outputs.destination import Origin, Place
from jobsync.apply.outputs.download import OVERLAP, Wanted, Whole
from jobsync.apply.outputs.failure import FileFailed
from jobsync.apply.outputs.hashing import sha256_of
from jobsync.apply.outputs.ledger import Record

_NOT_OURS = "a file that jobsync did not fetch has its place; move it away"


def already_here(place: Place, wanted: Wanted, ledger: Record) -> str | None:
    """The SHA-256 of the file under the final name when it is exactly *wanted*, else None.

    That is so when the lock file says so, or when a run was killed between giving the file its
    name and recording it. Raises :class:`FileFailed` when something stands there that must not be
    replaced.
    """
    found = place.existing()
    if found is None:
        return None
    if (line := ledger.line(wanted.to)) is not None:
        recorded = (line.job_id, line.path, line.size)
        if recorded != (wanted.job_id, wanted.path, wanted.length) or found.st_size != line.size:
            return None
        return line.sha256 if _final_digest(place, line.size) == line.sha256 else None
    origin = place.origin()
    if origin and origin.sha256 and _is_content(place, found.st_size, origin):
        if _is_of(origin, wanted):
            return origin.sha256
        place.drop_final()
    elif found.st_size != wanted.length:
        raise FileFailed(_NOT_OURS)
    return None


def commit(place: Place, whole: Whole, ledger: Record) -> None:
    """Give a whole and checked part its final name. What jobsync did not fetch stays."""
    wanted = whole.wanted
    found = place.existing()
    if found is not None and ledger.line(wanted.to) is None:
        same_size = found.st_size == wanted.length
        if not (same_size and _final_digest(place, wanted.length) == whole.sha256):
            raise FileFailed(_NOT_OURS)
    if wanted.length > OVERLAP:
        place.write_origin(
            Origin(
                wanted.job_id,
                wanted.path,
                wanted.length,
                wanted.last_modified,
                sha256=whole.sha256,
            )
        )
    place.commit(whole.mark)


def _is_content(place: Place, size: int, origin: Origin) -> bool:
    return size == origin.length and _final_digest(place, size) == origin.sha256


def _is_of(origin: Origin, wanted: Wanted) -> bool:
    return (origin.job_id, origin.path, origin.length, origin.last_modified) == (
        wanted.job_id,
        wanted.path,
        wanted.length,
        wanted.last_modified,
    )


def _final_digest(place: Place, size: int) -> str:
    handle = place.open_final()
    try:
        return sha256_of(handle, size)
    finally:
        os.close(handle)
