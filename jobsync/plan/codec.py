"""A plan as values of JSON and back, read by the declared type of every field of every noun in
``model``: what was edited or cut is refused, never half understood.

There are no secrets, no times and no folders of a machine in it: equal plans are equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jobsync.errors import Location, PlanFileError
from jobsync.model import (
    AccessChange,
    IdRef,
    JobChange,
    OutputChange,
    OutputRef,
    Plan,
    Sealed,
)
from jobsync.plan.seal import sealed
from jobsync.structs import Struct

N = TypeVar("N")
Decoder = Callable[[object], object]

_KINDS: Mapping[str, type] = {
    "job": JobChange,
    "permissions": AccessChange,
    "output": OutputChange,
}
_NAMES = {noun: kind for kind, noun in _KINDS.items()}

_MADE_ANEW: Mapping[str, Any] = {"root": "", "outputs_root": "", "basis": {}, "gates": {}}
"""Fields of a plan that are not saved, and what they are in one that was read: the folders of a
machine, and what only the apply of a plan needs, which makes its own."""


class _Mismatch(Exception):
    """A value that is not of the type it has to be."""


def encode(plan: Plan) -> dict[str, Any]:
    """The fields of *plan* as JSON values. Sensitive values are sealed; derived fields are left
    out."""
    body = encoded(sealed(plan))
    return {name: value for name, value in body.items() if name not in _MADE_ANEW}


def decode(body: Mapping[str, object]) -> Plan:
    """The plan that :func:`encode` encoded as *body*; derived fields are empty.

    Raises :class:`PlanFileError` for a body that does not have the shape of a plan.
    """
    try:
        if body.keys() & _MADE_ANEW.keys():
            raise _Mismatch("a Plan has other fields")
        return cast(Plan, _decoder(Plan)({**body, **_MADE_ANEW}))
    except (_Mismatch, RecursionError) as error:
        raise PlanFileError(f"this plan cannot be read: {error}", hint="plan again") from error


# --- writing ---------------------------------------------------------------------------


def encoded(value: object) -> Any:
    """*value*, of any type that occurs in a plan, as JSON values."""
    if type(value) in (str, int, bool, float, NoneType):
        return value
    if isinstance(value, OutputRef):
        return {"$output": [value.address, value.path]}
    if isinstance(value, IdRef):
        return {"$id": value.address}
    if isinstance(value, Sealed):
        return {"$sensitive": [value.digest, value.shown]}
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return {_escaped(str(key)): encoded(item) for key, item in sorted(value.items())}
    if isinstance(value, Location):  # relative to the set: it lies elsewhere on another machine
        return {"path": value.within or value.path, "line": value.line, "column": value.column}
    if isinstance(value, Struct):
        record = {name: encoded(getattr(value, name)) for name in value.__struct_fields__}
        kind = _NAMES.get(type(value))
        return {"type": kind, **record} if kind else record
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [encoded(item) for item in sorted(value)]
    raise TypeError(f"a plan cannot hold {type(value).__name__}")


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
    if origin is frozenset:
        rows = _rows(_decoder(arguments[0]))
        return lambda value: frozenset(rows(value))
    return _scalar(cast(type, kind))


def _noun(kind: type[N]) -> Decoder:
    hints = get_type_hints(kind).items()
    decoders = {
        name: _decoder(hint)
        for name, hint in hints
        if get_origin(hint) is not ClassVar and (kind, name) != (Location, "within")
    }
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
        sealing, shown = cast("tuple[str, str]", _decoder(tuple[str, str])(value["$sensitive"]))
        return Sealed(sealing, shown)
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
