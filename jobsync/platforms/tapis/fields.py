"""The request fields of a job: what the service would refuse is refused here first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobsync.model import Value

WORKSPACE = "tapis://local/"


def request_schema() -> dict[str, Any]:
    """What each field may be before references in it are filled in."""
    text = Path(__file__).with_name("request.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


FIELDS: Mapping[str, Callable[[Value], Value]] = {}
PLACEMENT = (
    "execSystemId", "execSystemLogicalQueue", "nodeCount", "coresPerNode", "memoryMB",
    "maxMinutes", "jobType", "dynamicExecSystem", "execSystemConstraints",
)  # fmt: skip
"""Fields that say where and how long, not what: changing them never re-runs a job."""
