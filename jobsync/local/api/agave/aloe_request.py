"""What Aloe refuses that the legacy engine takes (agave-v2 §9.1)."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.apps.app_file import App

FORBIDDEN = ("executionSystem", "jobName", "parameter")
LENGTHS = {
    "appId": 80,
    "archivePath": 255,
    "archiveSystem": 64,
    "batchQueue": 255,
    "memoryPerNode": 32,
    "name": 64,
    "maxRunTime": 20,
}
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "enumeration": (str,),
    "number": (int, float),
    "bool": (bool,),
    "flag": (bool,),
}


def check(body: Mapping[str, object]) -> None:
    """Refuse forbidden fields, over-long texts, a memory that is no text, a missing archivePath."""
    for name in FORBIDDEN:
        if name in body:
            raise Refusal(400, f"The field {name} is not allowed in a job request.")
    for name, limit in LENGTHS.items():
        value = body.get(name)
        if isinstance(value, str) and len(value) > limit:
            raise Refusal(400, f"The field {name} is longer than {limit} characters.")
    memory = body.get("memoryPerNode")
    if memory is not None and not isinstance(memory, str):
        raise Refusal(400, "The field memoryPerNode must be a string.")
    if body.get("archive") is True and body.get("archivePath") is None:
        raise Refusal(400, "The field archivePath is required when archive is true.")


def check_types(body: Mapping[str, object], app: App) -> None:
    """Refuse a parameter whose JSON type is not the one that the app declares."""
    given = body.get("parameters")
    if not isinstance(given, Mapping):
        return
    for name, spec in app.parameters.items():
        value = given.get(name)
        values = value if isinstance(value, list) else [value]
        for item in values:
            if item is not None and not _is(item, _JSON_TYPES[spec.type]):
                raise Refusal(400, f"Parameter {name} must be of type {spec.type}.")


def _is(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (isinstance(value, bool) == (bool in types))
