"""When two values of a request mean the same: the looseness of the service, pair by pair.

agave-v2 §3.7, rows N2 to N18. Values keep their types here (people want to see ``2``, not
``"2"``); only shapes are made alike, and leaves are compared in pairs because a rule may depend on
the other side (N12, N13).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

from jobsync.archives import canonical
from jobsync.identity import scalar_text
from jobsync.model import IdRef, JsonValue, OutputRef, Sealed, Value
from jobsync.secret import Sensitive

Leaf = Callable[[Value, Value], bool]

_TRUE = frozenset({"true", "1", "on"})
_FALSE = frozenset({"false", "0", "off"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def input_items(value: Value) -> list[Value]:
    """An input as a list (N9): a scalar is one item, ``a;b`` is split, blanks are dropped."""
    items: list[Value] = value if isinstance(value, list) else [value]
    if len(items) == 1 and isinstance(items[0], str):
        items = [*items[0].split(";")]
    stripped = [item.strip() if isinstance(item, str) else item for item in items]
    return [item for item in stripped if item is not None and item != ""]


def parameter_items(value: Value) -> list[Value]:
    """A parameter as a list (N14): ``["a"]`` is ``"a"``, and ``a;b`` is a list."""
    all_items: list[Value] = value if isinstance(value, list) else [value]
    items: list[Value] = [item for item in all_items if item is not None]
    if len(items) == 1 and isinstance(items[0], str) and ";" in items[0]:
        return [part for part in items[0].split(";") if part]
    return [] if items == [""] else items


def same_text(declared: Value, remote: Value) -> bool:
    """Whether two leaves are spelled alike once types are gone: what a fingerprint sees."""
    return _text(declared) == _text(remote)


def same_leaf(declared: Value, remote: Value) -> bool:
    """Whether two leaves mean the same: text, then boolean words (N13), then numbers (N12)."""
    one, other = _text(declared), _text(remote)
    if one == other:
        return True
    if isinstance(declared, bool) or isinstance(remote, bool):
        return _same_boolean(one.lower(), other.lower())
    number, other_number = _number(one), _number(other)
    return number is not None and number == other_number


def same_folder(declared: Value, remote: Value) -> bool:
    """Whether two archive paths are one folder, however each is spelled."""
    return canonical(_text(declared)) == canonical(_text(remote))


def is_true(value: Value) -> bool:
    """``archive`` as the service reads it: absent is true (agave-v2 §3.2)."""
    return value is None or value is True or str(value).strip().lower() in {*_TRUE, "yes"}


def mapping(value: object) -> Mapping[str, Value]:
    """*value* when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_request(record: Mapping[str, JsonValue] | None) -> Mapping[str, Value]:
    """A record from the service as a request in which no reference happens to stand."""
    return cast("Mapping[str, Value]", record or {})


def _same_boolean(one: str, other: str) -> bool:
    return (one in _TRUE and other in _TRUE) or (one in _FALSE and other in _FALSE)


def _number(text: str) -> Decimal | None:
    if not NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern is stricter than Decimal
        return None


def _text(value: Value) -> str:
    if isinstance(value, (OutputRef, IdRef, Sensitive, Sealed)):
        return str(value)
    if isinstance(value, (list, dict)):
        return repr(value)
    return scalar_text(value)
