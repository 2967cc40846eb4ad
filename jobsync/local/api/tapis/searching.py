"""Searches by ``attr.op=value`` (tapis-v3 §6.4) and by text like SQL (tapis-v3 §6.5)."""

from __future__ import annotations

import re

from jobsync.local.api.tapis import schema
from jobsync.local.api.tapis.answer import Answer, Problem
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.columns import column_of, typed
from jobsync.local.api.tapis.listing import RESERVED, answer, window, writer
from jobsync.local.api.tapis.sqltext import parse
from jobsync.local.store.filters import Both, Compare, Filter, Overlap
from jobsync.structs import replace

OPERATORS = (
    "eq", "neq", "lt", "lte", "gt", "gte", "like", "nlike", "in", "nin", "between", "nbetween",
    "contains", "ncontains",
)  # fmt: skip
_LISTS = frozenset({"in", "nin", "between", "nbetween", "contains", "ncontains"})
_BY_KIND = {
    "text": frozenset(OPERATORS) - {"contains", "ncontains"},
    "int": frozenset(OPERATORS) - {"contains", "ncontains", "like", "nlike"},
    "bool": frozenset({"eq", "neq"}),
    "time": frozenset({"eq", "neq", "lt", "lte", "gt", "gte", "between", "nbetween"}),
    "tags": frozenset({"in", "nin", "contains", "ncontains"}),
}
_SPECIAL = re.compile(r"\\(.)|([~(),])", re.DOTALL)


def search_jobs(call: Call) -> Answer:
    """``GET /jobs/search``."""
    asked, write = window(call), writer(call)
    parts = [
        _condition(key, value)
        for key, value in call.request.args.items(multi=True)
        if key.lower() not in RESERVED
    ]
    if call.fault("drop-filters"):
        parts = []
    if asked.limit < 0 and call.query.get("select"):
        asked = replace(asked, order=(), skip=0)
    return answer(call, Both(tuple(parts)), asked, write)


def search_by_text(call: Call) -> Answer:
    """``POST /jobs/search``: the strings of ``search``, joined with a blank."""
    body = schema.checked(schema.SEARCH, call.body("search"), "search")
    asked, write = window(call), writer(call)
    text = " ".join(body["search"]).strip()
    where = parse(text) if text else Both(())
    if asked.limit < 0:
        asked = replace(asked, order=(), skip=0)
    return answer(call, where, asked, write)


def _condition(key: str, text: str) -> Filter:
    name, dot, operator = key.partition(".")
    operator = operator.lower()
    if not dot or operator not in OPERATORS:
        raise Problem(
            400, f"SEARCH_INVALID_CONDITION {key}={text}: ATTRIBUTE.OPERATOR=VALUE is expected."
        )
    column = column_of(name)
    if column is None:
        raise Problem(500, f"SEARCH_COND_UNKNOWN_ATTRIBUTE JOBS_SEARCHLIST_ERROR {name}")
    if column.kind == "json":
        raise Problem(500, f"SEARCH_COND_JSONB JOBS_SEARCHLIST_ERROR {name} cannot be searched.")
    if operator not in _BY_KIND[column.kind]:
        raise Problem(500, f"SEARCH_COND_INVALID_OPERATOR JOBS_SEARCHLIST_ERROR {key}")
    values = _values(key, text, is_list=operator in _LISTS)
    if column.kind == "tags":
        return Overlap(column.sql, tuple(values), negated=operator.startswith("n"))
    if operator in ("between", "nbetween") and len(values) != 2:
        raise Problem(400, f"SEARCH_INVALID_CONDITION {key}: two values are expected.")
    if operator in ("like", "nlike"):
        return Compare(column.sql, operator, (_pattern(values[0]),))
    return Compare(column.sql, operator, tuple(typed(column, one) for one in values))


def _values(key: str, text: str, *, is_list: bool) -> list[str]:
    """The values, escapes taken away. What separates must be escaped where it does not."""
    found, current, end = [], "", 0
    for match in _SPECIAL.finditer(text):
        current += text[end : match.start()]
        end = match.end()
        if match[1] is not None:
            current += match[1] if match[1] in "~(),'\\" else match[0]
        elif match[2] == "," and is_list:
            found.append(current)
            current = ""
        else:
            raise Problem(
                400, f"SEARCH_INVALID_CONDITION {key}: {match[2]} needs a backslash before it."
            )
    found.append(current + text[end:])
    return [one.strip() for one in found] if is_list else found


def _pattern(text: str) -> str:
    """``*`` any and ``!`` one; what SQL would take for more is itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return escaped.replace("*", "%").replace("!", "_")
