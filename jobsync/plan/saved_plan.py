"""A plan as a file: versioned JSON that is the plan, byte for byte the same for the same plan.

    {"format_version": "1.2", "digest": "<sha256 of the rest>", "plan": {...}}

The file has no secrets and no times. It is typed on load: every field of every noun in ``model``
is read by its declared type, so that what was edited or cut is refused, never half understood.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import ClassVar, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jobsync.errors import Location, PlanFileError
from jobsync.model import (
    AccessChange,
    IdRef,
    JobChange,
    JsonValue,
    OutputChange,
    OutputRef,
    Plan,
    Sealed,
)
from jobsync.plan import json_lines
from jobsync.plan.seal import sealed
from jobsync.structs import Struct

FORMAT_VERSION = "1.2"
"""Raised in its first number when older versions of jobsync could misread the file, in its second
when they only cannot read it."""

N = TypeVar("N")
Decoder = Callable[[object], object]

_KINDS: Mapping[str, type] = {
    "job": JobChange,
    "permissions": AccessChange,
    "output": OutputChange,
}
_NAMES = {noun: kind for kind, noun in _KINDS.items()}


class _Mismatch(Exception):
    """A value that is not of the type it has to be."""


def dumps(plan: Plan) -> str:
    """The text of a plan file, ending with a line break."""
    body = _body(plan)
    head = f'"digest": "{_digest(body)}",\n"format_version": "{FORMAT_VERSION}"'
    return f'{{\n{head},\n"plan": {json_lines.dumps(body)}\n}}\n'


def loads(text: str) -> Plan:
    """The plan in a file that :func:`dumps` made.

    Raises :class:`PlanFileError` for a file that is no plan, was edited, or is of another format.
    """
    document = _document(text)
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise PlanFileError(
            f"this plan has format {version!r}, and this version of jobsync reads {FORMAT_VERSION}",
            hint="plan again with this version, or apply with the one that made the plan",
        )
    if document.keys() != {"format_version", "digest", "plan"}:
        raise PlanFileError("this is not a saved plan", hint="make one with: jobsync plan --out")
    if document["digest"] != _digest(document["plan"]):
        raise PlanFileError(
            "this plan was edited after it was made: its digest does not match",
            hint="plan again",
        )
    try:
        return cast(Plan, _decoder(Plan)(document["plan"]))
    except (_Mismatch, RecursionError) as error:
        raise PlanFileError(f"this plan cannot be read: {error}", hint="plan again") from error


def digest(plan: Plan) -> str:
    """The SHA-256 that names *plan*, for audit lines and for telling plans apart."""
    return _digest(_body(plan))


def _body(plan: Plan) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", _encode(sealed(plan)))


def _document(text: str) -> dict[str, JsonValue]:
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise PlanFileError(
            f"this is not a saved plan: {error}", hint="make one with: jobsync plan --out"
        ) from error
    if not isinstance(document, dict):
        raise PlanFileError("this is not a saved plan", hint="make one with: jobsync plan --out")
    return document


def _digest(body: JsonValue) -> str:
    document = {"format_version": FORMAT_VERSION, "plan": body}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _refused(word: str) -> JsonValue:
    raise ValueError(f"{word} is not a number")


# --- writing ---------------------------------------------------------------------------


def _encode(value: object) -> JsonValue:
    if type(value) in (str, int, bool, float, NoneType):
        return cast("JsonValue", value)
    if isinstance(value, OutputRef):
        return {"$output": [value.address, value.path]}
    if isinstance(value, IdRef):
        return {"$id": value.address}
    if isinstance(value, Sealed):
        return {"$sensitive": value.digest}
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return {_escaped(str(key)): _encode(item) for key, item in sorted(value.items())}
    if isinstance(value, (Struct, Location)):
        record = {name: _encode(getattr(value, name)) for name in _fields(value)}
        kind = _NAMES.get(type(value))
        return {"type": kind, **record} if kind else record
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [_encode(item) for item in sorted(value)]
    raise TypeError(f"a plan cannot hold {type(value).__name__}")


def _fields(value: Struct | Location) -> tuple[str, ...]:
    return value._fields if isinstance(value, Location) else value.__struct_fields__


def _escaped(key: str) -> str:
    """Keys of people that begin with ``$`` are not taken for a reference."""
    return f"${key}" if key.startswith("$") else key


# --- reading, by type ------------------------------------------------------------------


@cache
def _decoder(kind: object) -> Decoder:
    """What reads a value of type *kind*."""
    origin, arguments = get_origin(kind), get_args(kind)
    if set(arguments) == set(_KINDS.values()):
        return _read_change
    if origin in (Union, UnionType):
        if any(get_origin(argument) in (list, dict) for argument in arguments):
            return _read_value
        return _either([_decoder(argument) for argument in arguments])
    if isinstance(kind, type) and issubclass(kind, (Struct, Location)):
        return _noun(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: _word(kind, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_decoder(arguments[1]))
    if origin is tuple:
        return _row(arguments)
    return _scalar(cast(type, kind))


def _noun(kind: type[N]) -> Decoder:
    hints = get_type_hints(kind).items()
    decoders = {name: _decoder(hint) for name, hint in hints if get_origin(hint) is not ClassVar}
    fields = decoders.keys() | ({"type"} if kind in _NAMES else set())

    def read(value: object) -> object:
        if not isinstance(value, dict) or value.keys() != fields:
            raise _Mismatch(f"a {kind.__name__} has other fields")
        return kind(**{name: decoder(value[name]) for name, decoder in decoders.items()})

    return read


def _read_change(value: object) -> object:
    kind = _KINDS.get(str(value.get("type"))) if isinstance(value, dict) else None
    if kind is None:
        raise _Mismatch("a change of no known type")
    return _decoder(kind)(value)


def _read_value(value: object) -> object:
    if isinstance(value, list):
        return [_read_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$output"}:
        address, path = cast("tuple[str, str]", _decoder(tuple[str, str])(value["$output"]))
        return OutputRef(address, path)
    if value.keys() == {"$id"}:
        return IdRef(str(value["$id"]))
    if value.keys() == {"$sensitive"}:
        return Sealed(str(value["$sensitive"]))
    return {_unescaped(key): _read_value(item) for key, item in value.items()}


def _unescaped(key: str) -> str:
    if not key.startswith("$"):
        return key
    if not key.startswith("$$"):
        raise _Mismatch(f"a reference of no known kind: {key}")
    return key[1:]


def _word(kind: type[Enum], value: object) -> object:
    try:
        return kind(value)
    except ValueError as error:
        raise _Mismatch(f"{value!r} is not a {kind.__name__}") from error


def _either(decoders: list[Decoder]) -> Decoder:
    def read(value: object) -> object:
        for decoder in decoders:
            try:
                return decoder(value)
            except _Mismatch:
                continue
        raise _Mismatch(f"{type(value).__name__} where something else belongs")

    return read


def _mapping(decoder: Decoder) -> Decoder:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _Mismatch("an object is missing")
        return {_unescaped(key): decoder(item) for key, item in value.items()}

    return read


def _row(kinds: tuple[object, ...]) -> Callable[[object], tuple[object, ...]]:
    if kinds[-1] is Ellipsis:
        return _rows(_decoder(kinds[0]))
    decoders = [_decoder(kind) for kind in kinds]

    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list) or len(value) != len(decoders):
            raise _Mismatch("a list of another length")
        return tuple(decoder(item) for decoder, item in zip(decoders, value, strict=True))

    return read


def _rows(decoder: Decoder) -> Callable[[object], tuple[object, ...]]:
    def read(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise _Mismatch("a list is missing")
        return tuple(decoder(item) for item in value)

    return read


def _scalar(kind: type) -> Decoder:
    def read(value: object) -> object:
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        raise _Mismatch(f"{type(value).__name__} where {kind.__name__} belongs")

    return read
