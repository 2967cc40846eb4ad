"""The text of ``jobsync.lock``: which output files were fetched from which run, with what content.

Floor 1, pure. For git: one line a file, tab-separated and sorted, so that two branches that fetched
different jobs merge. After the header line:

    file    ADDRESS  TO  PATH  JOB-ID  SIZE  SHA256
    old     ADDRESS  TO  PATH  JOB-ID  SIZE  SHA256    (left there by an earlier run)
    expect  ADDRESS  JOB-ID                            (its ``expect`` was met)
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from sys import intern

from jobsync import filenames
from jobsync.errors import Location, ManifestError, Problem
from jobsync.model import Address, FetchedFile
from jobsync.structs import Struct

HEADER = "# jobsync.lock 1: what was fetched; written by jobsync, commit it"

LARGEST = 256 * 1024 * 1024
"""Bytes of a lock file that are read: a million files have fewer."""

_FILE_KINDS = ("file", "old")
_FIELDS = 6

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[^\s\x00-\x1f\x7f]{1,255}")
_MERGE_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


class Lock(Struct, frozen=True):
    """The content of a lock file. All parts are sets in meaning; files are sorted.

    ``old`` are files that jobsync put where they lie, and that the present run did not make.
    """

    files: tuple[FetchedFile, ...] = ()
    expectations: frozenset[tuple[Address, str]] = frozenset()
    old: tuple[FetchedFile, ...] = ()


def parse(data: bytes, path: str) -> Lock:
    """Take the text of a lock file apart. *path* is for messages."""
    files: dict[str, set[FetchedFile]] = {kind: set() for kind in _FILE_KINDS}
    expectations: set[tuple[Address, str]] = set()
    problems: list[Problem] = []
    # Line by line: such a file may be long, and a copy of all of it in each form adds up.
    for number, raw in enumerate(io.BytesIO(data), start=1):
        try:
            line = raw.decode("utf-8").removesuffix("\n")
        except UnicodeDecodeError as error:
            problem = Problem(Location(path, number, 1), "is not UTF-8", "restore it from git")
            raise ManifestError([problem]) from error
        if not line or line.startswith("#"):
            continue
        try:
            kind, *fields = line.removesuffix("\r").split("\t")
            if kind in files:
                files[kind].add(_parse_file(fields))
            else:
                expectations.add(_parse_expectation(kind, fields))
        except ValueError as error:
            problems.append(Problem(Location(path, number, 1), str(error), _hint(line)))
    if problems:
        raise ManifestError(problems)
    return Lock(
        tuple(sorted(files["file"], key=_order)),
        frozenset(expectations),
        elsewhere(sorted(files["old"], key=_order), files["file"]),
    )


def render(lock: Lock) -> str:
    """The text of a lock file: the same content gives the same bytes."""
    return "".join(lines(lock))


def lines(lock: Lock) -> Iterator[str]:
    """The lines of :func:`render`, each with its end."""
    yield f"{HEADER}\n"
    for kind, files in (("file", lock.files), ("old", lock.old)):
        for order, _ in groupby(sorted(map(_order, files))):
            address, to, path, job_id, size, sha256 = order
            yield f"{kind}\t{address}\t{to}\t{path}\t{job_id}\t{size}\t{sha256}\n"
    for address, job_id in sorted(lock.expectations):
        yield f"expect\t{address}\t{job_id}\n"


def destinations(data: bytes) -> Iterator[tuple[int, str]]:
    """The line number and the ``to`` of every file that the text of a lock file names.

    Also of a text with damaged lines, which name nothing.
    """
    for number, raw in enumerate(io.BytesIO(data), start=1):
        line = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        kind, *fields = line.split("\t")
        if kind in _FILE_KINDS and len(fields) == _FIELDS:
            yield number, fields[1]


def elsewhere(
    files: Iterable[FetchedFile], others: Iterable[FetchedFile]
) -> tuple[FetchedFile, ...]:
    """Those of *files* whose places are not those of *others*, in their order."""
    found = tuple(files)
    if not found:  # mostly so of old ones, and the others may be many
        return ()
    taken = {filenames.collision_key(file.to) for file in others}
    return tuple(file for file in found if filenames.collision_key(file.to) not in taken)


def _parse_expectation(kind: str, fields: list[str]) -> tuple[Address, str]:
    if kind != "expect" or len(fields) != 2:
        raise ValueError("is not a line of a lock file")
    address, job_id = fields
    _require(_WORD.fullmatch(address) and _WORD.fullmatch(job_id), "an address and a job id")
    return address, job_id


def _parse_file(fields: list[str]) -> FetchedFile:
    if len(fields) != _FIELDS:
        raise ValueError("is not a line of a lock file")
    address, to, path, job_id, size, digest = fields
    _require(_WORD.fullmatch(address), "an address in the second field")
    _require(_WORD.fullmatch(job_id), "a job id in the fifth field")
    _require(_SIZE.fullmatch(size), "a size in bytes in the sixth field")
    _require(_SHA256.fullmatch(digest), "a SHA-256 in the last field")
    if why := filenames.destination_refusal(to):
        raise ValueError(f"names a file that {why}")
    # Thousands of lines have the same address and job.
    return FetchedFile(intern(address), intern(job_id), path, to, int(size), digest)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(f"needs {what}")


def _hint(line: str) -> str:
    if line.startswith(_MERGE_MARKS):
        return "a merge conflict: keep the lines of both sides and delete the marks"
    return "restore the file from git, or delete the line to fetch again"


def _order(file: FetchedFile) -> tuple[str, str, str, str, int, str]:
    return file.address, file.to, file.path, file.job_id, file.size, file.sha256
