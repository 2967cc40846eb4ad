"""The journal of submits: what may have been sent, written down before it is sent.

One file per project, service and user, append-only. A record that announces a POST is on the disk
(``fsync`` of the file, and of the folder when the file is new) before the POST; when that fails,
there is no POST. After a failed write or fsync the journal takes nothing more: what the disk holds
is no longer known, and a second fsync may report success for data that was lost.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from jobsync.apply.clock import Clock
from jobsync.apply.journal_entry import (
    OPEN,
    Binding,
    Entry,
    State,
    decode,
    encode,
    entry_document,
    header,
    latest,
)
from jobsync.errors import JobsyncError
from jobsync.private_files import NotPrivate, open_private_file, open_private_folder
from jobsync.structs import replace

_REPEATABLE = frozenset({State.INTENT, State.ACCEPTED, State.CONFIRMED})
"""What is not fsynced by itself: without these lines, the next run finds the same job again."""

_LIMIT = 256 * 1024 * 1024


class JournalFailed(JobsyncError):
    """The journal cannot be opened or written, so nothing may be sent."""


def file_stem(binding: Binding) -> str:
    """The file name, without an ending, of what belongs to *binding*: readable and unambiguous."""
    whole = "\n".join(binding.facts)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{_readable(binding.project)}-{digest}"


def _readable(project: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", project)[:40]


def journal_path(state_dir: Path, binding: Binding) -> Path:
    """Where the journal of *binding* lies."""
    return state_dir / "journal" / f"{file_stem(binding)}.jsonl"


class Journal:
    """An open journal. Safe to use from several threads; hold the apply lock while it is open."""

    def __init__(self, descriptor: int, path: Path, entries: tuple[Entry, ...], lines: int) -> None:
        self._descriptor = descriptor
        self._path = path
        self._states = latest(entries)
        self._lines = lines
        self._size = os.fstat(descriptor).st_size
        self._guard = threading.Lock()
        self._failure = ""

    def state(self, name: str) -> Entry | None:
        """The last word on the submit of *name*, None when there was none."""
        with self._guard:
            return self._states.get(name)

    def open_submits(self, states: frozenset[State] = OPEN) -> tuple[Entry, ...]:
        """What has to be resolved first, or what else is in one of *states*, oldest first."""
        with self._guard:
            return tuple(entry for entry in self._states.values() if entry.state in states)

    def append(self, entry: Entry, clock: Clock) -> Entry:
        """Write *entry*, and return it with its times.

        Unless the power failing could only cost a look at the service, it is on the disk when
        this returns. Raises :class:`JournalFailed`, and from then on always.
        """
        now = clock.now()
        posted = now if entry.state is State.SENDING else entry.posted
        entry = replace(entry, at=now, posted=posted)
        with self._guard:
            if self._failure:
                raise self._failed()
            line = encode(self._lines, entry_document(entry))
            try:
                self._write(line, durable=entry.state not in _REPEATABLE)
            except OSError as error:
                self._give_up(error)
                raise self._failed() from error
            self._size += len(line)
            self._lines += 1
            self._states[entry.name] = entry
        return entry

    def sync(self) -> None:
        """Have all of it on the disk. Raises :class:`JournalFailed`, and from then on always."""
        with self._guard:
            if self._failure:
                raise self._failed()
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                self._give_up(error)
                raise self._failed() from error

    def _write(self, line: bytes, *, durable: bool) -> None:
        if os.write(self._descriptor, line) != len(line):
            raise OSError("only a part could be written")
        if durable:
            os.fsync(self._descriptor)

    def _give_up(self, error: OSError) -> None:
        """Take nothing more, and take back the line: what it announced does not happen."""
        self._failure = _words(error)
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._size)

    def _failed(self) -> JournalFailed:
        return JournalFailed(
            f"{self._path}: the journal cannot be written ({self._failure}), so nothing more is "
            "sent",
            hint="free some space or set JOBSYNC_STATE_DIR to a writable folder, then apply "
            "again: jobsync finds what it sent by name",
        )


@contextmanager
def open_journal(state_dir: Path, binding: Binding) -> Iterator[Journal]:
    """Open, and where needed make, the journal of *binding*.

    Raises :class:`JournalFailed` for a folder or file that is a symbolic link, belongs to someone
    else, may be written by others, or cannot be opened;
    :class:`~jobsync.apply.journal_entry.JournalDamaged` for contents that cannot be trusted.
    """
    path = journal_path(state_dir, binding)
    try:
        folder = open_private_folder(path.parent)
        try:
            access = os.O_RDWR | os.O_APPEND
            descriptor = open_private_file(path.name, access, folder=folder, make=True)
        finally:
            os.close(folder)
    except NotPrivate as error:
        error.filename = str(path if error.filename == path.name else path.parent)
        raise _shared(error) from error
    except OSError as error:
        raise JournalFailed(
            f"{path}: the journal of submits cannot be opened ({_words(error)}), so nothing is "
            "sent",
            hint="set JOBSYNC_STATE_DIR to a writable folder of yours",
        ) from error
    try:
        yield _load(descriptor, path, binding)
    finally:
        with suppress(OSError):
            os.fsync(descriptor)
        os.close(descriptor)


def read_journal(path: Path) -> bytes:
    """The bytes of a journal, empty where there is none. Raises :class:`JournalFailed`."""
    try:
        descriptor = open_private_file(path)
    except FileNotFoundError:
        return b""
    except NotPrivate as error:
        raise _shared(error) from error
    except OSError as error:
        raise JournalFailed(f"{path}: cannot be read ({_words(error)})") from error
    try:
        return _read(descriptor, path)
    except OSError as error:
        raise JournalFailed(f"{path}: cannot be read ({_words(error)})") from error
    finally:
        os.close(descriptor)


def journals(state_dir: Path, project: str) -> list[Path]:
    """The journals of *project* that lie here, of any service and user.

    Raises :class:`JournalFailed`.
    """
    folder = state_dir / "journal"
    own = re.compile(rf"{re.escape(_readable(project))}-[0-9a-f]{{12}}\.jsonl")
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalFailed(f"{folder}: cannot be read ({_words(error)})") from error
    return [path for path in found if own.fullmatch(path.name)]


def remove_journal(path: Path) -> None:
    """Remove a journal whose every line is on the disk elsewhere. Raises :class:`JournalFailed`."""
    try:
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise JournalFailed(
            f"{path}: this journal was merged into another one and cannot be removed "
            f"({_words(error)}), so nothing is sent",
            hint=f"rm {path}",
        ) from error


def _shared(error: NotPrivate) -> JournalFailed:
    return JournalFailed(
        f"{error.filename}: {error.strerror}, so it is not used as the journal",
        hint=f"check it, then run: chmod go-w {quote(error.filename)}"
        if error.writable
        else "set JOBSYNC_STATE_DIR to a folder of yours",
    )


def _load(descriptor: int, path: Path, binding: Binding) -> Journal:
    try:
        data = _read(descriptor, path)
        contents = decode(data, binding, str(path))
        if contents.good != len(data):
            os.ftruncate(descriptor, contents.good)
            os.fsync(descriptor)
        lines = contents.lines
        if contents.good and not data[: contents.good].endswith(b"\n"):
            _write_whole(descriptor, b"\n")
        if lines == 0:
            _write_whole(descriptor, encode(0, header(binding)))
            lines = 1
        return Journal(descriptor, path, contents.entries, lines)
    except OSError as error:
        raise JournalFailed(
            f"{path}: the journal cannot be used ({_words(error)}), so nothing is sent",
            hint="set JOBSYNC_STATE_DIR to a writable folder of yours",
        ) from error


def _read(descriptor: int, path: Path) -> bytes:
    size = os.fstat(descriptor).st_size
    if size > _LIMIT:
        raise JournalFailed(f"{path}: {size} bytes is too large for a journal of submits")
    data = bytearray()
    while chunk := os.pread(descriptor, 1 << 20, len(data)):
        data += chunk
    return bytes(data)


def _write_whole(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError("only a part could be written")
    os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _words(error: OSError) -> str:
    return error.strerror or str(error)
