"""The one matcher of globs: in time proportional to the text, whatever the glob. Floor 0, pure.

A manifest may come from anybody, and a glob that backtracks can keep a command busy for ever.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

_PARTS = re.compile(r"\*\*/|\*\*|.", re.DOTALL)


def matches(name: str, glob: str) -> bool:
    """Whether *name* is meant by *glob* as a shell reads it: ``*``, ``?``, ``[...]``; ``/`` counts
    like any other character."""
    return fnmatch.fnmatchcase(name, glob)  # its translation does not backtrack


def is_glob(text: str) -> bool:
    """Whether *text* has a wildcard."""
    return any(sign in text for sign in "*?[")


def segment(glob: str) -> re.Pattern[str]:
    """The pattern of one segment of a path. As in a shell, no wildcard matches a leading dot."""
    pattern = fnmatch.translate(glob)
    if glob[0] in "*?[":
        pattern = rf"(?!\.){pattern}"
    return re.compile(pattern)


def covers(glob: str, path: str) -> bool:
    """Whether *glob* means the file *path*, or a folder that it is in.

    ``*`` and ``?`` stay within a folder, ``**`` does not, and ``**/`` may stand for no folder.
    """
    return _compiled(glob).covers(path)


class _Covering:
    """A glob as the set of states that it can be in, the bits of one number. Bit *n* is set when
    the first *n* tokens have been read."""

    def __init__(self, glob: str) -> None:
        text = glob.removeprefix("./").lstrip("/")
        self._stars = self._far_stars = self._skips = self._any = 0
        self._literal: dict[str, int] = {}
        self._folder = text.endswith("/")
        count = 0
        before = ""
        for part in _PARTS.findall(text):
            if part == before and part.startswith("*"):
                continue
            before = part
            if part == "**/":
                self._skips |= 1 << count  # over this, the star and the slash
                self._far_stars |= 2 << count
                self._put("/", 4 << count)
                count += 3
                continue
            if part == "**":
                self._far_stars |= 1 << count
            elif part == "*":
                self._stars |= 1 << count
            elif part == "?":
                self._any |= 1 << count
            else:
                self._put(part, 1 << count)
            count += 1
        self._stars |= self._far_stars
        self._end = 1 << count

    def covers(self, path: str) -> bool:
        states = self._with_empty(1)
        for character in path:
            at_folder = character == "/"
            if states & self._end and (at_folder or self._folder):
                return True
            stay = states & (self._far_stars if at_folder else self._stars)
            go = states & (self._literal.get(character, 0) | (0 if at_folder else self._any))
            states = self._with_empty(stay | go << 1)
            if not states:
                return False
        return bool(states & self._end)

    def _put(self, character: str, bit: int) -> None:
        self._literal[character] = self._literal.get(character, 0) | bit

    def _with_empty(self, states: int) -> int:
        """*states* and those that are reached by reading nothing."""
        while True:
            skipped = states & self._skips
            more = states | (states & self._stars) << 1 | skipped << 1 | skipped << 3
            if more == states:
                return states
            states = more


@lru_cache(maxsize=256)
def _compiled(glob: str) -> _Covering:
    return _Covering(glob)
