"""The bodies that the jobs service takes (tapis-v3 §4.1, §4.6, §9, §10)."""

from __future__ import annotations

from typing import Any

from jobsync.local.api.tapis.call import payload
from jobsync.local.api.tapis.shapes import (
    Shape,
    any_object,
    many,
    members,
    text,
    truth,
    whole,
    word,
)

CATEGORIES = (
    "JOB_NEW_STATUS", "JOB_INPUT_TRANSACTION_ID", "JOB_ARCHIVE_TRANSACTION_ID", "JOB_SUBSCRIPTION",
    "JOB_SHARE_EVENT", "JOB_ERROR_MESSAGE", "JOB_USER_EVENT", "ALL",
)  # fmt: skip
RESOURCES = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")

_DIRECTORY = text(1, 4096)
_NAMED = {"name": text(1, 80), "description": text(1, 8096), "notes": any_object}
_ARGUMENT = members({**_NAMED, "include": truth, "arg": text(1)}, ["arg"])
_VARIABLE = members(
    {"key": text(1), "value": text(), "description": text(1, 8096), "include": truth,
     "notes": any_object},
    ["key", "value"],
)  # fmt: skip
_INPUT = members(
    {**_NAMED, "envKey": text(1), "autoMountLocal": truth, "sourceUrl": text(1),
     "targetPath": text()}
)  # fmt: skip
_INPUTS = members(
    {**_NAMED, "envKey": text(1), "sourceUrls": many(text(1), least=1, null=True),
     "targetDir": text(1)}
)  # fmt: skip
_PARAMETERS = members(
    {
        "appArgs": many(_ARGUMENT),
        "containerArgs": many(_ARGUMENT),
        "schedulerOptions": many(_ARGUMENT),
        "envVariables": many(_VARIABLE),
        "archiveFilter": members(
            {
                "includes": many(text(1), unique=True),
                "excludes": many(text(1), unique=True),
                "includeLaunchFiles": truth,
            }
        ),
        "logConfig": members(
            {"stdoutFilename": text(), "stderrFilename": text()},
            ["stdoutFilename", "stderrFilename"],
        ),
    }
)
SUBSCRIPTION = members(
    {
        "description": text(1, 2048),
        "enabled": truth,
        "eventCategoryFilter": word(*CATEGORIES),
        "deliveryTargets": many(
            members(
                {
                    "deliveryMethod": word("WEBHOOK", "EMAIL", "QUEUE", "ACTOR"),
                    "deliveryAddress": text(1, 2048),
                },
                ["deliveryMethod", "deliveryAddress"],
            ),
            least=1,
        ),
        "ttlMinutes": whole(0),
    },
    ["eventCategoryFilter", "deliveryTargets"],
)
SUBMIT = {
    "name": text(1, 64),
    "appId": text(1, 80),
    "appVersion": text(1, 64),
    "owner": text(1, 64),
    "tenant": text(1, 24),
    "description": text(1, 2048),
    "jobType": word("FORK", "BATCH"),
    "execSystemId": text(1, 80),
    "dynamicExecSystem": truth,
    "execSystemConstraints": many(text(1)),
    "execSystemExecDir": _DIRECTORY,
    "execSystemInputDir": _DIRECTORY,
    "execSystemOutputDir": _DIRECTORY,
    "execSystemLogicalQueue": text(1, 80),
    "archiveSystemId": text(1, 80),
    "archiveSystemDir": _DIRECTORY,
    "archiveOnAppError": truth,
    "archiveMode": word("ALWAYS", "SKIP_ON_FAIL", "NEVER"),
    "dtnSystemInputDir": _DIRECTORY,
    "dtnSystemOutputDir": _DIRECTORY,
    "nodeCount": whole(),
    "coresPerNode": whole(),
    "memoryMB": whole(1),
    "maxMinutes": whole(1),
    "isMpi": truth,
    "mpiCmd": text(1, 126, null=True),
    "cmdPrefix": text(1, 1024, null=True),
    "fileInputs": many(_INPUT, unique=True),
    "fileInputArrays": many(_INPUTS, unique=True),
    "parameterSet": _PARAMETERS,
    "subscriptions": many(SUBSCRIPTION, unique=True),
    "tags": many(text(1, 126), unique=True),
    "notes": any_object,
}
_REQUIRED = ("name", "appId", "appVersion")
_NEW = members(SUBMIT, _REQUIRED)
_OLD = members({name: one for name, one in SUBMIT.items() if name != "archiveMode"}, _REQUIRED)

SHARE = members(
    {
        "grantee": text(0, 64),
        "jobResource": many(word(*RESOURCES), unique=True),
        "jobPermission": word("READ"),
    },
    ["grantee", "jobResource", "jobPermission"],
)
EVENT = members({"eventData": text(1, 16384), "eventDetail": text(1, 64)}, ["eventData"])
SEARCH = members({"search": many(text(), least=1)}, ["search"])


def _note(value: Any, at: str) -> str:
    if isinstance(value, str):
        return text(0, 1024)(value, at)
    if isinstance(value, list):
        return many(_note, most=128)(value, at)
    if isinstance(value, dict):
        for key, entry in value.items():
            if not 1 <= len(key) <= 128:
                return f"{at}: a key of 1 to 128 characters, not {len(key)}"
            if wrong := _note(entry, f"{at}/{key}"):
                return wrong
    return ""


def _notes(value: Any, at: str) -> str:
    return any_object(value, at) or _note(value, at)


ANNOTATIONS = members({"tags": many(text(1, 128), most=128, unique=True), "notes": _notes})


def submit(body: dict[str, Any], *, modern: bool) -> None:
    """Check the body of a submit. Raises :class:`Problem` 400 that names the key."""
    checked(_NEW if modern else _OLD, body, "submitJob")


def checked(shape: Shape, body: dict[str, Any], what: str) -> dict[str, Any]:
    """*body* if it fits. Raises :class:`Problem` 400."""
    if wrong := shape(body, "#"):
        raise payload(what, wrong)
    return body
