"""Query parameters of the listing: paging, order and search terms (agave-v2 §2.1, §2.2, §2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from jobsync.local.api.agave.dialect import Dialect
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.store.search import Condition
from jobsync.local.store.statuses import STATUSES
from jobsync.structs import Struct

DEFAULT_LIMIT = 100
MAX_LIMIT = 250

OPERATORS = frozenset(
    {"eq", "neq", "lt", "lte", "gt", "gte", "before", "after", "on", "in", "nin"}
    | {"like", "nlike", "rlike", "between"}
)
_BROKEN = "\0broken"

#: Term → (column of the store, kind of value). agave-v2 §2.6; names are lower case.
_AGAVE_TERMS: dict[str, tuple[str, str]] = {
    "appid": ("app_id", "text"),
    "archive": ("archive", "flag"),
    "archivepath": ("archive_path_given", "text"),
    "archivesystem": ("archive_system", "text"),
    "batchqueue": ("queue", "text"),
    "charge": ("charge", "number"),
    "created": ("created", "time"),
    "endtime": ("ended", "time"),
    "errormessage": ("message", "text"),
    "executionsystem": ("system", "text"),
    "id": ("id", "text"),
    "inputs": ("inputs", "text"),
    "lastmodified": ("last_updated", "time"),
    "lastupdated": ("last_updated", "time"),
    "localid": ("native_id", "text"),
    "maxruntime": ("max_run_time", "text"),
    "memorypernode": ("memory_gb", "number"),
    "name": ("name", "text"),
    "nodecount": ("node_count", "number"),
    # Maps to a column that does not exist (agave-v2 §2.6, defect 6).
    "outputpath": (_BROKEN, "text"),
    "owner": ("owner", "text"),
    "parameters": ("parameters", "text"),
    "processorspernode": ("processors_per_node", "number"),
    "retries": ("retries", "number"),
    "runtime": ("runtime", "number"),
    "starttime": ("started", "time"),
    "status": ("status", "status"),
    "submittime": ("submitted", "time"),
    "visible": ("visible", "flag"),
    "walltime": ("walltime", "number"),
}

#: Aloe renames with the fields; ``archive`` and ``executionsystem`` are broken (agave-v2 §9.2).
_ALOE_TERMS: dict[str, tuple[str, str]] = {
    **_AGAVE_TERMS,
    "archive": (_BROKEN, "text"),
    "executionsystem": (_BROKEN, "text"),
    "systemid": ("system", "text"),
    "remotequeue": ("queue", "text"),
    "remotejobid": ("native_id", "text"),
    "submitretries": ("retries", "number"),
    "remotesubmitted": ("submitted", "time"),
    "remotestarted": ("started", "time"),
    "remoteended": ("ended", "time"),
    "ended": ("ended", "time"),
    "accepted": ("created", "time"),
    "laststatusmessage": ("message", "text"),
}


EVENT_TERMS: Mapping[str, tuple[str, str]] = {
    "created": ("created", "time"),
    "createdby": ("by", "text"),
    "description": ("description", "text"),
    "id": ("id", "text"),
    # Events here have no address of whoever caused them.
    "ipaddress": (_BROKEN, "text"),
    "status": ("status", "upper"),
}
"""What a history is searched and ordered by (agave-v2 §4.6)."""


class Window(Struct, frozen=True):
    """``limit`` and ``offset`` as the service understands them."""

    limit: int
    offset: int


def window(query: Mapping[str, str]) -> Window:
    """Junk becomes the default, a negative number its absolute value, too much is clipped."""
    limit = abs(_to_int(query.get("limit"), DEFAULT_LIMIT))
    return Window(min(limit, MAX_LIMIT), abs(_to_int(query.get("offset"), 0)))


def order(
    query: Mapping[str, str],
    terms: Mapping[str, tuple[str, str]],
    default: str,
    *,
    descending: bool,
) -> tuple[str, bool]:
    """The column to order by and whether descending. Raises :class:`Refusal` 400."""
    words = {"ASC": False, "ASCENDING": False, "ASCEND": False}
    words |= {"DESC": True, "DESCENDING": True, "DESCEND": True}
    given = query.get("order", "").strip().upper()
    if given and given not in words:
        raise Refusal(400, f"Invalid order value {query['order']}. Valid values are: ASC, DESC")
    by = query.get("orderBy", "").strip().lower()
    if not by:
        return default, words.get(given, descending)
    column, _ = terms.get(by, (_BROKEN, ""))
    if column == _BROKEN:
        raise Refusal(400, f"Invalid orderBy value {query['orderBy']}.")
    return column, words.get(given, descending)


def conditions(
    pairs: Iterable[tuple[str, str]], terms: Mapping[str, tuple[str, str]], dialect: Dialect
) -> tuple[Condition, ...]:
    """The search terms of a query string. What is not a known term or operator is **ignored**.

    Raises :class:`Refusal` 500 for values that do not parse and for the broken terms.
    """
    found = []
    for key, value in pairs:
        name, _, operator = key.lower().partition(".")
        operator = operator or "eq"
        if name not in terms or operator not in OPERATORS:
            continue
        column, kind = terms[name]
        if column == _BROKEN or operator == "nlike":
            raise Refusal(500, f"Failed to retrieve jobs: could not execute query on {name}")
        found.append(_condition(column, kind, operator, value, dialect))
    return tuple(found)


def job_terms(dialect: Dialect) -> Mapping[str, tuple[str, str]]:
    """What a list of jobs is searched and ordered by: column of the store, kind of value."""
    return _ALOE_TERMS if dialect.is_aloe else _AGAVE_TERMS


def _condition(column: str, kind: str, operator: str, value: str, dialect: Dialect) -> Condition:
    if operator == "like":
        return Condition(column, "like", (_wildcards(value),))
    if operator == "rlike":
        return Condition(column, "rlike", (value.replace("*", ".*"),))
    texts = value.split(",") if operator in ("in", "nin", "between") else [value]
    if operator == "between" and len(texts) != 2:
        raise Refusal(500, f"Invalid search value {value}: between takes two values")
    if kind == "time":
        return _time_condition(column, operator, texts, dialect)
    values = tuple(_value(kind, text.strip()) for text in texts)
    operator = {"before": "lt", "after": "gt", "on": "eq"}.get(operator, operator)
    return Condition(column, operator, values)


def _time_condition(column: str, operator: str, texts: list[str], dialect: Dialect) -> Condition:
    """Dates: equality means to the second, order means to the day (agave-v2 §2.6, §3 and §5)."""
    moments = [_moment(text.strip(), dialect) for text in texts]
    first = moments[0]
    match operator:
        case "eq" | "neq" | "in" | "nin":
            return Condition(column, "between", (first.timestamp(), first.timestamp() + 0.999999))
        case "on":
            day = _day(first)
            return Condition(column, "between", (day.timestamp(), _next(day) - 0.000001))
        case "between":
            return Condition(column, "between", tuple(m.timestamp() for m in moments))
        case "before" | "lt":
            return Condition(column, "lt", (_day(first).timestamp(),))
        case "lte":
            return Condition(column, "lt", (_next(_day(first)),))
        case "gte":
            return Condition(column, "gte", (_day(first).timestamp(),))
        case _:
            return Condition(column, "gte", (_next(_day(first)),))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next(day: datetime) -> float:
    return (day + timedelta(days=1)).timestamp()


def _moment(text: str, dialect: Dialect) -> datetime:
    # A ``+`` of an offset arrives as a space when the client did not encode it.
    plain = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    plain = re.sub(r"[zZ]$", "+00:00", plain)
    try:
        moment = datetime.fromisoformat(plain)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dialect.zone)
        # Far out years have no day before or after them.
        for days in (-2, 2):
            (moment + timedelta(days=days)).astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refusal(500, f"Invalid date format {text}") from error
    return moment.astimezone(dialect.zone)


def _value(kind: str, text: str) -> str | float | int:
    if kind == "number":
        return _number(text)
    if kind == "flag":
        return int(text.lower() in ("true", "1", "yes", "on"))
    if kind == "status" and text.upper() not in STATUSES:
        raise Refusal(500, f"Invalid status value {text}")
    return text.upper() if kind in ("status", "upper") else text


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise Refusal(500, f"Invalid number {text}") from error
    if number != number or number in (float("inf"), float("-inf")):
        raise Refusal(500, f"Invalid number {text}")
    return number


def _wildcards(text: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return escaped.replace("*", "%")


def _to_int(text: str | None, default: int) -> int:
    """Java's ``NumberUtils.toInt``: 32 bits, else the default."""
    if text is None or not re.fullmatch(r"[+-]?[0-9]{1,10}", text):
        return default
    number = int(text)
    return number if -(2**31) <= number < 2**31 else default
