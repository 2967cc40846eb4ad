"""When two values of a request mean the same: the looseness of the service, pair by pair.

agave-v2 §3.7, rows N2 to N18. Values keep their types here (people want to see ``2``, not
``"2"``); only shapes are made alike, and leaves are compared in pairs because a rule may depend on
the other side (N12, N13).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from jobsync.archives import canonical
from jobsync.identity import leaf_text
from jobsync.model import App, AppField, Value
from jobsync.platforms.agave.fields import split

DEFAULTS: Mapping[str, Value] = {"archive": True}
"""What a request that leaves a field out means by it (agave-v2 §3.2)."""

_TRUE = frozenset({"true", "1", "on"})
_FALSE = frozenset({"false", "0", "off"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def input_items(value: Value) -> list[Value]:
    """An input as a list (N9): a scalar is one item, ``a;b`` is split, blanks are dropped."""
    items: list[Value] = value if isinstance(value, list) else [value]
    if len(items) == 1 and isinstance(items[0], str):
        items = [*split(items[0])]
    stripped = [item.strip() if isinstance(item, str) else item for item in items]
    return [item for item in stripped if item is not None and item != ""]


def parameter_items(value: Value) -> list[Value]:
    """A parameter as a list (N14): ``["a"]`` is ``"a"``, and ``a;b`` is a list."""
    all_items: list[Value] = value if isinstance(value, list) else [value]
    items: list[Value] = [item for item in all_items if item is not None]
    if len(items) == 1 and isinstance(items[0], str) and ";" in items[0]:
        return [part for part in split(items[0]) if part]
    return [] if items == [""] else items


def same_leaf(declared: Value, remote: Value) -> bool:
    """Whether two leaves mean the same: text, then boolean words (N13), then numbers (N12)."""
    one, other = leaf_text(declared), leaf_text(remote)
    if one == other:
        return True
    if isinstance(declared, bool) or isinstance(remote, bool):
        return _same_boolean(one.lower(), other.lower())
    number, other_number = _number(one), _number(other)
    return number is not None and number == other_number


def same_folder(declared: Value, remote: Value) -> bool:
    """Whether two archive paths are one folder, however each is spelled."""
    return canonical(leaf_text(declared)) == canonical(leaf_text(remote))


def is_true(value: Value) -> bool:
    """``archive`` as the service reads it: absent is true (agave-v2 §3.2)."""
    return value is None or value is True or str(value).strip().lower() in {*_TRUE, "yes"}


def mapping(value: object) -> Mapping[str, Value]:
    """*value* when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _same_boolean(one: str, other: str) -> bool:
    return (one in _TRUE and other in _TRUE) or (one in _FALSE and other in _FALSE)


def _number(text: str) -> Decimal | None:
    if not NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern is stricter than Decimal
        return None


def sides(
    declared: Mapping[str, Value], record: Mapping[str, Value], keep: frozenset[str]
) -> dict[str, tuple[Value, Value]]:
    """(the record's, the declared) of every path that is compared, in one shape: a scalar, or a
    list of many. *keep* are paths that only the record may have."""
    found: dict[str, tuple[Value, Value]] = {
        "appId": (record.get("appId"), declared.get("appId")),
    }
    if "archive" in declared:
        found["archive"] = (is_true(record.get("archive")), is_true(declared["archive"]))
    if is_true(declared.get("archive")):
        for field in ("archiveSystem", "archivePath"):
            value = declared.get(field)
            if isinstance(value, str) and "${" not in value:
                found[field] = (_trimmed(record.get(field)), _trimmed(value))
    for group, items in (("inputs", input_items), ("parameters", parameter_items)):
        ours, theirs = mapping(declared.get(group)), mapping(record.get(group))
        for key in ours.keys() | {key for key in theirs if f"{group}.{key}" in keep}:
            found[f"{group}.{key}"] = (_shape(items(theirs.get(key))), _shape(items(ours.get(key))))
    return found


def same(path: str, declared: Value, remote: Value) -> bool:
    """Whether two leaves of one field mean the same: folders are compared as folders."""
    return (same_folder if path == "archivePath" else same_leaf)(declared, remote)


def app_fields(app: App) -> dict[str, AppField]:
    """Every input and parameter of *app*, by path."""
    groups = (("inputs", app.inputs), ("parameters", app.parameters))
    return {f"{group}.{key}": field for group, fields in groups for key, field in fields.items()}


def given(request: Mapping[str, Value]) -> frozenset[str]:
    """The paths of all inputs and parameters in *request*."""
    return frozenset(
        f"{group}.{key}"
        for group in ("inputs", "parameters")
        for key in mapping(request.get(group))
    )


def _shape(items: list[Value]) -> Value:
    if not items:
        return None
    return items[0] if len(items) == 1 else items


def _trimmed(value: Value) -> Value:
    return (value.rstrip("/") or "/") if isinstance(value, str) else value
