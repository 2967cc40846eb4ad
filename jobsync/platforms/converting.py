"""Manifests made of what people have: the part of a platform that reads its jobs.

Each folder beside this module has a value of this kind as ``convert.CONVERTER``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

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

    def convert(self, files: Iterable[tuple[str, bytes]], project: str) -> Converted:
        """One manifest of the jobs in *files* (name and content of each).

        Raises :class:`NotConvertible` for files that do not hold a job of this platform.
        """

    def described(self, run: Run, say: Callable[[str], None]) -> dict[str, Writable]:
        """The request fields that declare *run*. *say* is told what a person should look at.

        Raises :class:`NotConvertible` for a run that no manifest can declare.
        """
