"""The definitions of apps as ``app.json`` has them in the folder of a set; ids of apps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from jobsync.model import JsonValue, Value

_FOR_PEOPLE = frozenset({
    "label", "shortDescription", "longDescription", "description", "tags", "helpURI",
})  # fmt: skip
"""What only people read: keys of ``app.json``, and of the ``details`` of what an app takes."""


def app_id(request: Mapping[str, Value]) -> str:
    """The id of the app that *request* names; empty when it names none."""
    return str(request.get("appId") or "")


def is_fixed_app(app_id: str) -> bool:
    """Whether the app is public: the id then ends with a revision, and the app never changes."""
    return re.search(r"u[0-9]+$", app_id) is not None


def defined_app(definition: Mapping[str, JsonValue], file_name: str) -> str:
    """``NAME-VERSION``, or the id where one of both is missing; empty for neither, and for an app
    of Tapis v3."""
    if file_name != "app.json" or "runtime" in definition:
        return ""
    name, version = definition.get("name"), definition.get("version")
    return f"{name}-{version}" if name and version else str(definition.get("id") or "")


def app_meaning(definition: Mapping[str, JsonValue]) -> JsonValue:
    """The definition without texts that are only for people."""
    kept = _without_words(definition)
    for group in ("inputs", "parameters"):
        fields = kept.get(group)
        if isinstance(fields, list):
            kept[group] = [_without_details(field) for field in fields]
    return kept


def _without_details(field: JsonValue) -> JsonValue:
    details = field.get("details") if isinstance(field, dict) else None
    if not isinstance(details, dict):
        return field
    return {**cast("dict[str, JsonValue]", field), "details": _without_words(details)}


def _without_words(mapping: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in mapping.items() if key not in _FOR_PEOPLE}
