"""Policies: JSON Schemas over a plan as ``--format json`` prints it, with messages of their own.

A part of the schema that has ``x-message`` says with it what is wrong with a plan that breaks it.
Nothing is fetched: a schema that refers to another file is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jsonschema_rs

from jobsync.errors import Location, SettingsError
from jobsync.model import Plan
from jobsync.render.plan_json import dumps
from jobsync.render.reports.found import Finding, Level

_MESSAGE = "x-message"


def broken(plan: Plan, policies: Mapping[str, str]) -> tuple[Finding, ...]:
    """What *plan* breaks of *policies*, the texts of schemas by name; by policy and place.

    Raises :class:`SettingsError` for a text that is no JSON Schema.
    """
    whole = json.loads(dumps(plan))
    found = []
    for name, text in policies.items():
        schema, validator = _validator(name, text)
        found += [_finding(name, schema, whole, error) for error in validator.iter_errors(whole)]
    return tuple(dict.fromkeys(found))


def _validator(name: str, text: str) -> tuple[dict[str, Any], Any]:
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict):
            raise ValueError("it is not a JSON object")
        return schema, jsonschema_rs.Draft202012Validator(schema, retriever=_refused)
    except (ValueError, RecursionError, jsonschema_rs.ValidationError) as error:
        said = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"{name}: this is not a JSON Schema: {said}",
            hint="a policy is a JSON Schema (draft 2020-12) over the plan as JSON",
        ) from error


def _refused(uri: str) -> NoReturn:
    raise ValueError(f"a policy refers to nothing outside its file, such as {uri}")


def _finding(
    name: str, schema: dict[str, Any], whole: dict[str, Any], error: jsonschema_rs.ValidationError
) -> Finding:
    row = _row(whole, error.instance_path)
    place = row.get("where")
    where = Location(place["path"], place["line"], place["column"]) if place else None
    title = schema.get("title", name)
    said = _message(schema, error.schema_path) or error.message
    return Finding("policy", Level.ERROR, f"{title}: {said}", row.get("address", ""), where)


def _row(whole: dict[str, Any], path: Sequence[str | int]) -> dict[str, Any]:
    """The innermost record around *path* that is about an address; empty for none."""
    value: Any = whole
    found: dict[str, Any] = {}
    for step in path:
        value = value[step]
        if isinstance(value, dict) and "address" in value:
            found = value
    return found


def _message(schema: Any, path: Sequence[str | int]) -> str:
    """The innermost message on the way to what was broken; empty for none."""
    found = ""
    for step in (None, *path):
        if step is not None:
            schema = schema[step]
        if isinstance(schema, dict) and isinstance(schema.get(_MESSAGE), str):
            found = schema[_MESSAGE]
    return found
