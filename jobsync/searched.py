"""Where manifests are searched, so that nothing else comes to lie there as one.

Floor 1, pure. All YAML files below the folder of a set are its manifests, but for hidden folders,
folders named ``apps``, folders that outputs go to, and what ``ignore:`` lists.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from jobsync.globs import covers
from jobsync.structs import Struct

SUFFIXES = (".yaml", ".yml")
APPS = "apps"
"""Folders of this name hold the definitions of apps, not manifests."""

APP_FILES = ("app.json", "app.v3.json")
"""The definitions of the app in a folder, which may be an app of several platforms."""

ADVICE = "put it into a folder of its own, as with to: results/"


class Searched(Struct, frozen=True):
    """The part of a set's folder that is searched.

    ``root`` is the folder of the set and ``outputs_root`` the one that outputs are put under, both
    absolute and without links. ``outputs`` are the folders that outputs go to, relative to
    ``outputs_root``, each with the only manifest that says so (``""`` for several): a file is not
    hidden by what it says itself. ``ignored`` are globs and who says them, in the same way.
    """

    root: str
    outputs_root: str
    outputs: Mapping[str, str]
    ignored: Sequence[tuple[str, str]] = ()

    def hides(self, relative: str) -> bool:
        """Whether the file *relative* to the set's folder is said to be no manifest."""
        if any(said != relative and covers(glob, relative)
               for glob, said in self.ignored):  # fmt: skip
            return True
        inside = below(posixpath.join(self.root, relative), self.outputs_root)
        parts = inside.split("/") if inside and self.outputs else ()
        # The outputs' root is a folder that outputs go to, unless manifests lie there too.
        first = 0 if below(self.outputs_root, self.root) else 1
        for depth in range(first, len(parts)):
            said = self.outputs.get("/".join(parts[:depth]))
            if said is not None and said != relative:
                return True
        return False

    def takes(self, to: str) -> bool:
        """Whether an output at *to*, relative to the outputs' root, would be read as a manifest."""
        if not to.endswith(SUFFIXES):
            return False
        path = posixpath.normpath(posixpath.join(self.outputs_root, to))
        relative = below(path, self.root)
        if relative is None:
            return False
        *folders, _ = parts = relative.split("/")
        if APPS in folders or any(part.startswith(".") for part in parts):
            return False
        return not self.hides(relative)


def below(path: str, folder: str) -> str | None:
    """*path* relative to *folder*; None when it does not lie below it."""
    prefix = folder if folder.endswith("/") else f"{folder}/"
    return path[len(prefix) :] if path.startswith(prefix) else None
