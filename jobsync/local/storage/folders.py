"""What lies in a folder, page by page, without reading the whole folder for every page."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from jobsync.local.api.agave.media import FileEntry, entry
from jobsync.local.storage.files import Located
from jobsync.structs import Struct, replace

NAMES_KEPT = 400_000
"""Names remembered in all folders together, some 80 bytes each."""

_SETTLED = 1_000_000_000
"""Nanoseconds that a folder must have been left alone before its names are remembered: a change
within one tick of the file system's clock, which is far shorter, cannot be seen in its time."""


class _Known(Struct, frozen=True):
    """The names in a folder, sorted, when it was as ``state`` says: device, inode, change time."""

    state: tuple[int, int, int]
    names: tuple[str, ...]


class Folders:
    """Lists folders. Their names are remembered while they are as they were; files never are.

    The change time of a folder, which nobody can set, moves with every name that comes or goes.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[Located, _Known] = OrderedDict()

    def entries(self, place: Located, start: int, stop: int) -> list[FileEntry]:
        """The entries *start* to *stop* of the folder *place*, by name, that may be shown.

        Of what lies there only links are resolved, and only what is between is looked at.
        """
        place = replace(place, path=Path(os.path.realpath(place.path)))
        found = (_look(place, name) for name in self._names(place)[max(0, start) : max(0, stop)])
        return [one for one in found if one is not None]

    def _names(self, place: Located) -> tuple[str, ...]:
        try:
            found = place.path.stat()
            state = (found.st_dev, found.st_ino, found.st_ctime_ns)
            with self._guard:
                known = self._known.get(place)
                if known is not None and known.state == state:
                    self._known.move_to_end(place)
                    return known.names
            settled = time.time_ns() - found.st_ctime_ns > _SETTLED
            names = names_in(place, lambda path: _holds(place, path))
        except OSError:
            return ()
        if settled:
            self._remember(place, _Known(state, names))
        return names

    def _remember(self, place: Located, known: _Known) -> None:
        with self._guard:
            self._known[place] = known
            self._known.move_to_end(place)
            while sum(len(one.names) for one in self._known.values()) > NAMES_KEPT:
                self._known.popitem(last=False)


def names_in(place: Located, shows_link: Callable[[Path], bool]) -> tuple[str, ...]:
    """The names of files and folders in *place*, a real path, that may be shown, and of the links
    for which *shows_link* is true; no file is looked at. Raises :class:`OSError`."""
    hidden = {one.name for one in place.hidden if one.parent == place.path}

    def is_shown(one: os.DirEntry[str]) -> bool:
        if one.name in hidden or (place.hides_dots and one.name.startswith(".")):
            return False
        if one.is_symlink():
            return shows_link(place.path / one.name)
        return one.is_dir(follow_symlinks=False) or one.is_file(follow_symlinks=False)

    with os.scandir(place.path) as found:
        return tuple(sorted(one.name for one in found if is_shown(one)))


def _holds(place: Located, path: Path) -> bool:
    """Whether the link *path* leads to something that may be shown."""
    return place.holds(path) and entry(path, path.name) is not None


def _look(place: Located, name: str) -> FileEntry | None:
    """What lies there now: it may have become a link since its name was read."""
    path = place.path / name
    try:
        is_link = stat.S_ISLNK(path.lstat().st_mode)
    except OSError:
        return None
    return None if is_link and not place.holds(path) else entry(path, name)
