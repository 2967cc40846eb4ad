"""The parameters of a submit request, typed as the service echoes them (agave-v2 §3.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Union

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.request_fields import FlatValue, scalar_text
from jobsync.local.apps.app_file import AppField

Echo = Union[str, int, bool, list[Union[str, int]]]

_TRUE = frozenset({"true", "1", "on"})
_FALSE = frozenset({"false", "0", "off"})


def resolve_parameters(
    declared: Mapping[str, AppField], flat: Mapping[str, FlatValue]
) -> dict[str, Echo]:
    """The parameters as echoed: only declared ones, hidden ones filled in."""
    found: dict[str, Echo] = {}
    for name, spec in declared.items():
        echo = _hidden(spec, flat) if not spec.visible else _given(spec, flat)
        if echo is not None:
            found[name] = echo
    return found


def _hidden(spec: AppField, flat: Mapping[str, FlatValue]) -> Echo | None:
    if spec.id in flat:
        raise Refusal(
            400,
            f"Invalid parameter value for {spec.id}. {spec.id} is a fixed value that cannot be set "
            "manually. ",
        )
    if not spec.default:
        return None
    if spec.type in ("bool", "flag"):
        return _truth(spec.id, scalar_text(spec.default[0]))
    if spec.type == "number":
        return [_number(spec.id, scalar_text(value)) for value in spec.default]
    return [scalar_text(value) for value in spec.default]


def _given(spec: AppField, flat: Mapping[str, FlatValue]) -> Echo | None:
    if spec.id not in flat:
        if spec.required:
            raise Refusal(400, f"No input parameter specified for {spec.id}")
        return None
    value = flat[spec.id]
    if spec.type in ("bool", "flag"):
        return _boolean(spec, value)
    values = _values(value)
    if not any(values) and (spec.required or spec.type != "string"):
        _absent(spec)
        return None
    _count(spec, values)
    if spec.type == "string":
        _validate(spec, values)
        return values[0] if len(values) == 1 else [*values]
    return _narrow(spec, values)


def _values(value: FlatValue) -> list[str]:
    """One or more texts: ``a;b`` is two, ``""`` stays one empty text."""
    if isinstance(value, list):
        return value
    text = str(value)
    if ";" not in text:
        return [text]
    return [part for part in text.split(";") if part] or [""]


def _absent(spec: AppField) -> None:
    if spec.required:
        raise Refusal(400, f"No input parameter specified for {spec.id}")


def _narrow(spec: AppField, values: list[str]) -> Echo | None:
    """Numbers and enumerations. Of several values of which one is usable, none survives."""
    usable = [text for value in values if (text := value.strip())]
    if len(values) > 1 and len(usable) < 2:
        return None
    if spec.type == "enumeration":  # its members stand where an expression would
        typed: list[str | int] = [_member(spec, text) for text in usable]
    else:
        typed = [_number(spec.id, text) for text in usable]
        _validate(spec, usable)
    return typed[0] if len(values) == 1 else typed


def _number(name: str, text: str) -> str | int:
    """A non-negative whole number becomes a JSON number, any other stays text."""
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
    try:
        float(text)
    except ValueError as error:
        raise Refusal(
            400, f"Invalid parameter value for {name}. Value '{text}' must be a number."
        ) from error
    return text


def _member(spec: AppField, text: str) -> str:
    if text not in spec.choices:
        raise Refusal(
            400,
            f"Invalid parameter value, '{text}', for {spec.id}. "
            f"Value must be one of: {',  '.join(spec.choices)}",
        )
    return text


def _boolean(spec: AppField, value: FlatValue) -> bool | None:
    if isinstance(value, list):
        raise Refusal(
            400,
            f"Invalid parameter value for {spec.id}. Boolean and flag parameters do not support "
            "multiple values.",
        )
    text = str(value).strip()
    if not text:
        _absent(spec)
        return None
    return _truth(spec.id, text)


def _truth(name: str, text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Refusal(
        400,
        f"Invalid parameter value for {name}. Value {text} must be a case-insensitive truthy "
        "value. 1, on, or true evaluate to true. 0, off, and false evaluate to false.",
    )


def _count(spec: AppField, values: list[str]) -> None:
    if len(values) < spec.minimum:
        raise Refusal(400, f"{spec.id} requires at least {spec.minimum} values")
    if spec.maximum is not None and len(values) > spec.maximum:
        raise Refusal(400, f"{spec.id} may have at most {spec.maximum} values")


def _validate(spec: AppField, values: list[str]) -> None:
    for value in values:
        if not spec.accepts(value):
            raise Refusal(
                400,
                f"Invalid parameter value for {spec.id}. Value '{value}' must match the regular "
                f"expression {spec.validator}",
            )
