"""Searches written like SQL (tapis-v3 §6.5). Nothing of the text itself becomes SQL."""

from __future__ import annotations

import re
from typing import Any

from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.columns import Column, column_of, typed
from jobsync.local.store.filters import Both, Compare, Either, Filter, Overlap

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<sign><>|!=|<=|>=|=|<|>)"
    r"|(?P<mark>[(),])|(?P<name>[A-Za-z_][A-Za-z0-9_]*))"
)
_SIGNS = {"=": "eq", "<>": "neq", "!=": "neq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_WORDS = frozenset({"AND", "OR", "NOT", "IN", "LIKE", "BETWEEN"})
_DEEPEST = 50


def parse(text: str) -> Filter:
    """The filter that *text* means. Raises :class:`Problem` 500, as the service does."""
    reader = _Reader(_tokens(text))
    found = reader.any_of(0)
    if reader.kind:
        raise _syntax(f"unexpected {reader.value}")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    end = 0
    while text[end:].strip():
        match = _TOKEN.match(text, end)
        if match is None:
            raise _syntax(f"cannot be read at: {text[end : end + 20]}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        end = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    @property
    def value(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else "end"

    def _take(self, kind: str, value: str | None = None) -> bool:
        if self.kind == kind and (value is None or self.value.upper() == value):
            self._at += 1
            return True
        return False

    def _need(self, kind: str, value: str | None = None) -> str:
        found = self.value
        if not self._take(kind, value):
            raise _syntax(f"{value or kind} expected, not {found}")
        return found

    def any_of(self, depth: int) -> Filter:
        if depth > _DEEPEST:
            raise _syntax("nested too deeply")
        parts = [self._all_of(depth)]
        while self._take("name", "OR"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _all_of(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self._take("name", "AND"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self, depth: int) -> Filter:
        if self._take("mark", "("):
            found = self.any_of(depth + 1)
            self._need("mark", ")")
            return found
        name = self._need("name")
        column = column_of(name)
        if name.upper() in _WORDS or column is None:
            raise Problem(500, f"SEARCH_COND_UNKNOWN_ATTRIBUTE JOBS_SEARCHLIST_ERROR {name}")
        if column.kind == "json":
            raise Problem(500, f"SEARCH_COND_JSONB JOBS_SEARCHLIST_ERROR {name}")
        if self.kind == "sign":
            operator = _SIGNS[self.value]
            self._at += 1
            return self._compare(column, operator, (self._literal(column),))
        negated = "n" if self._take("name", "NOT") else ""
        if self._take("name", "LIKE"):
            return self._compare(column, f"{negated}like", (self._literal(column),))
        if self._take("name", "BETWEEN"):
            low = self._literal(column)
            self._need("name", "AND")
            return self._compare(column, f"{negated}between", (low, self._literal(column)))
        self._need("name", "IN")
        self._need("mark", "(")
        values = [self._literal(column)]
        while self._take("mark", ","):
            values.append(self._literal(column))
        self._need("mark", ")")
        if column.kind == "tags":
            return Overlap(column.sql, tuple(str(v) for v in values), negated=bool(negated))
        return self._compare(column, f"{negated}in", tuple(values))

    def _compare(self, column: Column, operator: str, values: tuple[Any, ...]) -> Filter:
        if column.kind == "tags" or (operator.endswith("like") and column.kind != "text"):
            raise _syntax(f"{operator} is not for {column.name}")
        return Compare(column.sql, operator, values)

    def _literal(self, column: Column) -> Any:
        kind, value = self.kind, self.value
        self._at += 1
        if kind == "text":
            text = value[1:-1].replace("''", "'")
        elif kind == "number" or value.upper() in ("TRUE", "FALSE"):
            text = value
        else:
            raise _syntax(f"a value is expected, not {value}")
        return text if column.kind == "tags" else typed(column, text)


def _syntax(why: str) -> Problem:
    return Problem(500, f"SEARCH_SQL_PARSE_ERROR JOBS_SEARCHLIST_ERROR {why}")
