"""Conditions on jobs as a tree, and how it is said in SQL. Columns are never user text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from jobsync.local.store.likeness import prefix
from jobsync.structs import Struct


class Compare(Struct, frozen=True):
    """*column* (an SQL expression of ours) against values. ``operator`` is one of eq neq lt lte gt
    gte in nin between nbetween like nlike; the pattern of like is SQL's, and minds case."""

    column: str
    operator: str
    values: tuple[Any, ...]


class Overlap(Struct, frozen=True):
    """Whether a list in JSON and *values* have a member in common."""

    column: str
    values: tuple[str, ...]
    negated: bool = False


class Both(Struct, frozen=True):
    """All of *parts* must hold. No parts: true."""

    parts: tuple[Any, ...]


class Either(Struct, frozen=True):
    """At least one of *parts* must hold."""

    parts: tuple[Any, ...]


Filter = Union[Compare, Overlap, Both, Either]

_SIGNS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def render(node: Filter) -> tuple[str, list[Any]]:
    """The SQL of a filter and its values."""
    if isinstance(node, (Both, Either)):
        if not node.parts:
            return "1", []
        word = " AND " if isinstance(node, Both) else " OR "
        found = [render(part) for part in node.parts]
        return f"({word.join(sql for sql, _ in found)})", [v for _, more in found for v in more]
    if isinstance(node, Overlap):
        members = f"SELECT 1 FROM json_each({node.column}) WHERE value IN ({_marks(node.values)})"  # noqa: S608
        return f"{'NOT ' if node.negated else ''}EXISTS ({members})", list(node.values)
    return _compare(node)


def _compare(node: Compare) -> tuple[str, list[Any]]:
    column, values = node.column, list(node.values)
    match node.operator:
        case "in" | "nin":
            word = "IN" if node.operator == "in" else "NOT IN"
            return f"{column} {word} ({_marks(values)})", values
        case "between" | "nbetween":
            word = "BETWEEN" if node.operator == "between" else "NOT BETWEEN"
            return f"{column} {word} ? AND ?", values[:2]
        case "nlike":
            return f"NOT fits(?, {column})", values[:1]
        case "like":
            start = prefix(values[0])
            if not start:
                return f"fits(?, {column})", values[:1]
            # What an index can find.
            between = f"{column} >= ? AND {column} < ?"
            return f"({between} AND fits(?, {column}))", [start, start + "\U0010ffff", values[0]]
        case operator:
            return f"{column} {_SIGNS[operator]} ?", values[:1]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
