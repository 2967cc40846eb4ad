"""What a JSON file holds that was given for a job: only jobs of this service are translated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NEXT_JOB = (
    "appVersion",
    "parameterSet",
    "fileInputs",
    "fileInputArrays",
    "execSystemId",
    "execSystemLogicalQueue",
    "archiveSystemId",
    "archiveSystemDir",
    "maxMinutes",
    "coresPerNode",
    "memoryMB",
)
"""Fields of a job of Tapis v3 that no job of Agave v2 has (tapis-v3 contract)."""

_NEXT_APP = ("containerImage", "jobAttributes")
_APP = ("templatePath", "deploymentPath", "executionType", "parallelism", "defaultQueue")
_SYSTEM = ("storage", "login", "queues", "scheduler")
_SHOWN = 3

_ANSWERED = frozenset({
    "_links", "submitTime", "lastUpdated", "outputPath", "localId", "tenantId", "tenantQueue",
    "lastStatusMessage", "workPath", "appUuid", "remoteQueue", "remoteJobId", "remoteOutcome",
})  # fmt: skip
"""Keys of a record that nobody writes into a request (agave-v2 §3.5, §9.2)."""

JOB_ID = r"[0-9a-f]+(?:-[0-9a-f]+)*-007"
"""The id of a job on either engine (agave-v2 §1.6)."""


def refusal(value: Mapping[str, Any]) -> str:
    """The kind of file that *value* is, when it is no job of this service, in words that follow its
    name; else empty."""
    if found := _found(value, _NEXT_APP):
        return f"is a Tapis v3 app definition ({found}), not a job"
    if found := _found(value, _NEXT_JOB):
        return f"is a Tapis v3 job ({found}), not one of Agave v2"
    app_id = value.get("appId") or value.get("softwareName")
    if app_id and not isinstance(app_id, (dict, list)):
        return ""
    if found := _found(value, _APP):
        return f"is an app definition ({found}), not a job"
    if found := _found(value, _SYSTEM):
        return f"is a system definition ({found}), not a job"
    return "is not a job: it has no appId"


def is_record(value: Mapping[str, Any]) -> bool:
    """Whether *value* is a job's record from the service, and not a request for a job."""
    if not _ANSWERED.isdisjoint(value):
        return True
    job_id = value.get("id")
    return isinstance(job_id, str) and re.fullmatch(JOB_ID, job_id) is not None


def _found(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return ", ".join([key for key in keys if key in value][:_SHOWN])
