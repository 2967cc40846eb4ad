"""The last step of a download: the final name, and what may already stand there."""

from __future__ import annotations

import os
from collections.abc import Collection

from jobsync.outputs.destination import Origin, OutputFile
from jobsync.outputs.download import OVERLAP, WantedFile, WholePart
from jobsync.outputs.failures import FileFailed
from jobsync.outputs.fetch_record import FetchRecord
from jobsync.outputs.hashing import sha256_of

_NOT_OURS = "a file that jobsync did not fetch is in the way; move it away"
_OF_ANOTHER_TARGET = (
    "a file of run {run}, which belongs to another target, is in the way; move it away, or fetch "
    "to another folder"
)
_EDITED = (
    "was edited here after jobsync fetched it, so jobsync keeps it; move it away and try again"
)


def already_here(place: OutputFile, wanted: WantedFile, ledger: FetchRecord) -> str | None:
    """The SHA-256 of the file under the final name when it is exactly *wanted*, else None.

    It is *wanted* when the lock file says so, or when a run was killed after it had named the file
    and before it recorded it. Raises :class:`FileFailed` when something else stands there that must
    not be replaced.
    """
    found = place.existing()
    if found is None:
        return None
    if lines := ledger.lines(wanted.to):
        known = ledger.recorded(wanted.job_id, wanted.path)
        if not known:
            return None
        digest = _digest_of_final(place, found.st_size, {line.size for line in (*lines, *known)})
        if digest in {line.sha256 for line in known}:
            return digest if found.st_size == wanted.length else None
        if digest not in {line.sha256 for line in lines}:
            raise FileFailed(_EDITED)
        return None
    origin = place.origin()
    if origin and origin.sha256 and _is_content(place, found.st_size, origin):
        if _is_of(origin, wanted):
            return origin.sha256
        place.drop_final()
    elif found.st_size != wanted.length:
        raise FileFailed(_in_the_way(wanted, ledger))
    return None


def commit(place: OutputFile, whole: WholePart, ledger: FetchRecord) -> None:
    """Give a complete and verified part file its final name.

    Raises :class:`FileFailed` when the lock file records other content for this file of this run,
    and when another file stands in its place. An existing file is replaced only while its content
    is what a line of the lock file says that jobsync fetched to that place.
    """
    wanted = whole.wanted
    known = {line.sha256 for line in ledger.recorded(wanted.job_id, wanted.path)}
    if known and whole.sha256 not in known:
        place.drop_part()
        raise FileFailed(_other_content(sorted(known)[0], whole.sha256))
    found = place.existing()
    if found is not None:
        lines = ledger.lines(wanted.to)
        sizes = {wanted.length, *(line.size for line in lines)}
        digest = _digest_of_final(place, found.st_size, sizes)
        if digest not in {whole.sha256, *(line.sha256 for line in lines)}:
            raise FileFailed(_EDITED if lines else _in_the_way(wanted, ledger))
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


def _in_the_way(wanted: WantedFile, ledger: FetchRecord) -> str:
    run = ledger.of_others(wanted.to)
    return _OF_ANOTHER_TARGET.format(run=run) if run else _NOT_OURS


def _other_content(recorded: str, found: str) -> str:
    return (
        f"has the SHA-256 {found} on the service, but jobsync.lock recorded {recorded} for this"
        " run: it was changed there. To accept the new content, delete its line from "
        "jobsync.lock and apply again; to produce it again, run the job with rerun:"
    )


def _digest_of_final(place: OutputFile, size: int, sizes: Collection[int]) -> str:
    """The SHA-256 of the file under the final name; empty when its *size* is none of *sizes*."""
    return _final_digest(place, size) if size in sizes else ""


def _is_content(place: OutputFile, size: int, origin: Origin) -> bool:
    return size == origin.length and _final_digest(place, size) == origin.sha256


def _is_of(origin: Origin, wanted: WantedFile) -> bool:
    return (origin.job_id, origin.path, origin.length, origin.last_modified) == (
        wanted.job_id,
        wanted.path,
        wanted.length,
        wanted.last_modified,
    )


def _final_digest(place: OutputFile, size: int) -> str:
    handle = place.open_final()
    try:
        return sha256_of(handle, size)
    finally:
        os.close(handle)
