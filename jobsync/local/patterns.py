"""Patterns that users give: tried for a moment only, so that none can hold up the service.

Python's own expressions can neither be interrupted nor left to another thread; those of the library
``regex`` can.
"""

from __future__ import annotations

import logging
import time

import regex

LONGEST_PATTERN = 1_000
LONGEST_TEXT = 10_000
SECONDS = 0.1
"""How long one text is searched."""

QUESTION_SECONDS = 1.0
"""How long all texts of one question are searched."""

log = logging.getLogger(__name__)


class PatternRefused(Exception):
    """A pattern that is too long or takes too long; the message says which."""


def search(pattern: str, text: str, *, until: float | None = None, whole: bool = False) -> bool:
    """Whether *pattern* occurs in *text*, or is all of it (*whole*); what is no expression, never.

    *until* is the moment (of the monotonic clock) at which the question ends. Raises
    :class:`PatternRefused`.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternRefused(f"a pattern may have {LONGEST_PATTERN} characters, not {len(pattern)}")
    left = SECONDS if until is None else min(SECONDS, until - time.monotonic())
    if len(text) > LONGEST_TEXT or left <= 0:
        raise _slow(pattern)
    ask = regex.fullmatch if whole else regex.search
    try:
        return ask(pattern, text, timeout=left, concurrent=True) is not None
    except TimeoutError as error:
        raise _slow(pattern) from error
    except (regex.error, RecursionError, MemoryError):
        return False


def _slow(pattern: str) -> PatternRefused:
    log.warning("a search was broken off, because its pattern takes too long: %r", pattern[:100])
    return PatternRefused("searching with this pattern takes too long")
