"""The order in which people read addresses: numbers in them count as numbers."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"([0-9]+)")


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A key to sort by: ``f.2`` before ``f.10``. Texts that differ never have equal keys."""
    words = _NUMBER.split(text)  # every second one is a number
    key = tuple(_number(word) if n % 2 else (1, 0, word) for n, word in enumerate(words) if word)
    return key, text


def _number(digits: str) -> tuple[int, int, str]:
    """By length and then by digit: a number may be longer than Python reads."""
    bare = digits.lstrip("0")
    return 0, len(bare), bare
