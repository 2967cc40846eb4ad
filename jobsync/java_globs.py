"""Globs as Java has them: ``*`` stays within a folder, ``**`` does not, braces are alternatives.

What begins with ``REGEX:`` is a regular expression of Java over the whole path. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from jobsync.java_regex import Uncheckable, found
from jobsync.structs import Struct

_REGEX = "REGEX:"
_MOST = 1_000
"""Alternatives that the braces of one glob may make, and characters that it may have."""


class _Piece(Struct, frozen=True):
    """One sign of a glob: ``chars`` that it takes (None: all) or, ``negated``, does not take; a
    slash only with ``slash``; any number of them with ``many``."""

    chars: frozenset[str] | None = None
    negated: bool = False
    slash: bool = False
    many: bool = False

    def takes(self, char: str) -> bool:
        if char == "/" and not self.slash:
            return False
        return self.chars is None or (char in self.chars) != self.negated


def check(pattern: str) -> None:
    """Raise :class:`ValueError` for a pattern that can never be tried."""
    matches(pattern, "a")


def matches(pattern: str, path: str) -> bool:
    """Whether *path*, relative and without a leading slash, fits. Takes time that grows with
    pattern times path, whatever they are. Raises :class:`ValueError` for a pattern that cannot be
    tried: what it would keep is not known, and outputs must not get lost over that."""
    if pattern.startswith(_REGEX):
        try:
            return found(f"^(?:{pattern.removeprefix(_REGEX)})$", path)
        except Uncheckable as error:
            raise ValueError(f"{pattern} cannot be tried: {error}") from error
    # "**/*" means files at the top too.
    paths = (path, f"/{path}") if pattern.startswith("**/") else (path,)
    return any(_fits(pieces, one) for pieces in _compiled(pattern) for one in paths)


def _fits(pieces: tuple[_Piece, ...], path: str) -> bool:
    """All ways at once: the places in the pattern that may have been reached."""
    places = _past_stars(pieces, {0})
    for char in path:
        reached = {at for at in places if at < len(pieces) and pieces[at].takes(char)}
        places = _past_stars(pieces, {at if pieces[at].many else at + 1 for at in reached})
        if not places:
            return False
    return len(pieces) in places


def _past_stars(pieces: tuple[_Piece, ...], places: set[int]) -> set[int]:
    found_places = set(places)
    for place in places:
        at = place
        while at < len(pieces) and pieces[at].many:
            at += 1
            found_places.add(at)
    return found_places


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[tuple[_Piece, ...], ...]:
    if len(pattern) > _MOST:
        raise ValueError(f"a glob may have {_MOST} characters, not {len(pattern)}")
    return tuple(tuple(_pieces(one)) for one in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    """The globs without braces that one with braces stands for."""
    start = _position(pattern, "{", 0)
    if start < 0:
        return [pattern]
    end = _position(pattern, "}", start)
    if end < 0:
        raise ValueError(f"{pattern}: no }} after a {{")
    inner = pattern[start + 1 : end]
    if _position(inner, "{", 0) >= 0:
        raise ValueError(f"{pattern}: braces inside braces")
    rests = _alternatives(pattern[end + 1 :])
    made = [pattern[:start] + choice + rest for choice in inner.split(",") for rest in rests]
    if len(made) > _MOST:
        raise ValueError(f"{pattern}: more than {_MOST} alternatives")
    return made


def _position(pattern: str, char: str, start: int) -> int:
    """Where *char* stands without a backslash before it, else -1."""
    at = start
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] == char:
            return at
        at += 1
    return -1


def _pieces(pattern: str) -> Iterator[_Piece]:
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            is_double = pattern[at : at + 1] == "*"
            at += is_double
            yield _Piece(slash=is_double, many=True)
        elif char == "?":
            yield _Piece()
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                raise ValueError(f"{pattern}: no ] after a [")
            yield _class(pattern[at:end])
            at = end + 1
        else:
            if char == "\\" and at < len(pattern):
                char = pattern[at]
                at += 1
            yield _Piece(frozenset(char), slash=True)


def _class(inner: str) -> _Piece:
    negated = inner.startswith("!")
    inner = inner.removeprefix("!")
    chars: set[str] = set()
    at = 0
    while at < len(inner):
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            chars.update(map(chr, range(ord(inner[at]), ord(inner[at + 2]) + 1)))
            at += 3
        else:
            chars.add(inner[at])
            at += 1
    return _Piece(frozenset(chars), negated=negated)
