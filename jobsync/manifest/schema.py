"""The definition of the manifest language: one JSON Schema, and what breaks it in people's words.

The only door to jsonschema-rs. Every node of ``schema.json`` carries ``x-expected``, what a person
would call a right value; a message is made of that and of what was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from jobsync.errors import Problem
from jobsync.manifest.messages import dotted, unknown_key, wrong_value
from jobsync.manifest.source_map import Places, Raw
from jobsync.structs import Struct

Steps = tuple["str | int", ...]
"""The keys and indexes that lead to a value."""


class Violation(Struct, frozen=True):
    """One thing that breaks the schema: where in the value, and the problem to show."""

    path: Steps
    problem: Problem


def text(apis: Sequence[str]) -> str:
    """The schema as it is published; *apis* are what a target may say of its service."""
    whole = json.loads(_text())
    api = whole["$defs"]["target"]["properties"]["api"]
    del api["x-expected"]
    api.update({"const": apis[0]} if len(apis) == 1 else {"enum": [*apis]})
    api["x-expected"] = " or ".join(apis)
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _text() -> str:
    return Path(__file__).with_name("schema.json").read_text("utf-8")


def violations(value: Raw, places: Places) -> list[Violation]:
    """All that breaks the schema in one file's *value*; empty when nothing does."""
    validator = _validator()
    if validator.is_valid(value):
        return []
    found: dict[tuple[Steps, str], Violation] = {}
    for error in validator.iter_errors(value):
        for violation in _explain(error, value, places):
            found.setdefault((violation.path, violation.problem.message), violation)
    return list(found.values())


@cache
def _schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_text())
    return loaded


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_schema())


def _explain(error: Any, value: Raw, places: Places) -> Iterator[Violation]:
    path = _true_path(value, error.instance_path)
    rule = _node(error.schema_path[:-1])
    kind = error.kind.name
    if kind == "additionalProperties":
        known = sorted(rule.get("properties", ()))
        for key in error.kind.unexpected:
            where = places.key(_mapping_at(value, path), key)
            message, hint = unknown_key(path, key, known)
            yield Violation((*path, key), Problem(where, message, hint))
    elif kind == "propertyNames":
        key = str(error.kind.error.instance)
        where = places.key(_mapping_at(value, path), key)
        expected = rule.get("x-expected", "another key")
        message, hint = wrong_value((*path, key), key, expected, is_key=True)
        yield Violation((*path, key), Problem(where, message, hint))
    elif kind == "required":
        where = _place(value, path, places)
        missing = error.kind.property
        message = f"{_name(path)} lacks {missing}"
        expected = rule.get("properties", {}).get(missing, {}).get("x-expected", "")
        yield Violation(path, Problem(where, message, f"{missing} is {expected}"))
    elif kind == "uniqueItems":
        message = f"{_name(path)} has a duplicate item"
        yield Violation(path, Problem(_place(value, path, places), message))
    else:
        found = _value_at(value, path)
        message, hint = wrong_value(path, found, rule.get("x-expected", "something else"))
        options = tuple(str(option) for option in rule.get("enum", ()) if option is not None)
        if options and isinstance(found, str):
            message, hint = wrong_value(path, found, rule["x-expected"], options=options)
        yield Violation(path, Problem(_place(value, path, places), message, hint))


def _node(schema_path: Iterable[str | int]) -> dict[str, Any]:
    node: Any = _schema()
    for step in schema_path:
        node = node[step]
        while step == "$ref" or (isinstance(node, dict) and "$ref" in node):
            target = node if isinstance(node, str) else node["$ref"]
            node, step = _node(target.removeprefix("#/").split("/")), ""
    return node if isinstance(node, dict) else {}


def _true_path(value: Any, steps: Iterable[str | int]) -> Steps:
    """The path with keys as they are: the library makes a number of a key of digits."""
    path: list[str | int] = []
    for step in steps:
        if isinstance(value, dict) and isinstance(step, int):
            alike = (key for key in value if key.isdecimal() and int(key) == step)
            step = str(step) if str(step) in value else next(alike)
        path.append(step)
        value = value[step]
    return tuple(path)


def _value_at(value: Any, path: Steps) -> Raw:
    for step in path:
        value = value[step]
    found: Raw = value
    return found


def _mapping_at(value: Raw, path: Steps) -> dict[str, Raw]:
    found = _value_at(value, path)
    return found if isinstance(found, dict) else {}


def _place(value: Raw, path: Steps, places: Places) -> Any:
    if not path:
        return places.locate(places.root)
    container, last = _value_at(value, path[:-1]), path[-1]
    if isinstance(container, dict):
        return places.value(container, str(last))
    if isinstance(container, list) and isinstance(last, int):
        return places.item(container, last)
    return places.locate(places.root)


def _name(path: Steps) -> str:
    return dotted(path) or "the file"
