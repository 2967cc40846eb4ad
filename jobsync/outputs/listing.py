"""Walk the outputs of a run. A service lists one folder at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from jobsync import filenames
from jobsync.backend import Reader
from jobsync.errors import Unreadable
from jobsync.model import RemoteFile
from jobsync.plan.output_rules import DEPTH_LIMIT
from jobsync.structs import Struct

ENTRY_LIMIT = 200_000
"""More entries than this are a mistake or an attack; a set that wants them splits its jobs."""

_SAME_LISTING_LIMIT = 4
"""Folders on one path that list exactly the same before the walk calls it a loop."""


class _Signature(Struct, frozen=True):
    """What a folder lists, to know it again: a digest of names, lengths and times."""

    digest: bytes
    has_folder: bool


def walk_outputs(
    reader: Reader, run_id: str, pool: Executor | None = None, *, limit: int = ENTRY_LIMIT
) -> tuple[RemoteFile, ...]:
    """Every output file of a run, sorted by path. The folders of one level are listed at once.

    The threads of *pool*, which several walks may share, list the folders. A folder in the result
    was *not* searched: its name is refused, it lies too deep, or it contains itself;
    :func:`jobsync.plan.output_rules.closed_reason` says which. Paths are joined from the requested
    folder and the entry's name; a path in the answer is ignored.

    Raises the reader's :class:`~jobsync.errors.ServiceError`, and
    :class:`~jobsync.errors.Unreadable` for more than *limit* entries.
    """
    if pool is None:
        with ThreadPoolExecutor(max_workers=max(1, reader.concurrency)) as own:
            return walk_outputs(reader, run_id, own, limit=limit)
    walk_state = _Walk(limit)
    level: list[tuple[str, tuple[_Signature, ...]]] = [("", ())]
    while level:
        listings = pool.map(lambda item: reader.files(run_id, item[0]), level)
        following: list[tuple[str, tuple[_Signature, ...]]] = []
        for (folder, above), entries in zip(level, listings, strict=True):
            following.extend(walk_state.enter(folder, above, entries))
        level = following
    return walk_state.found()


class _Walk:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._files: dict[str, RemoteFile] = {}
        self._looping: set[str] = set()

    def enter(
        self, folder: str, above: tuple[_Signature, ...], entries: Sequence[RemoteFile]
    ) -> Iterator[tuple[str, tuple[_Signature, ...]]]:
        """Take in one listing and give the folders to look into next."""
        self._count += len(entries)
        if self._count > self._limit:
            raise too_many_entries(self._limit)
        chain = (*above, _signature(folder, entries))
        if _is_loop(chain):
            self._looping.add(_first_repeat(folder, chain))
            return
        for entry in entries:
            if not entry.is_folder and not _is_foreign(folder, entry):
                self._files[entry.path] = entry
            elif _is_foreign(folder, entry) or not _may_enter(entry):
                self._files[entry.path] = _closed(entry)
            else:
                yield entry.path, chain

    def found(self) -> tuple[RemoteFile, ...]:
        """All that was found; of a loop only its first round, and the folder that closes it."""
        kept = {
            path: file
            for path, file in self._files.items()
            if not any(path == top or path.startswith(f"{top}/") for top in self._looping)
        }
        for top in self._looping:
            kept[top] = RemoteFile(top, 0, "", is_folder=True)
        return tuple(kept[path] for path in sorted(kept))


def too_many_entries(limit: int) -> Unreadable:
    """The message for outputs with more than *limit* entries."""
    return Unreadable(
        f"the outputs have more than {limit:,} entries",
        hint="have the job pack its files into an archive, or split the job",
    )


def _signature(folder: str, entries: Sequence[RemoteFile]) -> _Signature:
    start = len(folder) + 1 if folder else 0
    found = hashlib.sha256()
    for one in sorted(entries, key=lambda entry: entry.path):
        said = (one.path[start:], one.length, one.last_modified, one.is_folder)
        found.update(repr(said).encode("utf-8", "backslashreplace"))
    return _Signature(found.digest(), any(entry.is_folder for entry in entries))


def _is_loop(chain: tuple[_Signature, ...]) -> bool:
    """Names, sizes and times of a folder that holds folders are those of several above it."""
    return chain[-1].has_folder and chain.count(chain[-1]) >= _SAME_LISTING_LIMIT


def _first_repeat(folder: str, chain: tuple[_Signature, ...]) -> str:
    """The highest folder on the way to *folder* that lists what a folder above it lists."""
    first = chain.index(chain[-1])
    depth = chain.index(chain[-1], first + 1)
    return "/".join(folder.split("/")[:depth])


def _may_enter(entry: RemoteFile) -> bool:
    return not filenames.refusal(entry.path) and entry.path.count("/") + 1 <= DEPTH_LIMIT


def _is_foreign(folder: str, entry: RemoteFile) -> bool:
    """Whether an entry's name has a slash in it, which no file's name has."""
    prefix = f"{folder}/" if folder else ""
    return not entry.path.startswith(prefix) or "/" in entry.path[len(prefix) :]


def _closed(entry: RemoteFile) -> RemoteFile:
    return RemoteFile(entry.path, entry.length, entry.last_modified, is_folder=True)
