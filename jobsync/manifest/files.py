"""Which files make up a manifest set, and their bytes.

Paths stay text and go through ``os``: a name may hold bytes that are no text at all.
"""

# ruff: noqa: PTH100, PTH112, PTH116, PTH120, PTH206

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from jobsync.errors import Location, Problem
from jobsync.given_files import NotRegular, TooLarge, read_given
from jobsync.manifest.yaml_reader import SIZE_LIMIT, too_large
from jobsync.searched import APPS, SUFFIXES
from jobsync.structs import Struct, field
from jobsync.visible import visible

_ADDRESS = re.compile(r"[a-z][a-z0-9_-]*(\.(?!ya?ml$)[a-z0-9_-]+)*")


class Source(Struct, frozen=True):
    """A file: ``shown`` in messages, ``relative`` to the set's folder, ``path`` to open it."""

    shown: str
    relative: str
    path: str


class ManifestFiles(Struct):
    """What a search found. ``root`` is the folder of the set, absolute."""

    root: str
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def discover(paths: Sequence[str | Path]) -> ManifestFiles:
    """The manifest files under *paths*, sorted. Folders are searched, files taken as they are."""
    given = [os.fspath(path) for path in paths] or ["."]
    found = ManifestFiles(_root(given))
    seen: set[str] = set()
    for path in given:
        for file in _files(path, found.problems):
            without_links = real(file)
            if without_links not in seen:
                seen.add(without_links)
                relative = os.path.relpath(os.path.abspath(file), found.root)
                found.sources.append(Source(show(file), relative, file))
    found.sources.sort(key=lambda source: source.relative.split(os.sep))
    if not found.sources and not found.problems:
        names = ", ".join(show(path) for path in given)
        hint = "a manifest is a file *.yaml or *.yml; `jobsync init` writes one"
        found.problems.append(Problem(None, f"no manifests in {names}", hint))
    return found


def read_bytes(source: Source) -> bytes | Problem:
    """The bytes of a regular file of at most :data:`SIZE_LIMIT`, or the problem with it."""
    where = Location(source.shown, 1, 1)
    try:
        return read_given(source.path, SIZE_LIMIT)
    except (OSError, ValueError) as error:
        if isinstance(error, TooLarge):
            return too_large(source.shown)
        if isinstance(error, NotRegular):
            return Problem(where, reason(error))
        return Problem(where, f"cannot be read: {reason(error)}")


def real(path: str) -> str:
    """*path* with its links resolved, as far as it exists."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in it
        return path


def show(path: str) -> str:
    """A path in a form that can be printed on any terminal."""
    return visible(os.path.normpath(path).encode("utf-8", "backslashreplace").decode())


def reason(error: Exception) -> str:
    """The operating system's reason why a file cannot be used, in lower case."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]


def _root(given: Sequence[str]) -> str:
    folders = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in given]
    absolute = [os.path.abspath(folder) for folder in folders]
    return absolute[0] if len(absolute) == 1 else os.path.commonpath(absolute)


def _files(path: str, problems: list[Problem]) -> Iterator[str]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        message = f"cannot be read: {reason(error)}"
        hint = f"to choose jobs: --select {path}" if _ADDRESS.fullmatch(path) else ""
        problems.append(Problem(Location(show(path), 1, 1), message, hint))
        return
    if not stat.S_ISDIR(mode):
        yield path
        return
    folders = [path]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            message = f"cannot be listed: {reason(error)}"
            problems.append(Problem(Location(show(folder), 1, 1), message))
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            file = entry.path if folder != "." else entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name != APPS:
                    folders.append(file)
            elif entry.name.endswith(SUFFIXES) and not _is_folder(entry):
                yield file


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, links followed; a link to itself leads to none."""
    try:
        return entry.is_dir()
    except OSError:
        return False
