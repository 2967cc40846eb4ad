"""Small tables as plain joined text; everything in them is escaped for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from jobsync.model import JsonValue
from jobsync.render.escape import terminal


def table_text(columns: Sequence[str], records: Sequence[Mapping[str, JsonValue]]) -> str:
    """One line a record under one line of headings; the last column is not padded."""
    lines = [[column.upper() for column in columns]]
    lines += [[_cell(record.get(column)) for column in columns] for record in records]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def fields_text(record: Mapping[str, JsonValue]) -> str:
    """One line a field, names aligned; fields without a value are left out."""
    shown = {terminal(name): value for name, value in record.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    return "\n".join(
        f"{name.ljust(width)}  {_cell(value)}".rstrip() for name, value in shown.items()
    )


def _cell(value: JsonValue) -> str:
    if value is None:
        return ""
    return terminal(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
