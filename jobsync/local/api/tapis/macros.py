"""``${X}`` in a request, and ``_tapisX`` in the environment of the job (tapis-v3 §4.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from jobsync.local.api.tapis.answer import Problem

_MACRO = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}")

NAMES = (
    "JobName", "JobUUID", "Tenant", "JobOwner", "EffectiveUserId", "AppId", "AppVersion",
    "ExecSystemId", "ExecSystemExecDir", "ExecSystemInputDir", "ExecSystemOutputDir",
    "DynamicExecSystem", "JobWorkingDir", "StdoutFilename", "StderrFilename",
    "ExecSystemLogicalQueue", "ExecSystemHPCQueue", "ArchiveSystemId", "ArchiveSystemDir",
    "ArchiveOnAppError", "ArchiveMode", "DtnSystemId", "DtnSystemInputDir", "DtnSystemOutputDir",
    "Nodes", "CoresPerNode", "MemoryMB", "MaxMinutes", "SysBucketName", "SysRootDir", "SysHost",
    "SysBatchScheduler", "JobCreateTime", "JobCreateDate", "JobCreateTimestamp",
)  # fmt: skip


_NOTHING_ELSE: Mapping[str, Any] = {"description": None, "include": None, "notes": {}}


def dates(moment: float) -> dict[str, str]:
    """The three macros of the time of creation."""
    when = datetime.fromtimestamp(moment, timezone.utc)
    day = when.strftime("%Y-%m-%dZ")
    clock = when.strftime("%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"
    return {
        "JobCreateDate": day,
        "JobCreateTime": clock,
        "JobCreateTimestamp": f"{when.strftime('%Y-%m-%d')}T{clock}",
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """*text* with the macros that have a value; others stay."""
    return _MACRO.sub(lambda match: values.get(match[1], match[0]), text)


def directory(text: str, values: Mapping[str, str], field: str) -> str:
    """The same for a directory, where a macro without a value is a 400."""
    if text.startswith("HOST_EVAL("):
        raise Problem(
            400,
            f"JOBS_HOST_EVAL_FAILED {field}: HOST_EVAL is not carried out on this service: "
            "write the directory itself",
        )
    found = filled(text, values)
    if left := _MACRO.search(found):
        raise Problem(400, f"JOBS_UNRESOLVED_MACRO {field}: {left[0]} has no value in {text}")
    if ".." in found.split("/"):
        raise Problem(400, f"JOBS_INVALID_DIRECTORY {field}: .. is not allowed in {found}")
    return found


def variables(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The variables of a job: those that were asked for, and ``_tapisX`` of each macro."""
    return [
        *request["parameterSet"]["envVariables"],
        *(
            {"key": f"_tapis{name}", "value": value, **_NOTHING_ELSE}
            for name, value in request["macros"].items()
        ),
    ]
