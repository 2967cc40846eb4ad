"""Pages of jobs: limit, skip, order, whose jobs, which attributes (tapis-v3 §6.1 to §6.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsync.local.api.tapis import record
from jobsync.local.api.tapis.answer import Answer, PlainProblem, Problem
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.columns import column_of
from jobsync.local.store.filters import Both, Compare, Filter
from jobsync.local.store.rows import JobRow
from jobsync.local.store.tapis import Page
from jobsync.structs import Struct, replace

DEFAULT_LIMIT = 100
RESERVED = (
    "pretty", "select", "search", "orderby", "limit", "skip", "startafter", "computetotal",
    "listtype",
)  # fmt: skip
_ORDER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\((asc|desc)\))?", re.IGNORECASE)
_LISTS = ("MY_JOBS", "SHARED_JOBS", "ALL_JOBS")


class Window(Struct, frozen=True):
    """What of a list is asked for."""

    limit: int
    skip: int
    order: tuple[tuple[str, bool], ...]
    order_by: str
    total: bool
    kind: str


def window(call: Call) -> Window:
    """The reserved words of a query. Raises :class:`PlainProblem` and :class:`Problem`."""
    words = reserved(call)
    limit, skip = _whole(words, "limit", DEFAULT_LIMIT), _whole(words, "skip", 0)
    order_by = words.get("orderby", "")
    if words.get("startafter") and (not order_by or skip > 0):
        raise PlainProblem(400, "TAPIS_INVALID_QUERY startAfter needs orderBy and excludes skip.")
    kind = (words.get("listtype") or "MY_JOBS").upper()
    if kind not in _LISTS:
        raise Problem(400, f"JOBS_LISTTYPE_ERROR listType {kind}: one of {', '.join(_LISTS)}.")
    return Window(
        limit=limit if limit >= 0 else -1,
        skip=max(0, skip),
        order=_order(order_by),
        order_by=order_by,
        total=words.get("computetotal", "").lower() == "true",
        kind=kind,
    )


def reserved(call: Call) -> dict[str, str]:
    """The reserved words by lower case. One that comes twice is refused."""
    found: dict[str, str] = {}
    for key, value in call.request.args.items(multi=True):
        if key.lower() in RESERVED:
            if key.lower() in found:
                raise PlainProblem(400, f"TAPIS_INVALID_QUERY {key} is given more than once.")
            found[key.lower()] = value.strip()
    return found


def answer(
    call: Call, where: Filter, asked: Window, write: Callable[[JobRow], dict[str, Any]]
) -> Answer:
    """The page of the jobs that *where* keeps."""
    if hidden := call.site.faults.hidden():
        where = Both((where, Compare("id", "nin", tuple(hidden))))
    if fault := call.fault("page-limit"):
        most = fault.number("limit")
        asked = replace(asked, limit=most if asked.limit < 0 else min(asked.limit, most))
    page = Page(
        call.user, "mine", where, asked.order, asked.limit, asked.skip,
        shuffled=bool(not asked.order and call.fault("shuffle")), short=write is record.summary,
    )  # fmt: skip
    shared = replace(page, scope="shared")
    store = call.store
    match asked.kind:
        case "MY_JOBS":
            rows = store.page(page)
            total = store.count(page) if asked.total else -1
        case "SHARED_JOBS":
            rows = store.page(shared)
            total = _count_of_shared(call, shared) if asked.total else -1
        case _:
            rows = store.page(page)
            mine = store.count(page)
            left = -1 if asked.limit < 0 else asked.limit - len(rows)
            rows += store.page(replace(shared, limit=left, offset=max(0, asked.skip - mine)))
            total = mine + store.count(shared) if asked.total else -1
    if not rows and page.short:
        total = -1
    return Answer(
        [write(row) for row in rows],
        f"JOBS_LIST_RETRIEVED {len(rows)} jobs retrieved.",
        {
            "recordCount": len(rows),
            "recordLimit": asked.limit,
            "recordsSkipped": asked.skip,
            "orderBy": asked.order_by or None,
            "startAfter": reserved(call).get("startafter") or None,
            "totalCount": total,
        },
    )


def _count_of_shared(call: Call, page: Page) -> int:
    """How many jobs are shared with the user; where none is, those of everybody, for then nothing
    is left of the conditions (tapis-v3 §6.1)."""
    every = replace(page, where=Both(()))
    if call.store.count(every):
        return call.store.count(page)
    return call.store.count(replace(every, scope="everybody"))


def list_jobs(call: Call) -> Answer:
    """``GET /jobs/list``."""
    return answer(call, Both(()), window(call), record.summary)


def writer(call: Call) -> Callable[[JobRow], dict[str, Any]]:
    """What ``select`` asks for. Raises :class:`Problem` 400 for an unknown attribute."""
    text = reserved(call).get("select", "")
    profile = call.site.profile
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or names == ["summaryAttributes"]:
        return record.summary
    if "allAttributes" in names:
        return lambda row: record.job(row, profile, status=call.status_of(row))
    for name in names:
        if name != "summaryAttributes" and (column_of(name) is None or profile.lacks(name)):
            raise Problem(400, f"JOBS_SEARCH_INVALID_SELECTLIST_ERROR Unknown attribute {name}.")
    if "summaryAttributes" in names:
        names += record.SUMMARY
    kept = {"uuid", *(column.name for name in names if (column := column_of(name)))}

    def write(row: JobRow) -> dict[str, Any]:
        found = record.job(row, profile, status=call.status_of(row))
        return {key: value for key, value in found.items() if key in kept}

    return write


def _whole(words: Mapping[str, str], name: str, default: int) -> int:
    text = words.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise PlainProblem(400, f"TAPIS_INVALID_QUERY {name}: not an integer: {text}")
    return int(text)


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for part in text.split(",") if text else []:
        match = _ORDER.fullmatch(part.strip())
        if match is None:
            raise PlainProblem(400, f"TAPIS_INVALID_QUERY orderBy: not col(asc|desc): {part}")
        column = column_of(match[1])
        if column is None or column.kind == "json":
            raise Problem(500, f"JOBS_SEARCHLIST_ERROR orderBy: no column {match[1]}.")
        found.append((column.sql, (match[2] or "asc").lower() == "desc"))
    return tuple(found)
