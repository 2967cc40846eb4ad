"""JSON with one line for each item of its larger lists: quick to write, and good to diff."""

from __future__ import annotations

import json
from collections.abc import Mapping


def dumps(document: Mapping[str, object]) -> str:
    """*document* with sorted keys, ASCII only, without a line break at the end.

    Items of lists and objects at the top stand on lines of their own; inside, nothing is broken.
    """
    rows = [f"{_compact(key)}: {_value(document[key])}" for key in sorted(document)]
    return "{\n" + ",\n".join(rows) + "\n}"


def _value(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_compact, value)) + "\n]"
    if isinstance(value, dict) and value:
        rows = (f"{_compact(key)}: {_compact(value[key])}" for key in sorted(value))
        return "{\n" + ",\n".join(rows) + "\n}"
    return _compact(value)


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
