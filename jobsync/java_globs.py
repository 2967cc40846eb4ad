"""Globs as Java has them: ``*`` stays within a folder, ``**`` does not, braces are alternatives.

What begins with ``REGEX:`` is a regular expression of Java over the whole path. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import repeat

from jobsync.java_regex import Uncheckable, found
from jobsync.structs import Struct

_REGEX = "REGEX:"
_MOST = 1_000
"""Alternatives that the braces of one glob may make, and characters that it may have."""

_MOST_WORK = 50_000
"""Places of globs that are gone through to compare them."""
_OTHER = "\0"
"""A sign of a path that stands in no glob."""


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


_Forms = tuple[tuple[_Piece, ...], ...]
_Places = frozenset[tuple[int, int]]
"""What may have been read of a glob: of which of its forms without braces, and how many pieces."""


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


def covered(pattern: str, globs: Collection[str]) -> bool:
    """Whether every path that fits *pattern* fits one of *globs*; False where that takes too long
    to find out, or one cannot be tried."""
    found = _together(pattern, globs)
    return found is not None and all(found)


def disjoint(pattern: str, globs: Collection[str]) -> bool:
    """Whether no path that fits *pattern* fits one of *globs*; False as for :func:`covered`."""
    found = _together(pattern, globs)
    return found is not None and not any(found)


@lru_cache(maxsize=256)
def _once(pattern: str, globs: tuple[str, ...]) -> frozenset[bool] | None:
    """Whether paths that fit *pattern* fit one of *globs*: both, where some do and some do not.

    All paths at once: each glob has the places that it may have reached, and from them every sign
    leads on that some glob names, and one that none does.
    """
    forms = [_compiled(glob) for glob in (pattern, *globs)]
    pieces = [piece for form in forms for one in form for piece in one]
    signs = sorted({"/", _OTHER}.union(*(piece.chars or () for piece in pieces)))
    start = (tuple(_start(*pair) for pair in zip((pattern, *globs), forms, strict=True)), True)
    seen, todo, found, work = {start}, [start], set[bool](), 0
    while todo:
        states, after_slash = todo.pop()
        if not after_slash and _has_ended(forms[0], states[0]):
            found.add(any(map(_has_ended, forms[1:], states[1:])))
        for sign in signs:
            if sign == "/" and after_slash:  # no path has two, or begins with one
                continue
            work += sum(map(len, states))
            if work > _MOST_WORK:
                return None
            reached = (tuple(map(_after, forms, states, repeat(sign))), sign == "/")
            if reached[0][0] and reached not in seen:
                seen.add(reached)
                todo.append(reached)
    return frozenset(found)


def _together(pattern: str, globs: Collection[str]) -> frozenset[bool] | None:
    if any(glob.startswith(_REGEX) for glob in (pattern, *globs)):
        return None
    try:
        return _once(pattern, tuple(globs))
    except ValueError:
        return None


def _start(glob: str, forms: _Forms) -> _Places:
    places = frozenset(
        (number, at) for number, pieces in enumerate(forms) for at in _past_stars(pieces, {0})
    )
    return places | _after(forms, places, "/") if glob.startswith("**/") else places


def _after(forms: _Forms, places: _Places, sign: str) -> _Places:
    """The places that are reached from *places* by one sign of a path."""
    return frozenset(
        (number, past)
        for number, at in places
        if at < len(forms[number]) and (piece := forms[number][at]).takes(sign)
        for past in _past_stars(forms[number], {at if piece.many else at + 1})
    )


def _has_ended(forms: _Forms, places: _Places) -> bool:
    return any(at == len(forms[number]) for number, at in places)


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
def _compiled(pattern: str) -> _Forms:
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
