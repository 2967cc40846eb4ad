"""What a command found, for a CI system: one file and one row here for each kind. Pure.

A report is made of :class:`~jobsync.render.reports.found.Found`, one for each set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from jobsync.render.reports.found import Finding, Found, Level
from jobsync.structs import Struct

Write = Callable[[Sequence[Found]], str]


class Kind(Struct, frozen=True):
    """``file`` is where the report goes when the command line names no file, empty for standard
    error; ``write`` makes its text."""

    file: str
    write: Write


def _of(name: str) -> Write:
    def write(found: Sequence[Found]) -> str:
        text: str = import_module(f"jobsync.render.reports.{name}").report(found)
        return text

    return write


KINDS: dict[str, Kind] = {
    "github": Kind("", _of("github")),
    "gitlab": Kind("jobsync-terraform.json", _of("gitlab")),
    "codequality": Kind("jobsync-codequality.json", _of("codequality")),
    "junit": Kind("jobsync-junit.xml", _of("junit")),
    "sarif": Kind("jobsync.sarif", _of("sarif")),
}
"""Every kind of report. Each is imported when it is asked for."""

__all__ = ["KINDS", "Finding", "Found", "Kind", "Level"]
