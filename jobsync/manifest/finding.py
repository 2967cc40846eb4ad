"""Which set a command means that is given no path: the one that it is called in."""

# ruff: noqa: PTH100, PTH112, PTH116, PTH118, PTH120, PTH208

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence

from jobsync.errors import Problem
from jobsync.manifest.files import Source, discover, read_bytes, show
from jobsync.manifest.yaml_reader import read
from jobsync.searched import APPS, SUFFIXES

_BLOCK = (re.compile(rb"^apiVersion[ \t]*:", re.M), re.compile(rb"^project[ \t]*:", re.M))


def find_set(folder: str = ".") -> str:
    """The folder of the set around *folder*, written relative to it; *folder* itself when there is
    none.

    That is *folder* when any manifest in it has ``project:``, else the nearest folder above that
    has one. The search ends at the root of a repository, and below a folder in which others can
    create files, such as ``/tmp``.
    """
    if holds_set(folder) or _names_project(s.path for s in discover([folder]).sources):
        return folder
    return find_above(folder) or folder


def find_sets(paths: Sequence[str]) -> tuple[str, ...]:
    """The folders of all sets below the folders of *paths*, and around its files, sorted.

    A set is a folder with a manifest that has ``project:``; what lies below one is part of it.
    """
    found: set[str] = set()
    for path in paths:
        if os.path.isdir(path):
            found.update(_below(path))
        elif folder := _around(os.path.dirname(path) or "."):
            found.add(folder)
    return tuple(sorted(found))


def _below(top: str) -> Iterator[str]:
    for folder, inside, _ in os.walk(top):
        if holds_set(folder):
            yield os.path.normpath(folder)
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".") and name != APPS]


def _around(folder: str) -> str | None:
    return folder if holds_set(folder) else find_above(folder)


def find_above(folder: str) -> str | None:
    """The nearest folder above *folder* that holds a set; None when there is none."""
    above, path = os.path.abspath(folder), folder
    while not os.path.lexists(os.path.join(above, ".git")):
        upper = os.path.dirname(above)
        if upper == above or _others_can_write(upper):
            break
        above, path = upper, os.path.normpath(os.path.join(path, os.pardir))
        if holds_set(path):
            return path
    return None


def holds_set(folder: str) -> bool:
    """Whether a manifest with ``project:`` lies in *folder* itself."""
    return _names_project(_files(folder))


def sets_below(folder: str = ".") -> tuple[str, ...]:
    """The folders of the sets below *folder*, where it is none of theirs: it holds no manifest, and
    no folder above it holds a set. To take it for the set's own would put outputs, lock and apps
    elsewhere than from inside the set."""
    if _holds_manifest(folder) or find_above(folder):
        return ()
    return find_sets((folder,))


def _holds_manifest(folder: str) -> bool:
    contents = (read_bytes(Source(show(file), file, file)) for file in _files(folder))
    return any(isinstance(data, bytes) and b"apiVersion" in data for data in contents)


def first_words(paths: Sequence[str], keys: Iterable[str]) -> dict[str, str]:
    """What the manifests under *paths* have first for each of *keys* at their top, where that is
    one word on the line of its key: good enough to name a set that cannot be read."""
    found: dict[str, str] = {}
    for source in discover(paths).sources:
        data = read_bytes(source)
        if isinstance(data, bytes) and _BLOCK[0].search(data):
            for key in keys:
                word = re.search(rb"^%s[ \t]*:[ \t]*['\"]?([\w.-]+)" % key.encode(), data, re.M)
                if word:
                    found.setdefault(key, word[1].decode())
    return found


def _files(folder: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith(SUFFIXES) and not name.startswith("."):
            yield os.path.join(folder, name)


def _names_project(files: Iterable[str]) -> bool:
    for file in files:
        data = read_bytes(Source(show(file), file, file))
        if isinstance(data, Problem) or b"apiVersion" not in data or b"project" not in data:
            continue
        if all(key.search(data) for key in _BLOCK):
            return True
        value = read(data, show(file)).value  # JSON, quoted keys, another order: as it is read
        if isinstance(value, dict) and {"apiVersion", "project"} <= value.keys():
            return True
    return False


def _others_can_write(folder: str) -> bool:
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return True
