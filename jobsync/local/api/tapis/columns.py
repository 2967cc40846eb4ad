"""The attributes of a job that can be searched, ordered by and selected (tapis-v3 §5.1, §6.4)."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.ends import CONDITIONS, STATUS
from jobsync.structs import Struct


class Column(Struct, frozen=True):
    """An attribute: its name on the wire, its SQL, its type (text int bool time tags json)."""

    name: str
    sql: str
    kind: str = "text"


def _case(pairs: dict[str, str], column: str) -> str:
    whens = " ".join(f"WHEN '{key}' THEN '{value}'" for key, value in pairs.items())
    return f"(CASE {column} {whens} END)"


def _request(name: str) -> str:
    return f"json_extract(request, '$.{name}')"


_STATUS = _case({key: value for key, value in STATUS.items() if key != value}, "status")
_FAILED = _case(CONDITIONS, "reason")
_CONDITION = (
    "(CASE WHEN status = 'FINISHED' THEN 'NORMAL_COMPLETION' "
    "WHEN status IN ('STOPPED', 'KILLED') THEN 'CANCELLED_BY_USER' "
    f"WHEN status = 'FAILED' THEN coalesce({_FAILED}, CASE WHEN reason LIKE 'slurm-%' "
    "THEN 'SCHEDULER_TERMINATED' ELSE 'JOB_INTERNAL_ERROR' END) END)"
)
_OUTCOME = (
    "(CASE WHEN status = 'FINISHED' THEN 'FINISHED' WHEN status = 'FAILED' AND "
    "(reason IN ('exit', 'timeout', 'gone') OR reason LIKE 'slurm-%') THEN "
    "CASE WHEN json_extract(request, '$.archiveMode') = 'ALWAYS' THEN 'FAILED' "
    "ELSE 'FAILED_SKIP_ARCHIVE' END END)"
)
_NEVER = (
    "remoteJobId2", "remoteQueue", "remoteResultInfo", "dtnSystemId", "tapisQueue",
    "inputTransactionId", "inputCorrelationId", "archiveTransactionId", "archiveCorrelationId",
    "trackingId", "sharedAppCtx", "stageAppTransactionId", "stageAppCorrelationId",
)  # fmt: skip
_TEXTS = {
    "name": "name", "owner": "owner", "uuid": "id", "appId": "app_id", "execSystemId": "system",
    "status": f"coalesce({_STATUS}, status)", "lastMessage": "message",
    "tenant": "'local'", "createdby": "owner", "createdbyTenant": "'local'",
    "archiveSystemId": "archive_system", "archiveSystemDir": "('/' || archive_path)",
    "execSystemExecDir": "json_extract(directories, '$.exec')",
    "execSystemInputDir": "json_extract(directories, '$.input')",
    "execSystemOutputDir": "json_extract(directories, '$.output')",
    "remoteJobId": "native_id", "condition": _CONDITION, "remoteOutcome": _OUTCOME,
    **{name: _request(name) for name in (
        "description", "appVersion", "jobType", "execSystemLogicalQueue", "mpiCmd", "cmdPrefix",
        "archiveMode", "dtnSystemInputDir", "dtnSystemOutputDir")},
    **dict.fromkeys(_NEVER, "NULL"),
}  # fmt: skip
_INTS = {
    "id": "number", "nodeCount": "node_count", "coresPerNode": "processors_per_node",
    "memoryMB": _request("memoryMB"), "maxMinutes": _request("maxMinutes"), "blockedCount": "0",
    "remoteSubmitRetries": "retries", "remoteChecksSuccess": "0", "remoteChecksFailed": "0",
}  # fmt: skip
_BOOLS = {
    "visible": "visible",
    "isMpi": _request("isMpi"),
    "dynamicExecSystem": "0",
    "archiveOnAppError": _request("archiveOnAppError"),
}
_TIMES = {
    "created": "created", "ended": "ended", "lastUpdated": "last_updated",
    "remoteStarted": "started", "remoteSubmitted": "submitted", "remoteEnded": "ended",
    "remoteLastStatusCheck": "last_updated",
}  # fmt: skip
_JSON = ("notes", "fileInputs", "parameterSet", "subscriptions", "execSystemConstraints",
         "sharedAppCtxAttribs")  # fmt: skip

COLUMNS = {
    column.name: column
    for column in (
        *(Column(name, sql) for name, sql in _TEXTS.items()),
        *(Column(name, sql, "int") for name, sql in _INTS.items()),
        *(Column(name, sql, "bool") for name, sql in _BOOLS.items()),
        *(Column(name, sql, "time") for name, sql in _TIMES.items()),
        Column("tags", "tags", "tags"),
        *(Column(name, "NULL", "json") for name in _JSON),
    )
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


_BY_SNAKE = {_snake(name): column for name, column in COLUMNS.items()}


def column_of(name: str) -> Column | None:
    """The attribute of this name in camelCase or snake_case."""
    return COLUMNS.get(name) or _BY_SNAKE.get(name.lower() if name.islower() else name)


def typed(column: Column, text: str) -> Any:
    """A value as its column has it. Raises :class:`Problem` 500 for one of another type."""
    try:
        match column.kind:
            case "int":
                return int(text)
            case "bool":
                return {"true": 1, "false": 0}[text.lower()]
            case "time":
                return _epoch(text)
    except (KeyError, ValueError, OverflowError) as error:
        raise Problem(
            500, f"SEARCH_COND_INVALID_TYPE JOBS_SEARCHLIST_ERROR {column.name}: {text}"
        ) from error
    return text


def _epoch(text: str) -> float:
    cleaned = text.strip().replace("Z", "+00:00").replace(" ", "+")
    if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", cleaned):
        cleaned += "-01" * (2 - cleaned.count("-"))
    match = re.fullmatch(r"(.*?\.[0-9]+)(.*)", cleaned)
    if match:  # Python 3.10 reads 3 or 6 digits only
        head, fraction = match[1].rsplit(".", 1)
        cleaned = f"{head}.{fraction[:6]:0<6}{match[2]}"
    found = datetime.fromisoformat(cleaned)
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
