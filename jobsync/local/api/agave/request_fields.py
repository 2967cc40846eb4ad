"""How the service reads a submit request: everything ends in one flat map (agave-v2 §3.1).

Children of *every* top-level object are merged into the same map by their key, so an input called
``name`` overrides the job's name when it comes later. Integers inside an object stay integers,
which the service then trips over; all other scalars become text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from jobsync.local.api.agave.refusal import Refusal

FlatValue = Union[str, int, list[str]]
"""Text; an integer that stood inside an object; or an array of two or more values."""

_CLASS_CAST = (
    "Job processing failed with exception type ClassCastException: "
    "java.lang.Integer cannot be cast to java.lang.String"
)


def flatten(body: Mapping[str, object]) -> dict[str, FlatValue]:
    """The flat map of a request body. Raises :class:`Refusal` for ``dependencies``."""
    flat: dict[str, FlatValue] = {}
    for key, value in body.items():
        if key == "dependencies":
            raise Refusal(400, "Job dependencies are not yet supported.")
        if key == "notifications" or value is None or not key:
            continue
        if isinstance(value, Mapping):
            _merge(flat, value)
        elif isinstance(value, list):
            flat[key] = _array(value)
        else:
            flat[key] = scalar_text(value)
    return flat


def text(flat: Mapping[str, FlatValue], *names: str) -> str:
    """The text under the first of *names* (a field and its alias) that is there, or ``""``."""
    for name in names:
        if name in flat:
            value = flat[name]
            if isinstance(value, int):
                raise Refusal(400, _CLASS_CAST)
            return ";".join(value) if isinstance(value, list) else value
    return ""


def scalar_text(value: object) -> str:
    """A JSON scalar as the service's text: ``true``, ``100000.0``; an object or array is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return decimal_text(value)
    return str(value) if isinstance(value, (str, int)) else ""


def decimal_text(value: float) -> str:
    """A float in plain digits with a decimal (agave-v2 §3.4: ``1e5`` -> ``100000.0``)."""
    shown = repr(value)
    if "e" not in shown:
        return shown
    plain = format(value, "f") if abs(value) >= 1 else format(value, ".17f").rstrip("0")
    return plain.rstrip("0").rstrip(".") + ".0" if abs(value) >= 1 else plain


def _merge(flat: dict[str, FlatValue], children: Mapping[str, object]) -> None:
    for key, value in children.items():
        if not key or value is None or isinstance(value, Mapping):
            continue
        if isinstance(value, list):
            flat[key] = _array(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            flat[key] = value
        else:
            flat[key] = scalar_text(value)


def _array(values: list[object]) -> FlatValue:
    """Two or more elements survive as they are; one element is a scalar again, none is ``""``."""
    texts = [scalar_text(value) for value in values if value is not None]
    if len(texts) >= 2:
        return texts
    return texts[0] if texts else ""
