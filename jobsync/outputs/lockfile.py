"""The file ``jobsync.lock`` of a set: read, and replaced as a whole. For its text see
:mod:`jobsync.lock_format`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobsync import filenames
from jobsync.atomic_files import ORDINARY, replace_file_durably
from jobsync.errors import SettingsError
from jobsync.given_files import read_given
from jobsync.lock_format import LARGEST, Lock, elsewhere, parse, render
from jobsync.locks import LockTaken, folder_lock
from jobsync.model import Address, FetchedFile, Presence
from jobsync.plan.plan_outputs import renamed
from jobsync.structs import replace

NAME = filenames.LOCKFILE
_PATIENCE = 60.0
"""Seconds to wait for another process, which holds the folder for one reading and writing."""


def load_lockfile(root: str, outputs_root: str) -> Lock:
    """Read the lock file of the set at *root*; an absent one is empty.

    ``presence`` of each file says what lies at ``to`` below *outputs_root*; content is not read.
    Raises :class:`~jobsync.errors.ManifestError` with the place of every damaged line.
    """
    lock = read_lockfile(root)
    return replace(lock, files=tuple(_with_presence(outputs_root, file) for file in lock.files))


def read_lockfile(root: str) -> Lock:
    """As :func:`load_lockfile`, without looking at the fetched files."""
    return parse(_read(root), _path(root))


def _path(root: str) -> str:
    return str(Path(root) / NAME)


def _read(root: str) -> bytes:
    """The text of the lock file, empty where there is none."""
    try:
        return read_given(Path(root, NAME), LARGEST)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SettingsError(f"{_path(root)} cannot be read: {error.strerror}") from error


def update_lockfile(root: str, change: Callable[[Lock], Lock]) -> Lock:
    """Read, change and write the lock file in one step that no other process can interrupt.

    Nothing is written when nothing changed. The file is replaced whole or not at all.
    """
    return LockfileWriter(root).write([change])


class LockfileWriter:
    """Changes the lock file of the set at *root*, any number of changes in one step.

    It parses the file only when somebody else has written it since.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._lock = Lock()
        self._text = render(self._lock).encode()

    def write(self, changes: Iterable[Callable[[Lock], Lock]]) -> Lock:
        """As :func:`update_lockfile`, with several changes in their order. Not thread-safe."""
        with _exclusive(self._root):
            data = _read(self._root)
            if data != self._text:
                self._lock = parse(data, _path(self._root))
                self._text = render(self._lock).encode()
            after = self._lock
            for change in changes:
                after = change(after)
            text = render(after).encode()
            if text != self._text:
                _replace(self._root, text)
            self._text, self._lock = text, after
        return after


def _with_presence(outputs_root: str, file: FetchedFile) -> FetchedFile:
    try:
        found = os.lstat(Path(outputs_root) / file.to)
    except OSError:
        return replace(file, presence=Presence.ABSENT)
    same = stat.S_ISREG(found.st_mode) and found.st_size == file.size
    return replace(file, presence=Presence.HERE if same else Presence.CHANGED)


@contextmanager
def _exclusive(root: str) -> Iterator[None]:
    """Hold the folder of the set, so that no other process writes its lock file meanwhile."""
    try:
        with folder_lock(Path(root), _PATIENCE):
            yield
    except LockTaken as error:
        raise SettingsError(
            f"{root}/{NAME}: another process has held the folder for {_PATIENCE:.0f} s",
            hint="wait until no other jobsync works on this set, then run the command again",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{root}/{NAME}: the folder cannot be locked ({error.strerror}), so it is not written",
            hint="move the set to a disk of this machine, or have its file system mounted with "
            "file locks; then run the command again",
        ) from error


def _replace(root: str, data: bytes) -> None:
    path = Path(root) / NAME
    try:
        replace_file_durably(path, [data], mode=ORDINARY)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error


def with_fetched(
    lock: Lock, *, files: Iterable[FetchedFile], expectations: Iterable[tuple[Address, str]]
) -> Lock:
    """*lock* with new lines. They replace lines with the same ``to``."""
    new = tuple(files)
    return Lock(
        (*elsewhere(lock.files, new), *new),
        lock.expectations | frozenset(expectations),
        elsewhere(lock.old, new),
    )


def follow_renames(root: str, addresses: Mapping[str, Address]) -> None:
    """Write the present addresses of runs, by job id, into the lock file of the set at *root*.

    Raises :class:`SettingsError` when that has to be done and cannot be.
    """

    def change(lock: Lock) -> Lock:
        return Lock(
            renamed(lock.files, addresses),
            frozenset((addresses.get(run, address), run) for address, run in lock.expectations),
            renamed(lock.old, addresses),
        )

    lock = read_lockfile(root)
    if render(change(lock)) != render(lock):
        update_lockfile(root, change)


def with_retired(
    lock: Lock,
    address: Address,
    job_id: str,
    outputs_root: str,
    is_ours: Callable[[str], bool] = lambda run_id: True,
) -> Lock:
    """*lock* with the files of other runs of *address* marked as old, once *job_id* is fetched
    whole.

    Lines of files that no longer stand in their places are removed. What is recorded of runs that
    are not *is_ours* stays.
    """

    def is_other(at: Address, run_id: str) -> bool:
        return at == address and run_id != job_id and is_ours(run_id)

    other = [f for f in lock.files if is_other(f.address, f.job_id)]
    kept = tuple(f for f in lock.files if not is_other(f.address, f.job_id))
    old = [*elsewhere(lock.old, other), *other]
    return Lock(
        kept,
        frozenset(pair for pair in lock.expectations if not is_other(*pair)),
        tuple(f for f in elsewhere(old, kept) if os.path.lexists(Path(outputs_root) / f.to)),
    )
