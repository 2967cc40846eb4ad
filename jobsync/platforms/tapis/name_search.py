"""Runs by their exact names, and the proof that there are none.

A search finds visible runs only (tapis-v3 §6.1): hidden ones are asked for by the ids that somebody
knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobsync.errors import Unreadable
from jobsync.platforms.tapis.describe import Row
from jobsync.platforms.tapis.pagination import Listing

MOST_NAMES = 40
"""How many names, of 64 characters at most, go into one URL."""

_SIMPLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""Names that mean themselves in a list with commas. All that jobsync makes are of them."""

_SPECIAL = re.compile(r"([~,()'\\])")


class NameSearch:
    """Asks for runs by name. Used by one thread at a time."""

    def __init__(self, listing: Listing, select: tuple[str, ...]) -> None:
        self._listing, self._select = listing, select

    def rows_of(self, names: Sequence[str]) -> list[list[Row]]:
        """The visible runs of each of *names*, oldest first. Raises :class:`Unreadable` for a row
        that no name asked for: then the question was not heard."""
        several = [name for name in dict.fromkeys(names) if _SIMPLE.fullmatch(name)]
        found = self._asked("name.in", ",".join(several), several) if several else []
        for name in set(names).difference(several):
            found += self._asked("name.eq", _SPECIAL.sub(r"\\\1", name), [name])
        return [[row for row in found if row.name == name] for name in names]

    def _asked(self, term: str, value: str, names: Sequence[str]) -> list[Row]:
        rows = self._listing.rows([(term, value)], self._select)
        for row in rows:
            if row.name not in names:
                asked = ", ".join(map(repr, names))
                raise Unreadable(
                    f"asked for jobs named {asked}, the service answered with {row.name!r}"
                )
        return rows
