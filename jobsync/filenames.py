"""The one choke point for file names that come from outside.

Floor 1, pure. A service, and whoever runs jobs on it, may name a file anything. A name passes
here or its file is refused, by name and with a reason; no name is ever changed to make it fit,
because a file under another name is a silent mistake.

Two questions are asked. :func:`refusal` is about a path in the outputs of a job: it must be safe
as a file name here *and* survive a service that deletes every ``..`` and ``~`` from a path
and would hand out another file. :func:`destination_refusal` is about the path that
a file gets here. Both return why not, or an empty text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

SEGMENT_BYTES = 255
"""The longest name that the usual file systems take, in bytes of UTF-8."""

PATH_BYTES = 3000
"""The longest whole path: leaves room below PATH_MAX (4096) for the folder of the set."""

LOCKFILE = "jobsync.lock"

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.+=,@-]{0,199}")
_BAD_CATEGORIES = {
    "Cc": "a control character",
    "Cf": "an invisible or direction-changing character",
    "Cs": "a lone surrogate",
    "Co": "a private-use character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}


def refusal(path: str) -> str:
    """Why the output *path* (relative, ``/`` between segments) must not be fetched, or ``""``."""
    if ".." in path:
        return "has '..' in it, which the service deletes from paths"
    if "~" in path:
        return "has '~' in it, which the service deletes from paths"
    return destination_refusal(path)


def destination_refusal(path: str) -> str:
    """Why nothing may be written to the relative *path*, or ``""``."""
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    segments = path.split("/")
    for segment in segments:
        if why := _segment_refusal(segment):
            return why
    if len(path.encode()) > PATH_BYTES:
        return f"is longer than {PATH_BYTES} bytes"
    return ""


def collision_key(path: str) -> str:
    """Two paths with one key are one file on some file system (case, Unicode normal form)."""
    if path.isascii():
        lower = path.lower()
        # Mostly the same: then one text serves both, however many places are remembered.
        return path if lower == path else lower
    decomposed = unicodedata.normalize("NFD", path)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", decomposed.casefold()))


class Tree:
    """The paths taken so far in one destination. :meth:`clash` says what a new one runs into."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Take *path* as a file, and its folders."""
        self._files.setdefault(collision_key(path), path)
        for folder in _folders(path):
            self._folders.setdefault(collision_key(folder), folder)

    def clash(self, path: str) -> str:
        """Why the file *path* cannot stand beside those taken, or ``""``."""
        key = collision_key(path)
        if (other := self._files.get(key)) is not None:
            if other == path:
                return f"lands on {path}, which is taken"
            return f"differs from {other} only by case or Unicode form"
        if (other := self._folders.get(key)) is not None:
            return f"is a file where {other} is a folder"
        for folder in _folders(path):
            folder_key = collision_key(folder)
            if (other := self._files.get(folder_key)) is not None:
                return f"lies in {folder}, but {other} is a file"
            if (other := self._folders.get(folder_key, folder)) != folder:
                return f"lies in {folder}, which differs from {other} only by case or Unicode form"
        return ""


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _segment_refusal(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return _reserved_refusal(name) or _end_refusal(name)
    if name == "":
        return "has an empty segment"
    if name in (".", ".."):
        return f"has the segment '{name}'"
    return (
        _character_refusal(name)
        or _end_refusal(name)
        or _reserved_refusal(name)
        or _lookalike_refusal(name)
        or _length_refusal(name)
    )


def _character_refusal(name: str) -> str:
    for character in name:
        if character == "\\":
            return "has a backslash in it"
        if character == ":":
            return "has ':' in it (a drive or a stream on some systems)"
        if what := _BAD_CATEGORIES.get(unicodedata.category(character)):
            return f"has {what} in it (U+{ord(character):04X})"
        if ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
            return f"has a noncharacter in it (U+{ord(character):04X})"
    return ""


def _end_refusal(name: str) -> str:
    if name[0].isspace():
        return "begins with a blank"
    if name[-1].isspace():
        return "ends with a blank"
    if name[-1] == ".":
        return "ends with a dot"
    return ""


def _reserved_refusal(name: str) -> str:
    key = collision_key(name)
    if _RESERVED.fullmatch(key):
        return "is a reserved device name on some systems"
    if key in (".git", "git~1"):
        return "is in a .git folder"
    if key.startswith(".jobsync") or key == LOCKFILE:
        return "has a name that jobsync keeps for itself"
    return ""


def _lookalike_refusal(name: str) -> str:
    """Full-width and other compatibility forms that some systems turn into the plain ones."""
    plain = unicodedata.normalize("NFKC", name)
    if plain == name:
        return ""
    if ".." in plain or any(character in plain for character in "/\\:~\x00"):
        return "turns into a path when its characters are normalised"
    if plain in ("", ".") or _reserved_refusal(plain) or (_end_refusal(plain)):
        return "turns into another name when its characters are normalised"
    return ""


def _length_refusal(name: str) -> str:
    longest = max(len(unicodedata.normalize(form, name).encode()) for form in ("NFC", "NFD"))
    return f"has a segment longer than {SEGMENT_BYTES} bytes" if longest > SEGMENT_BYTES else ""
