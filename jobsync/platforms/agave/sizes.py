"""Sizes of memory, as people write them and as records of runs have them, in GB."""

from __future__ import annotations

import re
from decimal import Decimal

from jobsync.structs import Struct

_SIZE = re.compile(r"\s*([0-9][0-9,]*(?:\.[0-9]+)?)\s*(?:([KMGTPE])(B?))?\s*", re.IGNORECASE)
_GIGABYTES = {
    unit: Decimal(1024) ** power for unit, power in zip("KMGTPE", range(-2, 4), strict=True)
}


class Size(Struct, frozen=True):
    """A size in GB. ``unit`` is the letter that was written, or empty; *is_plain* is whether it is
    written as a manifest may write it: without commas, and with the B behind a letter."""

    gigabytes: Decimal
    unit: str
    is_plain: bool


def size_of(text: str) -> Size | None:
    """The size that *text* has; None when it is none."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, letter, tail = match[1], (match[2] or "").upper(), match[3]
    amount = Decimal(number.replace(",", "")) * _GIGABYTES[letter or "G"]
    return Size(amount, letter, "," not in number and bool(letter) == bool(tail))
