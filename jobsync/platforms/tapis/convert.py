"""Manifests made of requests, of runs, and drafts of what people have for Agave v2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jobsync.manifest.keys import free_key, key_of
from jobsync.manifest.messages import quoted
from jobsync.manifest.writer import Draft, Remark, Writable, dump
from jobsync.model import Run
from jobsync.platforms.agave import convert as agave
from jobsync.platforms.converting import (
    Converted,
    Converter,
    NotConvertible,
    json_of,
    stem_of,
    unwrapped,
)
from jobsync.platforms.tapis.draft import EXPECT, draft_of
from jobsync.platforms.tapis.draft_set import draft_set, is_set
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.platforms.tapis.tags import without_ours

_REQUEST = (
    "appVersion", "parameterSet", "fileInputs", "fileInputArrays", "execSystemId",
    "execSystemLogicalQueue", "archiveSystemId", "archiveSystemDir", "maxMinutes", "coresPerNode",
    "memoryMB",
)  # fmt: skip
"""Members that only a request of this service has."""

_RECORD = ("uuid", "remoteOutcome", "remoteStarted", "blockedCount", "createdby")
"""Members of a job that no request has (tapis-v3 §5.1)."""

_PLACEHOLDER = re.compile(r"(\$?)(\$\{(?:([^{}]*)\})?)")
_DEEPEST = 50
_WAY = "jobsync jobs resubmit-request UUID --format json > request.json"
_FIRST = Remark("A draft. Look at each line with TODO, then: jobsync validate")


def recognises(data: bytes) -> bool:
    """Whether *data* is a request or a job of this service."""
    try:
        value = json_of("", data)
    except NotConvertible:
        return False
    return isinstance(value, dict) and _is_of_here(unwrapped(value))


def convert(files: Iterable[tuple[str, bytes]], project: str) -> Converted:
    """See :class:`~jobsync.platforms.converting.Converter`: requests of this service become a
    manifest, jobs and sets of Agave v2 the draft of one."""
    given = list(files)
    if sets := [file for file, data in given if is_set(file, data)]:
        if others := [file for file, _ in given if file not in sets]:
            raise NotConvertible(f"{others[0]}: convert job files apart from manifests ({sets[0]})")
        return draft_set(given)
    of_here = [one for one in given if recognises(one[1])]
    foreign = [one for one in given if not recognises(one[1])]
    found = _requests(of_here, project)
    head: dict[str, Draft] = {"apiVersion": "jobsync/v1", "api": TAPIS.name, "project": project}
    if not foreign:
        return Converted(dump({**head, "jobs": found.jobs}), found.warnings)
    older = agave.read_jobs(foreign, project)
    jobs = dict(found.jobs)
    for key, body in older.jobs.items():
        jobs[free_key(key, jobs, TAPIS.address_limit - len(project))] = {
            **draft_of(body), "# expect": EXPECT,
        }  # fmt: skip
    if older.variables:
        head["variables"] = older.variables
    text = dump({"#": _FIRST, **head, "jobs": jobs})
    return Converted(text, [*found.warnings, *older.warnings])


class _Requests:
    """Jobs by key, and what a person should look at."""

    def __init__(self) -> None:
        self.jobs: dict[str, Draft] = {}
        self.warnings: list[str] = []


def _requests(files: Iterable[tuple[str, bytes]], project: str) -> _Requests:
    found = _Requests()
    wrong: list[str] = []
    limit = TAPIS.address_limit - len(project)
    for file, data in files:
        raw = unwrapped(json_of(file, data))
        if _is_record(raw):
            wrong.append(
                f"{file} is a job, in which the service has changed what was asked for; convert "
                f"its request: {_WAY}"
            )
            continue
        if _is_deep(raw):
            wrong.append(f"{file} is nested more than {_DEEPEST} deep")
            continue
        name = raw.get("name")
        name = name if isinstance(name, str) and name else stem_of(file)
        key = free_key(key_of(name, TAPIS), found.jobs, limit)
        if key != name:
            found.warnings.append(f"{file}: the name {quoted(name)} became the key {key}")

        def say(message: str, file: str = file) -> None:
            found.warnings.append(f"{file}: {message}")

        found.jobs[key] = {**declared(raw, say), "# expect": EXPECT}
    if wrong:
        raise NotConvertible("\n".join(wrong))
    return found


def declared(request: Mapping[str, Any], say: Callable[[str], None]) -> dict[str, Writable]:
    """The fields of a manifest that ask for what *request* asks for, without its name.

    A null is the same as nothing (tapis-v3 §4.1); what is for jobsync alone is left out, and so is
    whom the job belongs to, which the service decides.
    """
    out: dict[str, Writable] = {}
    for field, value in request.items():
        if field in ("owner", "tenant"):
            if value:
                say(f"{field} left out: a job belongs to whoever submits it")
        elif field == "tags" and isinstance(value, list):
            if kept := without_ours(one for one in value if isinstance(one, str)):
                out[field] = _literal(kept)
        elif field != "name" and value is not None:
            out[field] = _literal(value)
    return out


def _literal(value: Any) -> Writable:
    """*value* without nulls, and with nothing in its texts that a manifest would fill in."""
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_literal(item) for item in value if item is not None]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(_unfilled, value)
    kept: Writable = value
    return kept


def _unfilled(found: re.Match[str]) -> str:
    """``${...}`` as a manifest writes it so that it stays what it is; behind a dollar sign it would
    be read as escaped."""
    dollar, placeholder, name = found.groups()
    is_left = not dollar and name is not None and TAPIS.is_left(name)
    return placeholder if is_left else f"{dollar}${placeholder}"


def described(run: Run, say: Callable[[str], None]) -> dict[str, Writable]:
    """See :class:`~jobsync.platforms.converting.Converter`."""
    sent = {key: value for key, value in (run.request or {}).items() if key != "job"}
    if not sent.get("appId"):
        raise NotConvertible(f"job {run.id}: the service does not tell what was asked for")
    if _is_deep(sent):
        raise NotConvertible(f"job {run.id}: its request is nested more than {_DEEPEST} deep")
    return declared(sent, say)


def _is_deep(value: Any) -> bool:
    """Whether *value* is nested more deeply than a manifest can be."""
    level = [value]
    for _ in range(_DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [item for one in inner for item in one if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _is_of_here(value: Mapping[str, Any]) -> bool:
    return any(value.get(key) is not None for key in _REQUEST)


def _is_record(value: Mapping[str, Any]) -> bool:
    return any(key in value for key in _RECORD)


class _TapisConverter:
    recognises = staticmethod(recognises)
    convert = staticmethod(convert)
    described = staticmethod(described)


CONVERTER: Converter = _TapisConverter()
