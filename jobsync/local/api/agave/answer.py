"""Answers and refusals, and the envelope they travel in (agave-v2 §1.2, §2.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from jobsync.structs import Struct, field

JSON_TYPE = "application/json; charset=UTF-8"


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
"""No ``result`` key at all, which is not the same as ``"result": null`` (agave-v2 §1.2)."""


class Answer(Struct, frozen=True):
    """A success: what goes into ``result``, the HTTP status, and the rare message."""

    result: Any = NOTHING
    status: int = 200
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def enveloped(answer: Answer, version: str, query: Mapping[str, str]) -> Response:
    """A success with its envelope, after ``filter``, ``naked`` and ``pretty``."""
    result = answer.result
    if result is not NOTHING and query.get("filter"):
        result = project(result, query["filter"])
    if is_set(query, "naked"):
        body = b"" if result is NOTHING else _dump(result, query)
    else:
        envelope: dict[str, Any] = {
            "status": "success",
            "message": answer.message,
            "version": version,
        }
        if result is not NOTHING:
            envelope["result"] = result
        body = _dump(envelope, query)
    return Response(
        body, status=answer.status, headers=dict(answer.headers), content_type=JSON_TYPE
    )


def refused(status: int, message: str, version: str, query: Mapping[str, str]) -> Response:
    """An error with its envelope. ``naked=true`` leaves an empty body (agave-v2 §1.2)."""
    if is_set(query, "naked"):
        return Response(b"", status=status, content_type=JSON_TYPE)
    envelope = {"status": "error", "message": message, "version": version}
    return Response(_dump(envelope, query), status=status, content_type=JSON_TYPE)


def is_set(query: Mapping[str, str], name: str) -> bool:
    """Whether a flag of the envelope is set: Java's ``Boolean.valueOf`` knows only ``true``."""
    return query.get(name, "").lower() == "true"


def is_true(text: str | None) -> bool:
    """Whether the text of a query parameter means true: ``true`` in any case, or ``1``."""
    return (text or "").strip().lower() in ("true", "1")


def project(result: Any, text: str) -> Any:
    """``filter=``: keep the named fields, with the service's own mistakes (agave-v2 §2.5).

    One name or exactly two (``a.b``); deeper and unknown ones are skipped; array elements without
    any of them are dropped; of two fields under one parent the second comes out null.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or "*" in names:
        return result
    if isinstance(result, list):
        return [kept for item in result if (kept := _project_object(item, names))]
    return _project_object(result, names)


def _project_object(item: Any, names: list[str]) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {}
    kept: dict[str, Any] = {}
    for name in names:
        match name.split("."):
            case [only] if only in item:
                kept[only] = item[only]
            case [parent, child] if isinstance(item.get(parent), dict) and child in item[parent]:
                nested = kept.setdefault(parent, {})
                # The service builds the nested object once and then writes null into it.
                nested[child] = None if nested else item[parent][child]
    return kept


def _dump(value: Any, query: Mapping[str, str]) -> bytes:
    indent = 2 if is_set(query, "pretty") else None
    separators = None if indent else (",", ":")
    return json.dumps(value, indent=indent, separators=separators, ensure_ascii=False).encode(
        "utf-8", "replace"
    )
