"""The definition of the manifest language: one JSON Schema, and what breaks it in people's words.

The only door to jsonschema-rs. ``schema.json`` has what is jobsync's own; each platform adds the
fields of its requests and the levels of its permissions. Every node carries ``x-expected``, what a
person would call a right value; a message is made of that and of what was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from jobsync.errors import Problem
from jobsync.manifest.messages import dotted, unknown_key, wrong_value
from jobsync.manifest.source_map import Places, Raw
from jobsync.platform import Platform
from jobsync.structs import Struct

Steps = tuple["str | int", ...]
"""The keys and indexes that lead to a value."""


class Violation(Struct, frozen=True):
    """One thing that breaks the schema: where in the value, and the problem to show."""

    path: Steps
    problem: Problem


Platforms = Mapping[str, Platform]
"""Those that a set may be written for, by the names that ``api`` has for them."""

NOT_DEFAULTS = ("matrix", "id", "formerly")


def text(platforms: Platforms) -> str:
    """The schema as it is published: what may stand in a job depends on the ``api`` of the file.

    A file without ``api`` holds jobs of the platform of whatever target is chosen.
    """
    first, *others = (_whole(one, platforms) for one in platforms.values())
    if others:
        bodies = [_moved(one, api) for one, api in zip((first, *others), platforms, strict=True)]
        first["allOf"] = [
            {"if": {"required": ["api"], "properties": {"api": {"const": api}}}, "then": body}
            for api, body in zip(platforms, bodies, strict=True)
        ] + [{"if": {"not": {"required": ["api"]}}, "then": {"anyOf": bodies}}]
        for one in others:
            first["$defs"] = {**one["$defs"], **first["$defs"]}
        for name in _OF_A_PLATFORM:
            first["properties"][name] = {"x-expected": "a mapping"}
    return json.dumps(first, indent=2, ensure_ascii=False) + "\n"


_OF_A_PLATFORM = ("defaults", "jobs")


def _moved(whole: dict[str, Any], api: str) -> dict[str, Any]:
    """What *whole* says of a file with jobs of *api*; its definitions get names of their own."""
    own = api.replace("/", "-")
    for name in ("job", "defaults"):
        whole["$defs"][f"{name}-{own}"] = whole["$defs"].pop(name)
    properties = {name: whole["properties"][name] for name in _OF_A_PLATFORM}
    for name in ("job", "defaults"):
        old, new = f"#/$defs/{name}", f"#/$defs/{name}-{own}"
        for part in (whole["$defs"], properties):
            _renamed(part, old, new)
    return {"properties": properties}


def _renamed(node: Any, old: str, new: str) -> None:
    if isinstance(node, list):
        for item in node:
            _renamed(item, old, new)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and (reference == old or reference.startswith(f"{old}/")):
            node["$ref"] = new + reference[len(old) :]
        for item in node.values():
            _renamed(item, old, new)


def _whole(platform: Platform, platforms: Platforms) -> dict[str, Any]:
    """The language with the jobs of *platform* in it."""
    whole: dict[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text("utf-8"))
    definitions, request = whole["$defs"], platform.request_schema()
    job = definitions["job"]
    job["properties"] = {**request["properties"], **job["properties"]}
    names = [name for name in request["properties"] if name in merged_fields(platform)]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    definitions["defaults"]["description"] = (
        "Defaults for every job: "
        + (f"{listed} are merged with those of the job, " if listed else "")
        + ("all others" if platform.named_entries else "scalars, lists and permissions")
        + " are replaced by its own, null removes one."
    )
    definitions["defaults"]["properties"] = {
        name: {"$ref": f"#/$defs/job/properties/{name}"}
        for name in job["properties"]
        if name not in NOT_DEFAULTS
    }
    definitions.update(request.get("$defs", {}))
    permissions = platform.permissions
    job["properties"]["permissions"]["additionalProperties"] = permissions.level_schema() or _words(
        [*permissions.levels]
    )
    for api in (whole["properties"]["api"], definitions["target"]["properties"]["api"]):
        described = {"description": api["description"]}
        api.clear()
        api.update({**described, **_words([*platforms])})
    return whole


@cache
def merged_fields(platform: Platform) -> frozenset[str]:
    """The request fields of which a part is merged with that of the defaults."""
    paths = (*platform.merged, *platform.named_entries, *platform.united)
    return frozenset(path.partition(".")[0] for path in paths)


def _words(words: Sequence[str]) -> dict[str, Any]:
    """The schema of a value that is one of *words*."""
    *others, last = words
    expected = f"{', '.join(others)} or {last}" if others else last
    return {**({"enum": [*words]} if others else {"const": last}), "x-expected": expected}


def violations(
    value: Raw, places: Places, platform: Platform, platforms: Platforms
) -> list[Violation]:
    """All that breaks the schema in one file's *value*, whose jobs are of *platform*; empty when
    nothing does."""
    checked = _checked(platform, tuple(platforms.values()))
    validator = checked.validator
    if validator.is_valid(value):
        return []
    found: dict[tuple[Steps, str], Violation] = {}
    for error in validator.iter_errors(value):
        for violation in checked.explain(error, value, places):
            found.setdefault((violation.path, violation.problem.message), violation)
    return list(found.values())


class _Checked:
    """The schema of the jobs of one platform, and what breaks it in words."""

    def __init__(self, platform: Platform, platforms: tuple[Platform, ...]) -> None:
        self._platform = platform
        self._schema = _whole(platform, {one.name: one for one in platforms})
        self.validator = jsonschema_rs.Draft202012Validator(self._schema)

    def explain(self, error: Any, value: Raw, places: Places) -> Iterator[Violation]:
        path = _true_path(value, error.instance_path)
        rule = self._node(error.schema_path[:-1])
        kind = error.kind.name
        if kind == "additionalProperties":
            known = sorted(rule.get("properties", ()))
            for key in error.kind.unexpected:
                where = places.key(_mapping_at(value, path), key)
                if path == ("defaults",) and key in NOT_DEFAULTS:
                    text = f"{key} cannot be a default"
                    yield Violation((*path, key), Problem(where, text, "write it in each job"))
                    continue
                message, hint = unknown_key(path, key, known, self._platform.field_hints)
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
            words = rule.get("enum") or rule.get("x-options", ())
            options = tuple(str(option) for option in words if option is not None)
            if options and isinstance(found, str):
                message, hint = wrong_value(path, found, rule["x-expected"], options=options)
            if path[2:3] == ("permissions",):
                hint = self._platform.permissions.level_hint(found) or hint
            yield Violation(path, Problem(_place(value, path, places), message, hint))

    def _node(self, schema_path: Iterable[str | int]) -> dict[str, Any]:
        node: Any = self._schema
        for step in schema_path:
            node = node[step]
            while step == "$ref" or (isinstance(node, dict) and "$ref" in node):
                target = node if isinstance(node, str) else node["$ref"]
                node, step = self._node(target.removeprefix("#/").split("/")), ""
        return node if isinstance(node, dict) else {}


@cache
def _checked(platform: Platform, platforms: tuple[Platform, ...]) -> _Checked:
    return _Checked(platform, platforms)


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
