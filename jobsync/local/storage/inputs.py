"""The inputs of a submit request (agave-v2 §3.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.request_fields import FlatValue, scalar_text
from jobsync.local.apps.app_file import AppField
from jobsync.local.storage.files import UnsupportedScheme

LIMIT = 16384
"""The most characters that all inputs together may take, as JSON."""


def resolve_inputs(
    declared: Mapping[str, AppField],
    flat: Mapping[str, FlatValue],
    check: Callable[[str], None],
) -> dict[str, list[str]]:
    """The inputs as echoed: always arrays, hidden ones filled in, unknown ones dropped.

    *check* raises :class:`Refusal` for a value that the caller may not read.
    """
    found: dict[str, list[str]] = {}
    for name, spec in declared.items():
        values = _hidden(spec, flat) if not spec.visible else _given(spec, flat)
        for value in values:
            _check(name, value, check)
        if values:
            found[name] = values
    if len(json.dumps(found)) > LIMIT:
        raise Refusal(500, f"'job.inputs' must be less than {LIMIT} characters")
    return found


def _check(name: str, value: str, check: Callable[[str], None]) -> None:
    try:
        check(value)
    except UnsupportedScheme as error:
        raise Refusal(
            400,
            f"Invalid value for {name}. {error.message} Please specify your input as a relative "
            "path, an Agave resource URL, or a URL with one of the following schemes: http, https, "
            "sftp, or agave.",
        ) from error


def _hidden(spec: AppField, flat: Mapping[str, FlatValue]) -> list[str]:
    if spec.id in flat:
        raise Refusal(
            400,
            f"Invalid value for {spec.id}. {spec.id} is a fixed value that cannot be set "
            "manually. ",
        )
    return [scalar_text(value) for value in spec.default]


def _given(spec: AppField, flat: Mapping[str, FlatValue]) -> list[str]:
    values = _values(spec.id, flat.get(spec.id, ""))
    if not values and spec.required:
        raise Refusal(400, f"No input specified for {spec.id}")
    if values and len(values) < spec.minimum:
        raise Refusal(400, f"{spec.id} requires at least {spec.minimum} values")
    if spec.maximum is not None and len(values) > spec.maximum:
        raise Refusal(400, f"{spec.id} may have at most {spec.maximum} values")
    for value in values:
        if not spec.accepts(value):
            raise Refusal(
                400,
                f"Invalid input value, {value}, for {spec.id}. Value must match the following "
                f"expression: {spec.validator}",
            )
    return values


def _values(name: str, value: FlatValue) -> list[str]:
    if isinstance(value, int):
        raise Refusal(400, f"Unsupported type for input {name}")
    parts = value if isinstance(value, list) else value.split(";")
    return [text for part in parts if (text := part.strip())]
