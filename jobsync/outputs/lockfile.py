"""``jobsync.lock``: which output files were fetched from which run, and with what content.

Text for git: one line a file, tab-separated and sorted, so that two branches that fetched
different jobs merge. After the header line:

    file    ADDRESS  TO  PATH  JOB-ID  SIZE  SHA256
    old     ADDRESS  TO  PATH  JOB-ID  SIZE  SHA256    (left there by an earlier run)
    expect  ADDRESS  JOB-ID                            (its ``expect`` was met)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from jobsync import names
from jobsync.errors import Location, ManifestError, Problem, SettingsError
from jobsync.model import Address, FetchedFile, Presence
from jobsync.records import Struct, replace

NAME = names.LOCKFILE
HEADER = "# jobsync.lock 1: what was fetched; written by jobsync, commit it"

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


def load(root: str, outputs_root: str) -> Lock:
    """Read the lock file of the set at *root*; an absent one is empty.

    ``presence`` of each file says what lies at ``to`` below *outputs_root*; content is not read.
    Raises :class:`~jobsync.errors.ManifestError` with the place of every damaged line.
    """
    lock = read(root)
    return replace(lock, files=tuple(_with_presence(outputs_root, file) for file in lock.files))


def read(root: str) -> Lock:
    """As :func:`load`, without looking at the fetched files."""
    path = Path(root) / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    return parse(data, str(path))


def parse(data: bytes, path: str) -> Lock:
    """Take the text of a lock file apart. *path* is for messages."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        bad_line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(Location(path, bad_line, 1), "is not UTF-8", "restore it from git")
        raise ManifestError([problem]) from error
    files: dict[str, set[FetchedFile]] = {"file": set(), "old": set()}
    expectations: set[tuple[Address, str]] = set()
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
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
        _elsewhere(sorted(files["old"], key=_order), files["file"]),
    )


def render(lock: Lock) -> str:
    """The text of a lock file: the same content gives the same bytes."""
    lines = [
        "\t".join((kind, f.address, f.to, f.path, f.job_id, str(f.size), f.sha256))
        for kind, files in (("file", lock.files), ("old", lock.old))
        for f in sorted(set(files), key=_order)
    ]
    lines += ["\t".join(("expect", *pair)) for pair in sorted(lock.expectations)]
    return "\n".join([HEADER, *lines, ""])


def update(root: str, change: Callable[[Lock], Lock]) -> Lock:
    """Read, change and write the lock file as one step, also against other processes.

    Nothing is written when nothing changed. The file is replaced whole or not at all.
    """
    with _exclusive(root):
        before = read(root)
        after = change(before)
        if _sets(after) != _sets(before):
            _replace(root, render(after).encode("utf-8"))
    return after


def _sets(lock: Lock) -> tuple[object, ...]:
    return set(lock.files), set(lock.old), lock.expectations


def _parse_expectation(kind: str, fields: list[str]) -> tuple[Address, str]:
    if kind != "expect" or len(fields) != 2:
        raise ValueError("is not a line of a lock file")
    address, job_id = fields
    _require(_WORD.fullmatch(address) and _WORD.fullmatch(job_id), "an address and a job id")
    return address, job_id


def _parse_file(fields: list[str]) -> FetchedFile:
    if len(fields) != 6:
        raise ValueError("is not a line of a lock file")
    address, to, path, job_id, size, digest = fields
    _require(_WORD.fullmatch(address), "an address in the second field")
    _require(_WORD.fullmatch(job_id), "a job id in the fifth field")
    _require(_SIZE.fullmatch(size), "a size in bytes in the sixth field")
    _require(_SHA256.fullmatch(digest), "a SHA-256 in the last field")
    if why := names.destination_refusal(to):
        raise ValueError(f"names a file that {why}")
    return FetchedFile(address, job_id, path, to, int(size), digest)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(f"needs {what}")


def _hint(line: str) -> str:
    if line.startswith(_MERGE_MARKS):
        return "a merge conflict: keep the lines of both sides and delete the marks"
    return "restore the file from git, or delete the line to fetch again"


def _order(file: FetchedFile) -> tuple[str, str, str, str, int, str]:
    return file.address, file.to, file.path, file.job_id, file.size, file.sha256


def _with_presence(outputs_root: str, file: FetchedFile) -> FetchedFile:
    try:
        found = os.lstat(Path(outputs_root) / file.to)
    except OSError:
        return replace(file, presence=Presence.ABSENT)
    same = stat.S_ISREG(found.st_mode) and found.st_size == file.size
    return replace(file, presence=Presence.HERE if same else Presence.CHANGED)


@contextlib.contextmanager
def _exclusive(root: str) -> Iterator[None]:
    """Hold the folder of the set; a lock on the folder itself leaves no file behind."""
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SettingsError(f"{root} cannot be opened: {error.strerror}") from error
    try:
        # Some network file systems cannot lock a folder; the atomic replace still holds there.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(root: str, data: bytes) -> None:
    target = Path(root) / NAME
    draft = target.with_name(f".{NAME}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(root)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise SettingsError(f"{target} cannot be written: {error.strerror}") from error


def _sync_folder(root: str) -> None:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def changed(
    lock: Lock, *, files: Iterable[FetchedFile], expectations: Iterable[tuple[Address, str]]
) -> Lock:
    """*lock* with new lines. What was at the same ``to`` before gives way."""
    new = tuple(files)
    return Lock(
        (*_elsewhere(lock.files, new), *new),
        lock.expectations | frozenset(expectations),
        _elsewhere(lock.old, new),
    )


def retired(lock: Lock, address: Address, job_id: str, outputs_root: str) -> Lock:
    """*lock* once *job_id* is fetched whole: what other runs of *address* left there is old.

    Of what does not lie there any more nothing is kept.
    """
    other = [f for f in lock.files if f.address == address and f.job_id != job_id]
    kept = tuple(f for f in lock.files if f.address != address or f.job_id == job_id)
    old = [*_elsewhere(lock.old, other), *other]
    return Lock(
        kept,
        frozenset(pair for pair in lock.expectations if pair[0] != address or pair[1] == job_id),
        tuple(f for f in _elsewhere(old, kept) if os.path.lexists(Path(outputs_root) / f.to)),
    )


def _elsewhere(
    files: Iterable[FetchedFile], others: Iterable[FetchedFile]
) -> tuple[FetchedFile, ...]:
    """Those of *files* whose places are not those of *others*, in their order."""
    found = tuple(files)
    if not found:  # mostly so of old ones, and the others may be many
        return ()
    taken = {names.collision_key(file.to) for file in others}
    return tuple(file for file in found if names.collision_key(file.to) not in taken)
