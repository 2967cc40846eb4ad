"""The default archive path and the macros in a given one (agave-v2 §3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MACRO = re.compile(r"\$\{([A-Z_]+)\}")


def slug(text: str) -> str:
    """A job's name as a file name: spaces to ``-``, other odd characters and leading dots gone."""
    dashed = re.sub(r"\s+", "-", text.strip())
    return re.sub(r"[^A-Za-z0-9._-]", "", dashed).lstrip(".") or "job"


def expand(path: str, macros: Mapping[str, str]) -> str:
    """*path* with the known macros filled in; others stay as they are."""
    return _MACRO.sub(lambda match: macros.get(match[1], match[0]), path)


def default_path(owner: str, job_id: str) -> str:
    """Where a job archives that does not say where."""
    return f"{owner}/archive/jobs/job-{job_id}"
