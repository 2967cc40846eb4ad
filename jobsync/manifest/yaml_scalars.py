"""What a plain (unquoted) scalar of a manifest means.

``null``, ``true``, ``false``, a number as JSON spells it, or text; nothing else is converted, so
``12:30:00``, ``no``, ``010``, ``1_000`` and ``2020-01-01`` stay text. JSON's own number grammar is
used so that every JSON document is read as what it is.
"""

from __future__ import annotations

import math
import re

from jobsync.model import Scalar

DIGITS_LIMIT = 600
"""The most characters of a number; Python itself refuses to read endless integers."""

_WORDS: dict[str, Scalar] = {"": None, "null": None, "true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_START = frozenset("-0123456789")


class OutOfRange(ValueError):
    """A number that cannot be kept: too many digits, or beyond what a double holds."""


def plain(text: str) -> Scalar:
    """The value of a plain scalar. Raises :class:`OutOfRange`."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if len(text) > DIGITS_LIMIT:
        raise OutOfRange(f"a number of {len(text)} characters is too long")
    if match[1] is None and match[2] is None:
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise OutOfRange(f"the number {text} is too large")
    return number


def is_text(text: str) -> bool:
    """Whether *text* written plain would be read back as that text and not as something else."""
    try:
        return isinstance(plain(text), str)
    except OutOfRange:
        return False
