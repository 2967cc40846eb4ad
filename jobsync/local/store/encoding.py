"""Between a job's record and its row in the table ``jobs``."""

from __future__ import annotations

import json
from typing import Any

from jobsync.local.store.rows import JobRow

BOOLEANS = frozenset({"archive", "cancel_requested", "visible", "archived"})
JSON = frozenset({"request", "notifications", "tags", "directories"})
COLUMNS = JobRow.__struct_fields__

SELECT = f"SELECT {', '.join(COLUMNS)} FROM jobs"  # noqa: S608 - our own column names
_JSON_AT = tuple(at for at, name in enumerate(COLUMNS) if name in JSON)
_BOOLEANS_AT = tuple(at for at, name in enumerate(COLUMNS) if name in BOOLEANS)
INSERT = f"INSERT INTO jobs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608


def encode(name: str, value: Any) -> Any:
    """*value* of the column *name* as the database stores it."""
    if name in JSON:
        return json.dumps(value)
    return int(value) if name in BOOLEANS else value


def job(row: tuple[Any, ...]) -> JobRow:
    """The job in a *row* of the table, whose columns are in the order of ``COLUMNS``."""
    values = [*row]
    for at in _JSON_AT:
        text = values[at]
        values[at] = [] if text == "[]" else {} if text == "{}" else json.loads(text)
    for at in _BOOLEANS_AT:
        values[at] = bool(values[at])
    return JobRow(*values)
