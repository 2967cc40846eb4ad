"""What a listing may ask for, and how that is said in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsync.local.store.encoding import COLUMNS, JSON
from jobsync.local.store.rows import AGAVE
from jobsync.structs import Struct


class Condition(Struct, frozen=True):
    """One search condition on a column of :data:`SEARCHABLE`.

    ``operator`` is one of eq neq lt lte gt gte in nin like rlike between.
    """

    column: str
    operator: str
    values: tuple[str | float | int | None, ...]


class Listing(Struct, frozen=True):
    """A question for a page of the jobs of one api that *user* may list."""

    user: str
    conditions: tuple[Condition, ...] = ()
    order_by: str = "last_updated"
    descending: bool = True
    limit: int = 100
    offset: int = 0
    api: str = AGAVE


#: What a listing may be searched and ordered by: column or SQL expression, never user text.
SEARCHABLE: Mapping[str, str] = {
    **{name: name for name in COLUMNS if name not in JSON},
    "inputs": "coalesce(json_extract(request, '$.inputs'), '{}')",
    "parameters": "coalesce(json_extract(request, '$.parameters'), '{}')",
    "archive_path_given": "coalesce(json_extract(request, '$.archivePath'), archive_path)",
    "runtime": "(ended - started)",
    "walltime": "(ended - created)",
    "charge": "NULL",
}

_COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


EVENTS: Mapping[str, str] = {
    name: name for name in ("id", "status", "created", "by", "description")
}
"""The same for the history of a job."""


def sql(condition: Condition, searchable: Mapping[str, str] = SEARCHABLE) -> tuple[str, list[Any]]:
    """*condition* as an SQL expression, and the values of its placeholders."""
    column = searchable[condition.column]
    values = [int(v) if isinstance(v, bool) else v for v in condition.values]
    match condition.operator:
        case "in" | "nin":
            word = "IN" if condition.operator == "in" else "NOT IN"
            return f"{column} {word} ({', '.join('?' * len(values))})", values
        case "between":
            return f"{column} BETWEEN ? AND ?", values[:2]
        case "like":
            return f"{column} LIKE ? ESCAPE '\\'", values[:1]
        case "rlike":
            return f"regexp(?, {column})", values[:1]
        case operator:
            return f"{column} {_COMPARISONS[operator]} ?", values[:1]
