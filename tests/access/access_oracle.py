"""The service's rule for who may do what, written again from agave-v2 §5.1 for the tests alone."""

from __future__ import annotations

from collections.abc import Mapping

LEVELS = {
    "READ": (True, False),
    "READ_EXECUTE": (True, False),
    "READ_PERMISSION": (True, False),
    "WRITE": (False, True),
    "WRITE_EXECUTE": (False, True),
    "WRITE_PERMISSION": (False, True),
    "READ_WRITE": (True, True),
    "ALL": (True, True),
    "READ_WRITE_PERMISSION": (True, True),
    "EXECUTE": (False, False),
}
NOTHING = (False, False)
Rows = Mapping[str, tuple[bool, bool]]


def may(rows: Rows, owner: str, user: str) -> tuple[bool, bool]:
    """(read, write) of *user*: everything for the owner, else the first row that is theirs or
    ``world``, by name."""
    if user == owner:
        return (True, True)
    matching = [name for name in rows if name == user or name == "world"]
    return rows[min(matching)] if matching else NOTHING
