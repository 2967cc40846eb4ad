"""Which outputs hold what a run printed (tapis-v3 §4.1, §11.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobsync.model import LogFiles, Run
from jobsync.platforms.tapis.archive import JOB

_USUAL = "tapisjob.out"
"""The name of both files where nothing else says how they are called: both streams go there."""


def log_files(run: Run, names: Collection[str]) -> LogFiles:
    """The files with standard output and error of *run* among *names*."""
    settings = _member(_member(_member(run.request, JOB), "parameterSet"), "logConfig")

    def file(key: str) -> str:
        name = settings.get(key)
        found = name if isinstance(name, str) and name else _USUAL
        return found if found in names else ""

    return LogFiles(file("stdoutFilename"), file("stderrFilename"))


def _member(found: Mapping[str, object] | None, key: str) -> Mapping[str, object]:
    value = (found or {}).get(key)
    return value if isinstance(value, dict) else {}
