"""What lies in the workspace: the content of inputs that a service takes from there, as SHA-256.

The workspace is the folder of the set, read-only for jobs.
"""

# ruff: noqa: PTH113, PTH114, PTH116, PTH118, PTH123

from __future__ import annotations

import hashlib
import os
import stat

from jobsync.manifest.files import reason
from jobsync.manifest.messages import quoted
from jobsync.platform import Platform
from jobsync.searched import below

_CHUNK = 1024 * 1024


class Unusable(Exception):
    """An input of the workspace that cannot be read; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotThere(Unusable):
    """An input of the workspace that does not exist in the folder of the set."""


class Workspace:
    """The files below one folder, by the URIs that *platform* has for them.

    Every input is read once, however many jobs take it.
    """

    def __init__(self, root: str, platform: Platform) -> None:
        self._root = os.path.realpath(root)
        self._platform = platform
        self._known: dict[str, str | Unusable] = {}

    def digest(self, uri: str) -> str:
        """The SHA-256 of what a URI that begins with the prefix names. Raises :class:`Unusable`."""
        found = self._known.get(uri)
        if found is None:
            try:
                found = self._read(uri)
            except Unusable as error:
                found = error
            self._known[uri] = found
        if isinstance(found, Unusable):
            raise type(found)(found.message, found.hint)
        return found

    def _read(self, uri: str) -> str:
        # All of it is a path: ``#`` and ``?`` are in names.
        relative = self._platform.workspace_path(uri)
        parts = [part for part in relative.split("/") if part]
        if not parts or ".." in parts or "\0" in relative:
            raise Unusable(f"{quoted(uri)} leads out of the folder of the set")
        if any(part.startswith(".") for part in parts):
            hint = "the local service serves no file or folder whose name begins with a dot"
            raise Unusable(f"{quoted(uri)} is hidden", hint)
        path = os.path.join(self._root, *parts)
        real = os.path.realpath(path)
        if os.path.commonpath([real, self._root]) != self._root:
            raise Unusable(f"{quoted(uri)} leads out of the folder of the set")
        try:
            mode = os.stat(real).st_mode
            if stat.S_ISDIR(mode):
                return _folder(real, self._root)
            if not stat.S_ISREG(mode):
                raise Unusable(f"{quoted(uri)} is not a file or folder")
            return file_digest(real)
        except FileNotFoundError:
            hint = f"{self._platform.workspace}PATH is relative to the folder of the set"
            raise NotThere(f"there is no file {quoted('/'.join(parts))}", hint) from None
        except OSError as error:
            raise Unusable(f"{quoted(uri)} cannot be read: {reason(error)}") from error


def file_digest(path: str) -> str:
    """The SHA-256 of the content of a file. Raises :class:`OSError`."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _folder(path: str, root: str) -> str:
    """One digest for the names and contents below a folder of *root*. Hidden folders are not shown;
    links that lead out of *root* are not staged, and behind one may be a file without end."""
    total = hashlib.sha256()
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            file = os.path.join(folder, name)
            if os.path.islink(file) and below(os.path.realpath(file), root) is None:
                continue
            if os.path.isfile(file):
                total.update(os.fsencode(os.path.relpath(file, path)))
                total.update(b"\0" + file_digest(file).encode() + b"\n")
    return total.hexdigest()
