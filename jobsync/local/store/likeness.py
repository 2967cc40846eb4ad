"""LIKE that minds case, in time that grows with pattern times text whatever they are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

Part = tuple[str, ...]
"""What stands between two ``%``: characters, "" for any one of them."""

_PIECE = re.compile(r"\\(.)|(%)|(_)|(.)", re.DOTALL)


def fits(pattern: str, text: Any) -> bool:
    """Whether *text* is like *pattern*: ``%`` any characters, ``_`` one, a backslash before them
    as they are. None is like nothing."""
    if text is None:
        return False
    value, parts = str(text), _parts(pattern)
    if len(parts) == 1:
        return len(value) == len(parts[0]) and _at(parts[0], value, 0)
    first, last = parts[0], parts[-1]
    end = len(value) - len(last)
    if end < len(first) or not _at(first, value, 0) or not _at(last, value, end):
        return False
    place = len(first)
    for part in parts[1:-1]:
        place = _find(part, value, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def prefix(pattern: str) -> str:
    """The text with which every text that matches *pattern* begins."""
    found = ""
    for match in _PIECE.finditer(pattern):
        if match[2] or match[3]:
            break
        found += match[1] or match[4]
    return found


@lru_cache(maxsize=256)
def _parts(pattern: str) -> tuple[Part, ...]:
    parts: list[list[str]] = [[]]
    for match in _PIECE.finditer(pattern):
        if match[2]:
            parts.append([])
        else:
            parts[-1].append("" if match[3] else match[1] or match[4])
    return tuple(tuple(part) for part in parts)


def _at(part: Part, value: str, place: int) -> bool:
    if "" not in part:
        return value.startswith("".join(part), place)
    return all(one in ("", value[place + index]) for index, one in enumerate(part))


def _find(part: Part, value: str, start: int, end: int) -> int:
    """The first place from *start* at which *part* stands and ends before *end*, else -1."""
    if "" not in part:
        return value.find("".join(part), start, end)
    return next((at for at in range(start, end - len(part) + 1) if _at(part, value, at)), -1)
