"""Which outputs are archived: excludes first, then includes (tapis-v3 §8.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobsync.java_globs import matches


def chosen(archive_filter: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a path below the output directory is archived: excludes first, then includes."""
    excludes, includes = archive_filter["excludes"], archive_filter["includes"]

    def keeps(path: str) -> bool:
        if any(matches(pattern, path) for pattern in excludes):
            return False
        return not includes or any(matches(pattern, path) for pattern in includes)

    return keeps
