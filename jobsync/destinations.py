"""Where outputs may come to lie. The one judge of every destination, whoever chose it.

Floor 1; it looks at folders, but changes none. A set is reviewed, but not before ``plan`` has run
on it, and file names come from jobs. So nothing is put where git, a shell, a CI service or jobsync
itself would act on it.
"""

# ruff: noqa: PTH112, PTH113, PTH118

from __future__ import annotations

import os
import posixpath
import re

from jobsync import filenames
from jobsync.searched import ADVICE, APPS, Searched, below
from jobsync.structs import Struct

_SEGMENT = "[A-Za-z0-9_][A-Za-z0-9_-]{4,60}"
_PLAIN = re.compile(f"(?:{_SEGMENT}/){{0,20}}(?:{_SEGMENT}|x)")
"""Paths that are surely fine: no dots, and names longer than any that means something."""

_ELSEWHERE = "put it into a folder that is only for outputs, as with to: results/"


class Destinations(Struct, frozen=True):
    """The places below the outputs root of a set.

    ``closed`` are folders that jobsync keeps its own state in, absolute and without links.
    """

    searched: Searched
    closed: tuple[str, ...] = ()

    def refusal(self, to: str) -> str:
        """Why no output may be put at *to*, relative to the outputs root, or ``""``."""
        if why := name_refusal(to):
            return f"would go to {to!r}, which {why}"
        if why := _state(posixpath.join(self.searched.outputs_root, to), self.closed):
            return f"would go to {to}, which {why}: {_ELSEWHERE}"
        if self.searched.takes(to):
            return f"would go to {to}, where jobsync searches for manifests: {ADVICE}"
        folder, name = posixpath.split(to)
        if name.startswith(".") and self.searched.takes(posixpath.join(folder, f"x{name}")):
            return f"would go to {to}, beside the manifests, where other tools act on it: {ADVICE}"
        return ""


def name_refusal(to: str) -> str:
    """What :meth:`Destinations.refusal` can say of *to* in any folder, or ``""``."""
    return "" if _PLAIN.fullmatch(to) else full_name_refusal(to)


def full_name_refusal(to: str) -> str:
    """The same, without the short way for the paths that most sets have."""
    if why := filenames.destination_refusal(to):
        return why
    *folders, name = to.split("/")
    if why := _closed_folder(folders):
        return why
    if filenames.collision_key(name) == "head":
        return "would make git take its folder for a repository"
    return ""


def root_refusal(outputs_root: str, root: str, closed: tuple[str, ...] = ()) -> str:
    """Why outputs of the set at *root* may not go to the folder *outputs_root*, or ``""``.

    Both are absolute and without links. Where the set itself lies says nothing, but for ``.git``.
    """
    if why := typed_refusal(outputs_root):
        return why
    common = posixpath.commonpath([outputs_root, root])
    beyond = below(outputs_root, common)
    return _closed_folder(beyond.split("/") if beyond else []) or _state(outputs_root, closed)


def typed_refusal(folder: str) -> str:
    """What :func:`root_refusal` says of a *folder* that a person types for a few files by hand."""
    parts = folder.split("/")
    if any(filenames.collision_key(part) == ".git" for part in parts) or _in_repository(parts):
        return "is inside a git repository's own folder"
    return ""


def is_outside(outputs_root: str, root: str) -> bool:
    """Whether *outputs_root* is neither the folder of the set nor below it."""
    return outputs_root != root and below(outputs_root, root) is None


def _closed_folder(folders: list[str]) -> str:
    for folder in folders:
        if folder.startswith("."):
            return f"is in the hidden folder {folder}"
        if filenames.collision_key(folder) == APPS:
            return f"is in a folder named {folder}, which is for the definitions of apps"
    return ""


def _state(path: str, closed: tuple[str, ...]) -> str:
    for folder in closed:
        if path == folder or below(path, folder) is not None:
            return "is in a folder where jobsync keeps its state"
    return ""


def _in_repository(parts: list[str]) -> bool:
    """Whether git would take one of the folders on the way for a repository's own."""
    for depth in range(2, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if os.path.isfile(os.path.join(folder, "HEAD")) and all(
            os.path.isdir(os.path.join(folder, name)) for name in ("objects", "refs")
        ):
            return True
    return False
