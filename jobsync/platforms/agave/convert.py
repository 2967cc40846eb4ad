"""``job.json`` files as people have them, made into one manifest (clients §1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jobsync.archives import is_same
from jobsync.manifest.keys import free_key, key_of
from jobsync.manifest.messages import quoted
from jobsync.manifest.writer import Writable, dump
from jobsync.model import Archive, Run
from jobsync.platform import Wrong
from jobsync.platforms.agave import kinds
from jobsync.platforms.agave.archive import output_folder
from jobsync.platforms.agave.describe import describe, name_of
from jobsync.platforms.agave.placeholders import Placeholders
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.agave.run_names import ADDRESS_LIMIT
from jobsync.platforms.converting import (
    Converted,
    Converter,
    NotConvertible,
    json_of,
    stem_of,
    unwrapped,
)
from jobsync.structs import Struct


class ReadJobs(Struct, frozen=True):
    """The jobs that files hold, by key, as a manifest says them; the variables that they need; and
    what a person should look at."""

    jobs: dict[str, dict[str, Writable]]
    variables: dict[str, dict[str, str]]
    warnings: list[str]


def convert(files: Iterable[tuple[str, bytes]], project: str) -> Converted:
    """One manifest of the jobs in *files* (name and content of each).

    Raises :class:`NotConvertible` for files that do not hold a job of this service.
    """
    found = read_jobs(files, project)
    document: dict[str, Writable] = {"apiVersion": "jobsync/v1", "project": project}
    if found.variables:
        document["variables"] = found.variables
    return Converted(dump({**document, "jobs": found.jobs}), found.warnings)


def recognises(data: bytes) -> bool:
    """Whether *data* is a job of this service."""
    try:
        value = json_of("", data)
    except NotConvertible:
        return False
    return isinstance(value, dict) and not kinds.refusal(unwrapped(value))


def read_jobs(files: Iterable[tuple[str, bytes]], project: str) -> ReadJobs:
    """The jobs in *files*. Raises as :func:`convert`."""
    warnings: list[str] = []
    wrong: list[str] = []
    jobs: dict[str, dict[str, Writable]] = {}
    archives: list[tuple[Archive, str]] = []
    placeholders = Placeholders()
    for file, data in files:

        def say(message: str, file: str = file) -> None:
            warnings.append(f"{file}: {message}")

        try:
            raw = _parsed(file, data)
            name = name_of(raw) or stem_of(file)
            # The project is part of a run's name too, so it shortens what is left for the key.
            key = key_of(name, AGAVE)[: max(8, ADDRESS_LIMIT - len(project))].rstrip("-_")
            if key != name:
                say(f"the name {quoted(name)} became the key {key}")
            body = describe(raw, file, placeholders, say)
        except NotConvertible as error:
            wrong.append(str(error))
            continue
        except Wrong as error:
            wrong.append(f"{file}: appId {error.message}")
            continue
        free = free_key(key, jobs, max(8, ADDRESS_LIMIT - len(project)))
        if free != key:
            say(f"there is a job {key} already: named {free}")
        # Two jobs with one archive folder would write over each other's outputs.
        if (archive := output_folder(body)) is not None:
            if other := next((at for one, at in archives if is_same(one, archive)), None):
                say(f"archivePath left out: {other} archives to that folder")
                del body["archivePath"]
            else:
                archives.append((archive, free))
        jobs[free] = body
    # All files are read first, so that every one that cannot be converted is named.
    if wrong:
        raise NotConvertible("\n".join(wrong))
    return ReadJobs(jobs, placeholders.variables(), warnings)


def _parsed(file: str, data: bytes) -> dict[str, Any]:
    value = json_of(file, data)
    if not isinstance(value, dict):
        raise NotConvertible(f"{file} is not a JSON object, as a job.json is")
    value = unwrapped(value)
    if why := kinds.refusal(value):
        raise NotConvertible(f"{file} {why}")
    return value


def described(run: Run, say: Callable[[str], None]) -> dict[str, Writable]:
    """The request fields of a manifest that declares *run*."""
    record = {**(run.request or {}), "id": run.id}
    try:
        return describe(record, run.id, Placeholders(), say)
    except Wrong as error:
        raise NotConvertible(f"job {run.id}: appId {error.message}") from error


class _AgaveConverter:
    recognises = staticmethod(recognises)
    convert = staticmethod(convert)
    described = staticmethod(described)


CONVERTER: Converter = _AgaveConverter()
