"""The file of a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.errors import PlanFileError, SettingsError, StalePlan

if TYPE_CHECKING:
    from jobsync.model import Plan


def read_plan(path: Path) -> Plan:
    """A plan that ``plan --out`` saved.

    Raises what :func:`jobsync.render.plan_json.loads` raises, with the name of the file.
    """
    from jobsync.render.plan_json import loads

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"{path}: cannot be read: {reason}", hint="make one with: jobsync plan --out FILE"
        ) from error
    try:
        return loads(text)
    except (PlanFileError, StalePlan) as error:
        raise type(error)(f"{path}: {error}", hint=error.hint) from error
