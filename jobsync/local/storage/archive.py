"""After a job has run: what is new in its work folder moves to its archive path."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jobsync.atomic_files import replace_file
from jobsync.local.api.agave import records
from jobsync.local.storage.copying import Check, chunks, go_on

_FEW = 200


class ArchiveError(Exception):
    """Outputs that cannot be archived; the text names the file."""


def archive(work: Path, target: Path, check: Check = go_on) -> None:
    """Move every new file of *work* below *target* and throw the work folder away.

    Inputs, the app's files and our own stay behind. Can be repeated after it was broken off.
    A link becomes what it points to, if that lies in the work folder; one that leads out is left.
    A folder that was not staged for a job is never touched, nor is one that a link stands for, nor
    one that shares a path with its archive. *check* is called between files and may raise.
    """
    if not records.is_work_folder(work) or work.is_symlink() or _nested(work, target):
        raise ArchiveError(f"Cannot archive {work}: it is not the work folder of a job")
    staged = records.read_staged(work)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in list(_new(work, staged)):
            check()
            _move(work, path, target / path, check)
    except OSError as error:
        raise ArchiveError(f"Cannot archive {error.filename}: {error.strerror}") from error
    with suppress(OSError):
        # Renamed first: a folder that is half thrown away could not be told from a stranger's.
        done = work.with_name(f"{work.name}.done")
        work.rename(done)
        shutil.rmtree(done)


def is_short(work: Path, target: Path) -> bool:
    """Whether archiving is done in an instant: a few renames on one file system."""
    count = 0
    try:
        if work.stat().st_dev != target.stat().st_dev:
            return False
        for folder, names, files in os.walk(work):
            count += len(names) + len(files)
            if count > _FEW or any(Path(folder, name).is_symlink() for name in files):
                return False
    except OSError:
        return False
    return True


def _nested(work: Path, target: Path) -> bool:
    one, other = Path(os.path.realpath(work)), Path(os.path.realpath(target))
    return one.is_relative_to(other) or other.is_relative_to(one)


def _new(work: Path, staged: frozenset[str]) -> Iterator[str]:
    """New files and new empty folders, relative. Links to files come first, while their targets
    are still in place."""
    plain: list[str] = []
    for folder, names, files in os.walk(work):
        here = Path(folder).relative_to(work)
        if here == Path():
            names[:] = [name for name in names if name != records.FOLDER]
        names[:] = [name for name in names if not (Path(folder) / name).is_symlink()]
        if not names and not files and str(here) not in staged and here != Path():
            plain.append(str(here))
        for name in files:
            path = str(here / name)
            if path in staged:
                continue
            if (work / path).is_symlink():
                yield path
            else:
                plain.append(path)
    yield from plain


def _move(work: Path, path: str, target: Path, check: Check) -> None:
    source = work / path
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        real = Path(os.path.realpath(source))
        inside = real.is_relative_to(os.path.realpath(work))
        if (
            inside
            and real.is_file()
            and records.FOLDER not in real.relative_to(os.path.realpath(work)).parts
        ):
            put(real, target, check)
    elif source.is_file():
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            put(source, target, check)


def put(source: Path, target: Path, check: Check) -> None:
    """Copy a file with its times, whole or not at all."""
    replace_file(target, chunks(source, check))
    shutil.copystat(source, target)
