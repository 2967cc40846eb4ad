"""Which YAML files were fetched from a job, by the lines of ``jobsync.lock``: never manifests."""

# ruff: noqa: PTH116, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Iterator

from jobsync import filenames, lock_format
from jobsync.errors import Location, Problem
from jobsync.given_files import read_given
from jobsync.manifest.files import Source, real, reason
from jobsync.searched import SUFFIXES, Searched


class FetchedFiles:
    """The YAML files named in the lock file of the set at *root*, and in those of folders above it.

    A folder above counts only while it has the same owner as *root*: files of other users are not
    trusted.
    """

    def __init__(self, root: str) -> None:
        self.problems: list[Problem] = []
        self._root = real(root)
        self._own = dict(self._lines(self._root))
        self._above: dict[str, tuple[str, int]] = {}
        for folder in _above(self._root):
            lock = os.path.relpath(os.path.join(folder, filenames.LOCKFILE), self._root)
            for to, line in self._lines(folder):
                self._above[filenames.collision_key(os.path.join(folder, to))] = (lock, line)

    def problem(self, source: Source, searched: Searched) -> Problem | None:
        """The problem of *source* when it is a fetched file; None when it is not."""
        path = os.path.join(self._root, source.relative)
        to = os.path.relpath(path, searched.outputs_root)
        line = self._own.get(filenames.collision_key(to))
        named = (
            (filenames.LOCKFILE, line) if line else self._above.get(filenames.collision_key(path))
        )
        if named is None:
            return None
        # Shown as the file itself is: relative where that was given so.
        lock = os.path.normpath(source.shown.removesuffix(source.relative) + named[0])
        return Problem(
            Location(source.shown, 1, 1),
            f"was fetched from a job, see {lock}:{named[1]}, and cannot be a manifest",
            f"move it to another folder, or list it: ignore: [{source.relative}]; to use it as a"
            " manifest, delete that line of jobsync.lock",
        )

    def _lines(self, folder: str) -> Iterator[tuple[str, int]]:
        path = os.path.join(folder, filenames.LOCKFILE)
        try:
            data = read_given(path, lock_format.LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError) as error:
            self.problems.append(Problem(Location(path, 1, 1), f"cannot be read: {reason(error)}"))
            return
        for number, to in lock_format.destinations(data):
            if to.endswith(SUFFIXES):
                yield (filenames.collision_key(to) if folder == self._root else to), number


def _above(root: str) -> Iterator[str]:
    folder = root
    try:
        owner = os.stat(root).st_uid
        while (parent := os.path.dirname(folder)) != folder and os.stat(parent).st_uid == owner:
            yield (folder := parent)
    except (OSError, ValueError):  # a folder that cannot be looked at is told of elsewhere
        return
