"""``job.json`` files as people have them, made into one manifest (contract: clients 1.5).

Aliases, loose types, nulls and empty strings are set right; what cannot be said in a manifest is
left out with a warning. Placeholders of the older client's templates are kept, with a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobsync import identity
from jobsync.manifest import request
from jobsync.manifest.reader import read
from jobsync.manifest.references import NOTICE_MACROS, PATH_MACROS, BadReference, Filler
from jobsync.manifest.schema import violations
from jobsync.manifest.variables import Scope
from jobsync.manifest.wording import did_you_mean, quoted
from jobsync.manifest.writer import Writable, dump
from jobsync.model import Value
from jobsync.records import Struct, field

ALIASES = {
    "softwareName": "appId",
    "jobName": "name",
    "executionHost": "executionSystem",
    "queue": "batchQueue",
    "maxMemory": "memoryPerNode",
    "requestedTime": "maxRunTime",
    "processorCount": "processorsPerNode",
    "callbackUrl": "notifications",
    "callbackURL": "notifications",
}
"""Other spellings that the service takes (contract 3.2)."""

_DROPPED = {
    "executionSystem": "the app says where it runs",
    "archiveOnAppError": "only one of the two kinds of service knows it",
    "dependencies": "write needs: [...] by hand; the service refuses it",
}
_SERVER_SIDE = frozenset({
    "id", "owner", "status", "created", "lastUpdated", "lastModified", "submitTime", "startTime",
    "endTime", "localId", "outputPath", "retries", "message", "_links", "executionType",
    "schedulerType",
})  # fmt: skip
_TRUE = frozenset(("true", "on", "yes", "1"))
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NOTICE_EVENTS = ("FINISHED", "FAILED", "STOPPED")


class Converted(Struct):
    """The manifest text, and what a person should look at."""

    text: str = ""
    warnings: list[str] = field(default_factory=list)


class NotConvertible(ValueError):
    """A file that is no job.json."""


def convert(files: Iterable[tuple[str, bytes]], project: str) -> Converted:
    """One manifest of the jobs in *files* (name and content of each).

    Raises :class:`NotConvertible` for a file that does not hold one JSON object.
    """
    converted = Converted()
    jobs: dict[str, Writable] = {}
    archives: set[str] = set()
    for name, data in files:
        one = _Job(name, converted.warnings, identity.ADDRESS_LIMIT - len(project))
        key, body = one.job(_parsed(name, data))
        free = key
        number = 2
        while free in jobs:
            free = f"{key[: one.limit - 4]}-{number}"
            number += 1
        if free != key:
            converted.warnings.append(f"{name}: a job {key} is there already: named {free}")
        path = str(body.get("archivePath", "")).strip("/")
        if path and "${JOB_" not in path and path in archives:
            converted.warnings.append(f"{name}: archivePath left out: another job has it")
            del body["archivePath"]
        archives.add(path)
        jobs[free] = body
    document: dict[str, Writable] = {"apiVersion": "jobsync/v1", "project": project, "jobs": jobs}
    converted.text = dump(document)
    return converted


def key_of(text: str, fallback: str = "job") -> str:
    """A key or project name made of any text."""
    bare = _TEMPLATE.sub("-", text).lower()
    plain = re.sub(r"[^a-z0-9_]+", "-", bare).strip("-_")
    plain = plain if plain[:1].isalpha() else f"{fallback}-{plain}".strip("-")
    return plain[:30].rstrip("-_")


def _parsed(name: str, data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
        # Infinity, NaN, 1e999 and lone surrogates pass json.loads and nothing that follows.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotConvertible(f"{name}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotConvertible(f"{name}: a job.json holds one JSON object")
    inner = value.get("result")
    if isinstance(inner, dict) and "appId" in inner:
        return inner
    return value


class _Job:
    """One job.json on its way to a job of a manifest."""

    def __init__(self, file: str, warnings: list[str], limit: int) -> None:
        self.file = file
        self.warnings = warnings
        self.limit = max(8, limit)

    def job(self, raw: dict[str, Any]) -> tuple[str, dict[str, Writable]]:
        fields: dict[str, Any] = {}
        for key, value in raw.items():
            name = ALIASES.get(key, key)
            if name in fields and key in ALIASES:
                self._warn(f"{key} left out: {name} is there too")
                continue
            if value is None or value == "":
                continue
            fields[name] = value
        name = str(fields.pop("name", "") or _stem(self.file))
        key = key_of(name)[: self.limit].rstrip("-_")
        if key != name:
            self._warn(f"the name {quoted(name)} became the key {key}")
        body: dict[str, Writable] = {}
        for field_name, value in fields.items():
            converted = self._field(field_name, value)
            if converted is not None:
                body[field_name] = converted
        inputs, parameters = body.get("inputs"), body.get("parameters")
        if isinstance(inputs, dict) and isinstance(parameters, dict):
            for twice in sorted(inputs.keys() & parameters.keys()):
                self._warn(f"parameters.{twice} left out: it is an input too")
                del parameters[twice]
        if "appId" not in body:
            self._warn("no appId: write one before the manifest is used")
            body = {"appId": "app-0.0", **body}
        return key, body

    def _field(self, name: str, value: Any) -> Writable:
        if name in _DROPPED:
            self._warn(f"{name} left out: {_DROPPED[name]}")
            return None
        if name in _SERVER_SIDE:
            return None
        if name not in request.FIELDS:
            near = did_you_mean(name, request.FIELDS)
            self._warn(f"{name} left out: the service ignores it{f' ({near})' if near else ''}")
            return None
        try:
            converted = self._value(name, value)
            if name not in ("inputs", "parameters", "notifications"):
                _check(name, converted)
            elif name == "inputs" and converted is not None:
                request.inputs(converted)  # type: ignore[arg-type]
            return converted
        except request.Wrong as wrong:
            self._warn(f"{name} left out: {wrong.message}")
            return None

    def _value(self, name: str, value: Any) -> Writable:
        if name in ("inputs", "parameters"):
            return self._values(name, value)
        if name == "notifications":
            return self._notices(value)
        if name == "archive":
            return value if isinstance(value, bool) else str(value).lower() in _TRUE
        if name in ("nodeCount", "processorsPerNode"):
            return _whole(value)
        if isinstance(value, str):
            value = self._kept(name, value)
        if name == "memoryPerNode":
            checked = request.memory(value)
            return checked if isinstance(checked, str) else None
        if not isinstance(value, (str, int, float)):
            raise request.Wrong("must be text")
        checked = request.FIELDS[name](str(value))
        return checked if isinstance(checked, str) else None

    def _values(self, name: str, value: Any) -> Writable:
        if not isinstance(value, dict):
            raise request.Wrong("must be an object")
        out: dict[str, Writable] = {}
        for key, item in value.items():
            items = [one for one in (item if isinstance(item, list) else [item]) if one is not None]
            if any(isinstance(one, (dict, list)) for one in items):
                self._warn(f"{name}.{key} left out: the service drops nested values")
                continue
            if name == "inputs":
                items = [self._kept(f"{name}.{key}", str(one)) for one in items if one != ""]
            else:
                items = [
                    self._kept(f"{name}.{key}", one) if isinstance(one, str) else one
                    for one in items
                ]
            if not items:
                continue
            one_value: Writable = items[0] if not isinstance(item, list) else items
            try:
                _check(name, {key: one_value})
            except request.Wrong as wrong:
                self._warn(f"{name}.{key} left out: {wrong.message}")
                continue
            out[key] = one_value
        return out or None

    def _notices(self, value: Any) -> Writable:
        out: list[Writable] = []
        for item in value if isinstance(value, list) else [value]:
            items: list[dict[str, Any]] = []
            if isinstance(item, str):
                items = [{"url": item, "event": event} for event in _NOTICE_EVENTS]
            elif isinstance(item, dict):
                known = ("url", "event", "persistent", "policy")
                items = [{k: v for k, v in item.items() if k in known and v is not None}]
            for notice in items:
                if isinstance(notice.get("persistent"), str):
                    notice["persistent"] = notice["persistent"].lower() in _TRUE
                try:
                    _check("notifications", [notice])
                except request.Wrong as wrong:
                    self._warn(f"a notification left out: {wrong.message}")
                    continue
                out.append(notice)
        return out or None

    def _kept(self, name: str, text: str) -> str:
        if match := _TEMPLATE.search(text):
            self._warn(f"{name} keeps {quoted(match[0])}: fill it in, or use ${{var.NAME}}")
        return _escaped(text)

    def _warn(self, message: str) -> None:
        self.warnings.append(f"{self.file}: {message}")


def _check(name: str, value: Writable) -> None:
    """Raise :class:`request.Wrong` for what the language would refuse in a manifest."""
    if value is None:
        return
    document = read(dump({"apiVersion": "jobsync/v1", "jobs": {"x": {name: value}}}).encode(), "")
    problems = [
        *document.problems,
        *(v.problem for v in violations(document.value, document.places)),
    ]
    if problems:
        raise request.Wrong(problems[0].message.removeprefix(f"jobs.x.{name} "))
    try:
        request.FIELDS[name](_filled(value))
    except BadReference as error:
        raise request.Wrong(error.message) from error


def _filled(value: Writable) -> Value:
    """What a manifest would send of a value."""
    if isinstance(value, str):
        return Filler(Scope()).fill(value) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: _filled(item) for key, item in value.items()}
    return [_filled(item) for item in value] if isinstance(value, Sequence) else value


def _escaped(text: str) -> str:
    """Text whose ``${`` mean nothing to jobsync; the service's macros stay."""
    macros = PATH_MACROS | NOTICE_MACROS
    return re.sub(
        r"\$\{(?:([A-Z_]+)\})?",
        lambda m: m[0] if m[1] in macros else f"${m[0]}",
        text,
    )


def _stem(file: str) -> str:
    parts = [part for part in re.split(r"[/\\]", file) if part]
    stem = parts[-1].rsplit(".", 1)[0] if parts else "job"
    return parts[-2] if stem == "job" and len(parts) > 1 else stem


def _whole(value: Any) -> int:
    if isinstance(value, float) and value == int(value):
        value = int(value)
    if isinstance(value, str):
        value = value.strip()
    checked = request.whole(value)
    return checked if isinstance(checked, int) else 1


def project_of(folder: str) -> str:
    """A project name for the set in *folder*."""
    return key_of(folder, "project")[: identity.ADDRESS_LIMIT // 2].rstrip("-_")
