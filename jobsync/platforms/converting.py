"""Manifests made of what people have: the part of a platform that reads its jobs.

Each folder beside this module has a value of this kind as ``convert.CONVERTER``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from jobsync.manifest.writer import Writable
from jobsync.model import Run
from jobsync.structs import Struct, field


class Converted(Struct):
    """The manifest text, and what a person should look at."""

    text: str = ""
    warnings: list[str] = field(default_factory=list)


class NotConvertible(ValueError):
    """Files that hold no job of the platform, one in each line."""


class Converter(Protocol):
    """Makes manifests from requests and from runs."""

    def recognises(self, data: bytes) -> bool:
        """Whether a file with *data* holds a job of this platform."""

    def convert(self, files: Iterable[tuple[str, bytes]], project: str) -> Converted:
        """One manifest of the jobs in *files* (name and content of each).

        A platform may also make a first draft of what other platforms know. Raises
        :class:`NotConvertible` for all other files.
        """

    def described(self, run: Run, say: Callable[[str], None]) -> dict[str, Writable]:
        """The request fields that declare *run*. *say* is told what a person should look at.

        Raises :class:`NotConvertible` for a run that no manifest can declare.
        """


def json_of(file: str, data: bytes) -> Any:
    """The JSON in *data*. Raises :class:`NotConvertible` for what is none."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
        # Infinity, NaN, 1e999 and lone surrogates pass json.loads and nothing that follows.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NotConvertible(f"{file}: not JSON: {error}") from error
    return value


def unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """What a service answered, without its envelope."""
    result = value.get("result")
    return result if isinstance(result, dict) else value


def stem_of(file: str) -> str:
    """A name for the job in *file*: the folder's where the file is just ``job.json``."""
    parts = [part for part in re.split(r"[/\\]", file) if part]
    stem = parts[-1].rsplit(".", 1)[0] if parts else "job"
    return parts[-2] if stem == "job" and len(parts) > 1 else stem
