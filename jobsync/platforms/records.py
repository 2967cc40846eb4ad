"""The JSON of an answer as records: what is not in the shape that was asked for is unreadable."""

from __future__ import annotations

import json

from jobsync.errors import Unreadable
from jobsync.http.messages import sanitised
from jobsync.model import JsonValue

Record = dict[str, JsonValue]


def rows(value: JsonValue, asked: str) -> list[Record]:
    """The records of a collection. Anything but an array of objects is unreadable."""
    if not isinstance(value, list):
        raise Unreadable(f"expected a list, got {shown(value)} ({asked})")
    return [record(item, asked) for item in value]


def record(value: JsonValue, asked: str) -> Record:
    """One object."""
    if not isinstance(value, dict):
        raise Unreadable(f"expected an object, got {shown(value)} ({asked})")
    return value


def shown(value: JsonValue) -> str:
    """What an answer has instead, for an error."""
    return "nothing" if value is None else sanitised(json.dumps(value))
