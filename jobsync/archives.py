"""Where runs archive: one folder, however its path is spelled. Pure; floor 1.

A path is compared as the service resolves it: slashes at either end, doubled ones and dot segments
mean nothing. What a request names as its folder is told by its platform, which writes a macro that
may stand for several folders, one in the other, as ``${**NAME}``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from jobsync.model import Archive

T = TypeVar("T")

_MACRO = re.compile(r"\$\{[^{}/]+\}")
_DEEP = "${**"


def canonical(path: str) -> str:
    """The one spelling of an archive path; the root is ``""``."""
    return posixpath.normpath(f"/{path.strip().lstrip('/')}")[1:]


def is_same(one: Archive, other: Archive) -> bool:
    """Whether both are one folder. A system that is not named may be any: only the service knows
    which storage is a user's default."""
    return one.path == other.path and _same_system(one, other)


def meet(one: Archive, other: Archive) -> bool:
    """Whether both are one folder or one lies in the other: what one run writes may then replace
    what the other has written. A macro that is left in a path may stand for anything."""
    return _same_system(one, other) and _may_meet(_parts(one.path), _parts(other.path))


class Folders(Generic[T]):
    """Things by the folders they archive to. Finding those that meet a folder takes no longer when
    there are more of others."""

    def __init__(self, items: Iterable[tuple[Archive, T]]) -> None:
        self._at: dict[str, list[tuple[Archive, T]]] = {}
        self._below: dict[str, list[tuple[Archive, T]]] = {}
        self._open: list[tuple[Archive, T]] = []
        for archive, thing in items:
            if "${" in archive.path:
                self._open.append((archive, thing))
                continue
            self._at.setdefault(archive.path, []).append((archive, thing))
            for folder in _above(archive.path):
                self._below.setdefault(folder, []).append((archive, thing))

    def __bool__(self) -> bool:
        return bool(self._at or self._open)

    def meeting(self, archive: Archive) -> Iterator[T]:
        """All whose folder meets *archive*."""
        return (thing for other, thing in self._near(archive.path) if meet(archive, other))

    def _near(self, path: str) -> Iterator[tuple[Archive, T]]:
        yield from self._open
        if "${" in path:
            for found in self._at.values():
                yield from found
            return
        yield from self._below.get(path, ())
        for folder in (path, *_above(path)):
            yield from self._at.get(folder, ())


def _same_system(one: Archive, other: Archive) -> bool:
    return not (one.system and other.system) or one.system == other.system


def _may_meet(one: list[str], other: list[str]) -> bool:
    """Whether all segments may be the same, up to the end of the shorter path. What is deep may be
    one segment of the other path or several."""
    for number, pair in enumerate(zip(one, other, strict=False)):
        if not any(segment.startswith(_DEEP) for segment in pair):
            if not _may_be_same(*pair):
                return False
            continue
        if all("${" in segment for segment in pair):
            return True
        deep, flat = (one, other) if pair[0].startswith(_DEEP) else (other, one)
        rest = deep[number + 1 :]
        last = max(number + 1, len(flat) - len(rest))
        return any(_may_meet(rest, flat[at:]) for at in range(number + 1, last + 1))
    return True


def _may_be_same(one: str, other: str) -> bool:
    if one == other:
        return True
    if "${" in one and "${" in other:
        return True
    if "${" in other:
        one, other = other, one
    return "${" in one and _pattern(one).fullmatch(other) is not None


def _pattern(segment: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(text) for text in _MACRO.split(segment)), re.DOTALL)


def _parts(path: str) -> list[str]:
    return path.split("/") if path else []


def _above(path: str) -> Iterator[str]:
    """The folders that *path* lies in, the root last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
