"""Java's regular expressions, searched for with Python's ``re``. Floor 1.

Apps say with an expression which values they take. It is translated where Python can say the same,
and :class:`Uncheckable` is raised for all else: what is not understood is never a refusal. Nor is
an expression tried that may take long: Python cannot be interrupted in one.

``(?i)`` holds for the whole expression wherever it stands, since the platform's library takes it
so; line breaks are not translated, so a value with one in it is not checked.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jobsync.structs import Struct

LONGEST_EXPRESSION = 1_000
LONGEST_TEXT = 10_000
_MOST_STEPS = 10_000_000
"""Ways to try at worst, about half a second."""

_LINE_BREAKS = re.compile("[\n\r\x85\u2028\u2029]")
_PLAIN_ESCAPES = {**{c: c for c in "dDwWsS"}, "t": "\\t", "n": "\\n", "r": "\\r", "f": "\\f"}
_PLACES = {"A": r"\A", "Z": r"\Z", "z": r"\Z", "b": r"\b"}
_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}
"""POSIX classes, which are US-ASCII in Java whatever the text."""
_ASCII_CLASSES = {
    "L": "a-zA-Z",
    "Lu": "A-Z",
    "Ll": "a-z",
    "N": "0-9",
    "Nd": "0-9",
    "IsAlphabetic": "a-zA-Z",
    "IsLetter": "a-zA-Z",
    "IsDigit": "0-9",
    "javaLetter": "a-zA-Z",
    "javaDigit": "0-9",
}
"""What classes of Unicode come to in a text of ASCII characters."""


class Uncheckable(Exception):
    """Whether a text matches cannot be said here; the message is why."""


def found(expression: str, text: str) -> bool:
    """Whether *expression* matches somewhere in *text*. Raises :class:`Uncheckable`."""
    if len(text) > LONGEST_TEXT:
        raise Uncheckable(f"the value is longer than {LONGEST_TEXT:,} characters")
    if _LINE_BREAKS.search(text):
        raise Uncheckable("the value has a line break")
    translated = translate(expression)
    if translated.only_ascii and not text.isascii():
        raise Uncheckable("it means something else for characters beyond ASCII")
    if translated.steps(len(text)) > _MOST_STEPS:
        raise Uncheckable("it may take very long on such a value")
    return translated.pattern.search(text) is not None


class _Size(Struct, frozen=True):
    """How many ways there are to match a part, at worst.

    The product of ``ranges``, how many counts each repetition can choose from (None: as many as
    the text is long). Where a repetition repeats something that itself can choose, each character
    may be the next of any of the ``atoms`` in any of the ``loops``.
    """

    ranges: tuple[int | None, ...] = ()
    atoms: int = 0
    loops: int = 0
    explodes: bool = False

    def __add__(self, other: _Size) -> _Size:
        return _Size(
            (*self.ranges, *other.ranges),
            self.atoms + other.atoms,
            self.loops + other.loops,
            self.explodes or other.explodes,
        )

    def steps(self, length: int) -> int:
        total = 1
        for span in self.ranges:
            total *= length + 1 if span is None else min(span, length + 1)
        if self.explodes:  # empty branches are no atoms, and are tried all the same
            return max(total, int((self.atoms * self.loops + 1) ** min(length + 1, 64)))
        return total


class Translated(Struct, frozen=True):
    """An expression in Python's words, and for which texts it means the same."""

    pattern: re.Pattern[str]
    only_ascii: bool
    size: _Size
    anchored: bool

    def steps(self, length: int) -> int:
        """How many ways to try there are at worst in a text of *length* characters."""
        return self.size.steps(length) * (1 if self.anchored else length + 1)


@lru_cache(maxsize=1_000)
def translate(expression: str) -> Translated:
    """*expression* for Python. Raises :class:`Uncheckable`."""
    if len(expression) > LONGEST_EXPRESSION:
        raise Uncheckable(f"it is longer than {LONGEST_EXPRESSION:,} characters")
    try:
        return _Translation(expression).whole()
    except (re.error, OverflowError, RecursionError) as error:
        raise Uncheckable(f"Python does not take it: {error}") from error


class _Part(Struct, frozen=True):
    """A translated part. ``varies`` is whether it can match the same text in several ways,
    ``takes`` whether it always takes a character."""

    text: str
    size: _Size = _Size(atoms=1)
    varies: bool = False
    takes: bool = True


class _Translation:
    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0
        self._flags = re.ASCII
        self._only_ascii = False
        self._groups = 0
        self._names: dict[str, int] = {}
        self._atoms = 0

    def whole(self) -> Translated:
        part = self._alternatives()
        if self._at < len(self._text):
            raise Uncheckable("a ) too many")
        anchored = re.match(r"(\(\?i\))?(\^|\\A)(?![*+?{])", self._text) and "|" not in self._text
        pattern = re.compile(part.text, self._flags)
        return Translated(pattern, self._only_ascii, part.size, bool(anchored))

    # --- the parts ----------------------------------------------------------------------

    def _alternatives(self) -> _Part:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        size = sum((branch.size for branch in branches), _Size())
        varies = len(branches) > 1 or any(branch.varies for branch in branches)
        if len(branches) > 1:
            size += _Size((len(branches),), loops=len(branches) - 1)
        takes = all(branch.takes for branch in branches)
        return _Part("|".join(branch.text for branch in branches), size, varies, takes)

    def _sequence(self) -> _Part:
        parts = []
        while self._at < len(self._text) and self._peek() not in "|)":
            parts.append(self._quantified(self._atom()))
        size = sum((part.size for part in parts), _Size())
        varies, takes = any(p.varies for p in parts), any(p.takes for p in parts)
        return _Part("".join(p.text for p in parts), size, varies, takes)

    def _quantified(self, atom: _Part) -> _Part:
        match = re.compile(r"([*+?]|\{([0-9]{1,4})(,([0-9]{1,4})?)?\})([?+]?)").match(
            self._text, self._at
        )
        if match is None:
            if self._peek() == "{":
                raise Uncheckable("a { that begins no count")
            return atom
        self._at = match.end()
        least, most = _bounds(match)
        if not atom.takes and (most is None or most > 1):
            raise Uncheckable("it repeats what may be nothing")  # no text is an end to that
        if least == most:
            span: tuple[int | None, ...] = ()
        else:
            span = (None if most is None else most - least + 1,)
        explodes = atom.varies and (most is None or most > 1)
        size = atom.size + _Size(span, loops=1, explodes=explodes)
        if match[5] != "+":
            varies, takes = least != most or atom.varies, atom.takes and least > 0
            return _Part(atom.text + match[0], size, varies, takes)
        return self._atomic(_Part(atom.text + match[1], size, takes=atom.takes and least > 0))

    def _atomic(self, part: _Part) -> _Part:
        """Python 3.10 has no ``(?>X)``; a group in a look-ahead is never tried anew either."""
        self._atoms += 1
        name = f"a{self._atoms}"
        return _Part(f"(?:(?=(?P<{name}>{part.text}))(?P={name}))", part.size, takes=part.takes)

    def _atom(self) -> _Part:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return _Part(self._class())
        if char == "\\":
            return self._escape()
        if char in "*+?{":
            raise Uncheckable(f"nothing before a {char}")
        if char in "^$":
            return _Part(char, _Size(), takes=False)
        return _Part("." if char == "." else re.escape(char))

    def _group(self) -> _Part:
        if not self._take("?"):
            self._groups += 1
            return self._closed(f"(?P<g{self._groups}>")
        for opening in ("?:", "?=", "?!", "?<=", "?<!"):
            if self._take(opening[1:]):
                return self._closed(f"({opening}")
        if self._take(">"):
            return self._atomic(self._closed("(?:"))
        if match := self._match(r"<([A-Za-z][A-Za-z0-9]*)>"):
            if match[1] in self._names:
                raise Uncheckable("two groups of one name")
            self._groups += 1
            self._names[match[1]] = self._groups
            return self._closed(f"(?P<g{self._groups}>")
        if match := self._match(r"([ismdu]+)(\)|:)"):
            return self._flagged(match[1], inside=match[2] == ":")
        raise Uncheckable(f"(?{self._peek()} is not known")

    def _flagged(self, flags: str, *, inside: bool) -> _Part:
        """``s``, ``m`` and ``d`` are about line breaks, which no value that is checked has."""
        self._only_ascii |= bool({"i", "u"} & set(flags))
        if inside:
            return self._closed("(?i:" if "i" in flags else "(?:")
        if "i" in flags:
            self._flags |= re.IGNORECASE
        return _Part("", _Size(), takes=False)

    def _closed(self, opening: str) -> _Part:
        part = self._alternatives()
        if not self._take(")"):
            raise Uncheckable("a ( that is not closed")
        takes = part.takes and opening not in ("(?=", "(?!", "(?<=", "(?<!")
        return _Part(f"{opening}{part.text})", part.size, part.varies, takes)

    def _escape(self) -> _Part:
        if self._take("Q"):
            end = self._text.find("\\E", self._at)
            quoted = self._text[self._at : end if end >= 0 else None]
            self._at = end + 2 if end >= 0 else len(self._text)
            if self._peek() in "*+?{" and self._peek():
                raise Uncheckable("a count after \\E")
            return _Part(re.escape(quoted), takes=bool(quoted))
        if match := self._match(r"k<([A-Za-z][A-Za-z0-9]*)>"):
            return self._reference(self._names.get(match[1], 0))
        if self._peek() in "123456789":
            number = int(self._next())
            while self._peek().isdigit() and number * 10 + int(self._peek()) <= self._groups:
                number = number * 10 + int(self._next())
            return self._reference(number)
        if self._peek() in _PLACES:
            char = self._next()
            self._only_ascii |= char == "b"
            return _Part(_PLACES[char], _Size(), takes=False)
        if match := self._match(r"([pP])(?:\{([A-Za-z]+)\}|([A-Z]))"):
            return _Part(f"[{'^' if match[1] == 'P' else ''}{self._posix(match[2] or match[3])}]")
        return _Part(self._character())

    def _reference(self, number: int) -> _Part:
        if not 0 < number <= self._groups:
            raise Uncheckable("a reference to a group that is not there")
        return _Part(f"(?P=g{number})", varies=True, takes=False)

    def _posix(self, name: str) -> str:
        if name in _CLASSES:
            return _CLASSES[name]
        if name not in _ASCII_CLASSES:
            raise Uncheckable(f"\\p{{{name}}} is not known")
        self._only_ascii = True
        return _ASCII_CLASSES[name]

    def _character(self) -> str:
        """What follows a backslash, as one character or class for Python, inside ``[`` or not."""
        if match := self._match(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|x\{([0-9A-Fa-f]{1,6})\}"):
            return re.escape(chr(int(match[1] or match[2] or match[3], 16)))
        if match := self._match(r"0([0-3]?[0-7]{1,2})"):
            return re.escape(chr(int(match[1], 8)))
        char = self._next()
        if char in _PLAIN_ESCAPES:
            plain = _PLAIN_ESCAPES[char]
            return plain if plain.startswith("\\") else f"\\{plain}"
        if char in "ae":
            return {"a": r"\x07", "e": r"\x1b"}[char]
        if char.isalnum() or not char.isascii():
            raise Uncheckable(f"\\{char} is not known")
        return re.escape(char)

    def _class(self) -> str:
        """The rest of ``[...]``. Classes inside classes and ``&&`` are Java's alone."""
        opening = "[^" if self._take("^") else "["
        inner = ""
        while not inner or not self._take("]"):
            if self._peek() in ("", "[") or self._text.startswith("&&", self._at):
                raise Uncheckable("a class inside a class, or one that is not closed")
            if self._peek() == "]":
                raise Uncheckable("an empty class")
            inner += self._member()
        return f"{opening}{inner}]"

    def _member(self) -> str:
        char = self._next()
        if char == "\\":
            if match := self._match(r"p(?:\{([A-Za-z]+)\}|([A-Z]))"):
                return self._posix(match[1] or match[2])
            return self._character()
        if char == "-":
            ranges = self._peek() not in ("]", "") and self._text[self._at - 2] not in "[^"
            return "-" if ranges else r"\-"
        return re.escape(char)

    # --- reading ------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise Uncheckable("it ends too early")
        self._at += 1
        return char

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _match(self, expression: str) -> re.Match[str] | None:
        match = re.compile(expression).match(self._text, self._at)
        if match:
            self._at = match.end()
        return match


def _bounds(match: re.Match[str]) -> tuple[int, int | None]:
    """The least and the most repetitions; None for any number."""
    if match[2] is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[match[1]]
    least = int(match[2])
    if match[3] is None:
        return least, least
    return least, None if match[4] is None else int(match[4])
