"""Checks of JSON bodies, in the words of the service's validator (tapis-v3 §4.1).

A shape is a function from a value and its path to the first thing that is wrong, "" for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

Shape = Callable[[Any, str], str]

_WORDS = {str: "String", bool: "Boolean", int: "Integer", dict: "JSONObject", list: "JSONArray"}


def text(least: int = 0, most: int | None = None, *, null: bool = False) -> Shape:
    """A string with that many characters."""

    def check(value: Any, at: str) -> str:
        if value is None and null:
            return ""
        if not isinstance(value, str):
            return _wrong(value, at, "String")
        if len(value) < least:
            return f"{at}: expected minLength: {least}, actual: {len(value)}"
        if most is not None and len(value) > most:
            return f"{at}: expected maxLength: {most}, actual: {len(value)}"
        return ""

    return check


def whole(least: int | None = None) -> Shape:
    """A whole number."""

    def check(value: Any, at: str) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            return _wrong(value, at, "Integer")
        if not -(2**31) <= value < 2**31:
            return f"{at}: {value} is not a 32-bit integer"
        if least is not None and value < least:
            return f"{at}: {value} is not greater or equal to {least}"
        return ""

    return check


def truth(value: Any, at: str) -> str:
    """A boolean."""
    return "" if isinstance(value, bool) else _wrong(value, at, "Boolean")


def word(*words: str) -> Shape:
    """One of some words."""

    def check(value: Any, at: str) -> str:
        if not isinstance(value, str):
            return _wrong(value, at, "String")
        return "" if value in words else f"{at}: {value} is not a valid enum value"

    return check


def any_object(value: Any, at: str) -> str:
    """An object with whatever in it."""
    return "" if isinstance(value, dict) else _wrong(value, at, "JSONObject")


def many(
    one: Shape, *, least: int = 0, most: int | None = None, unique: bool = False, null: bool = False
) -> Shape:
    """A list of such values."""

    def check(value: Any, at: str) -> str:
        if value is None and null:
            return ""
        if not isinstance(value, list):
            return _wrong(value, at, "JSONArray")
        if len(value) < least:
            return f"{at}: expected minimum item count: {least}, found: {len(value)}"
        if most is not None and len(value) > most:
            return f"{at}: expected maximum item count: {most}, found: {len(value)}"
        for index, entry in enumerate(value):
            if wrong := one(entry, f"{at}/{index}"):
                return wrong
        seen = {json.dumps(entry, sort_keys=True) for entry in value}
        return f"{at}: array items are not unique" if unique and len(seen) < len(value) else ""

    return check


def members(table: Mapping[str, Shape], required: Collection[str] = ()) -> Shape:
    """An object of these members and no others."""

    def check(value: Any, at: str) -> str:
        if not isinstance(value, dict):
            return _wrong(value, at, "JSONObject")
        for name in required:
            if name not in value:
                return f"{at}: required key [{name}] not found"
        for name in value:
            if name not in table:
                return f"{at}: extraneous key [{name}] is not permitted"
        for name, entry in value.items():
            if wrong := table[name](entry, f"{at}/{name}"):
                return wrong
        return ""

    return check


def _wrong(value: Any, at: str, wanted: str) -> str:
    found = "Null" if value is None else _WORDS.get(type(value), "Number")
    return f"{at}: expected type: {wanted}, found: {found}"
