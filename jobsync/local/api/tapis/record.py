"""A job as the service writes it (tapis-v3 §5.1, §6.2), and lines of its history (§7)."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from jobsync.local.api.tapis.ends import STATUS, condition_of, outcome_of, status_of
from jobsync.local.api.tapis.macros import variables
from jobsync.local.api.tapis.profile import TENANT, Profile
from jobsync.local.store.rows import EventRow, JobRow

SUMMARY = (
    "uuid", "id", "name", "owner", "tenant", "appId", "appVersion", "created", "status",
    "condition", "remoteStarted", "ended", "execSystemId", "archiveSystemId", "lastUpdated",
)  # fmt: skip


def moment(at: float | None) -> str | None:
    """A time in UTC with microseconds."""
    return None if at is None else _moment(at)


@lru_cache(maxsize=65536)
def _moment(at: float) -> str:
    found = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="microseconds")
    return found.removesuffix("+00:00") + "Z"


def summary(row: JobRow) -> dict[str, Any]:
    """A row of the list: the condition is not read for it."""
    return {
        "uuid": row.id,
        "id": row.number,
        "name": row.name,
        "owner": row.owner,
        "tenant": TENANT,
        "appId": row.app_id,
        "appVersion": row.request["appVersion"],
        "created": moment(row.created),
        "status": status_of(row),
        "condition": None,
        "remoteStarted": moment(row.started),
        "ended": moment(row.ended),
        "execSystemId": row.system,
        "archiveSystemId": row.archive_system,
        "lastUpdated": moment(row.last_updated),
    }


def job(row: JobRow, profile: Profile, *, status: str | None = None) -> dict[str, Any]:
    """The whole job. What is structured there is JSON inside strings."""
    request = row.request
    found: dict[str, Any] = {
        "id": row.number,
        "name": row.name,
        "owner": row.owner,
        "tenant": TENANT,
        "description": request["description"],
        "status": status or status_of(row),
        "condition": condition_of(row),
        "lastMessage": row.message or "Job created",
        "created": moment(row.created),
        "ended": moment(row.ended),
        "lastUpdated": moment(row.last_updated),
        "uuid": row.id,
        "appId": row.app_id,
        "appVersion": request["appVersion"],
        "archiveOnAppError": request["archiveOnAppError"],
        "archiveMode": request["archiveMode"],
        "dynamicExecSystem": request["dynamicExecSystem"],
        "execSystemId": row.system,
        "execSystemExecDir": row.directories["exec"],
        "execSystemInputDir": row.directories["input"],
        "execSystemOutputDir": row.directories["output"],
        "execSystemLogicalQueue": request["execSystemLogicalQueue"],
        "archiveSystemId": row.archive_system,
        "archiveSystemDir": f"/{row.archive_path}",
        "dtnSystemId": None,
        "dtnSystemInputDir": request["dtnSystemInputDir"],
        "dtnSystemOutputDir": request["dtnSystemOutputDir"],
        "nodeCount": row.node_count,
        "coresPerNode": row.processors_per_node,
        "memoryMB": request["memoryMB"],
        "maxMinutes": request["maxMinutes"],
        "fileInputs": _text([_stringed(one) for one in request["fileInputs"]]),
        "parameterSet": _text(_parameters(request)),
        "execSystemConstraints": _text(request["execSystemConstraints"])
        if request["execSystemConstraints"]
        else None,
        "subscriptions": _text(request["subscriptions"]),
        "blockedCount": 0,
        "remoteJobId": _native(row),
        "remoteJobId2": None,
        "remoteOutcome": outcome_of(row),
        "remoteResultInfo": None if row.exit_code is None else str(row.exit_code),
        "remoteQueue": row.queue if request["jobType"] == "BATCH" else None,
        "remoteSubmitted": moment(row.submitted),
        "remoteStarted": moment(row.started),
        "remoteEnded": moment(row.ended) if row.started else None,
        "remoteSubmitRetries": row.retries,
        "remoteChecksSuccess": 0,
        "remoteChecksFailed": 0,
        "remoteLastStatusCheck": None,
        "inputTransactionId": None,
        "inputCorrelationId": None,
        "archiveTransactionId": None,
        "archiveCorrelationId": None,
        "stageAppTransactionId": None,
        "stageAppCorrelationId": None,
        "tapisQueue": "tapis.jobq.submit.DefaultQueue",
        "visible": row.visible,
        "createdby": row.owner,
        "createdbyTenant": TENANT,
        "tags": row.tags,
        "jobType": request["jobType"],
        "isMpi": request["isMpi"],
        "mpiCmd": request["mpiCmd"],
        "cmdPrefix": request["cmdPrefix"],
        "dtnInputTransactionId": None,
        "dtnInputCorrelationId": None,
        "dtnOutputTransactionId": None,
        "dtnOutputCorrelationId": None,
        "sharedAppCtx": "",
        "sharedAppCtxAttribs": [],
        "notes": request["notes"] if profile.modern else _text(request["notes"]),
        "trackingId": request.get("trackingId"),
        "_fileInputsSpec": None,
        "_parameterSetModel": None,
    }
    # Older releases do not have these two fields at all.
    if not profile.modern:
        del found["archiveMode"], found["trackingId"]
    return found


def event(line: EventRow) -> dict[str, Any]:
    """A line of the history. Status changes carry the status as their detail."""
    word = STATUS.get(line.status)
    kind = "JOB_NEW_STATUS" if word or line.status == "BLOCKED" else line.status
    detail = word or line.status
    description = line.description or ""
    if kind == "JOB_USER_EVENT":
        detail, _, description = description.partition("\n")
    elif kind != "JOB_NEW_STATUS":
        detail = description
    return {
        "event": kind,
        "created": moment(line.created),
        "eventDetail": detail,
        "description": description,
        "transferTaskUuid": None,
        "transferSummary": {},
        "jobUuid": line.job_id,
        "oldStatus": None,
        "newStatus": word,
    }


def history(lines: list[EventRow]) -> list[dict[str, Any]]:
    """The lines of a history: phases that are one status there are one line."""
    found: list[dict[str, Any]] = []
    last: str | None = None
    for line in lines:
        written = event(line)
        if written["event"] == "JOB_NEW_STATUS":
            if written["eventDetail"] == last:
                continue
            written["oldStatus"], last = last, written["eventDetail"]
        found.append(written)
    return found


def _native(row: JobRow) -> str | None:
    return row.native_id.partition(".")[0] if row.native_id else None


def _parameters(request: dict[str, Any]) -> dict[str, Any]:
    found = {**request["parameterSet"], "envVariables": variables(request)}
    for name in ("appArgs", "containerArgs", "schedulerOptions", "envVariables"):
        found[name] = [_stringed(one) for one in found[name]]
    return found


def _stringed(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "notes": _text(one["notes"]) if one["notes"] else "{}"}


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
