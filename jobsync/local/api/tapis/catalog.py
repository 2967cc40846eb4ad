"""Apps and systems, read only: the folders and ``systems.yaml`` are the registry
(tapis-v3 §11.1, §12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jobsync.local.api.tapis.answer import Answer, Problem
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.places import WORKING_DIR
from jobsync.local.api.tapis.profile import TENANT
from jobsync.local.api.tapis.record import moment
from jobsync.local.api.tapis.resources import runs_batch
from jobsync.local.apps.tapis_apps import TapisApp
from jobsync.local.patterns import search
from jobsync.local.storage.files import ARCHIVE
from jobsync.local.storage.systems import Queue, System, run_seconds

OWNER = "local"
_MOST = 2147483647
_CONDITION = re.compile(r"\(?\s*([A-Za-z_]+)\.([a-z]+)\.(.*?)\s*\)?")
_APP_SUMMARY = ("id", "version", "owner", "created", "updated", "versionEnabled", "enabled")
_SYSTEM_SUMMARY = ("id", "systemType", "owner", "host", "effectiveUserId", "defaultAuthnMethod",
                   "canExec", "enabled")  # fmt: skip


def show_app(call: Call) -> Answer:
    """``GET /apps/{id}`` and ``/apps/{id}/{version}``."""
    app_id, version = call.names["app"], call.names.get("version")
    app = call.site.apps.get(app_id, version)
    if app is None:
        shown = f"{app_id} {version}" if version else app_id
        raise Problem(404, f"APPAPI_NOT_FOUND App not found: {shown}", spelled="Not Found")
    return Answer(_app(app), f"APPAPI_FOUND App found: {app_id}")


def list_apps(call: Call) -> Answer:
    """``GET /apps``: everybody may read every app; ``OWNED`` is none's."""
    kind = call.query.get("listType", "OWNED").upper()
    hidden = kind in ("OWNED", "MINE", "SHARED_DIRECT")
    found = [] if hidden else [_app(app) for app in call.site.apps.latest()]
    return _listed(call, found, _APP_SUMMARY, "APPAPI_FOUND")


def show_system(call: Call) -> Answer:
    """``GET /systems/{id}``."""
    name = call.names["system"]
    document = _systems(call).get(name)
    if document is None:
        raise Problem(404, f"SYSAPI_NOT_FOUND System not found: {name}", spelled="Not Found")
    return Answer(document, f"SYSAPI_FOUND System found: {name}")


def list_systems(call: Call) -> Answer:
    """``GET /systems``."""
    kind = call.query.get("listType", "OWNED").upper()
    hidden = kind in ("OWNED", "MINE", "SHARED_DIRECT")
    found = [] if hidden else list(_systems(call).values())
    return _listed(call, found, _SYSTEM_SUMMARY, "SYSAPI_FOUND")


def _listed(
    call: Call, documents: list[dict[str, Any]], summary: tuple[str, ...], code: str
) -> Answer:
    keeps = _search(call.query.get("search", ""))
    found = [one for one in documents if keeps(one)]
    try:
        limit, skip = int(call.query.get("limit", "100")), int(call.query.get("skip", "0"))
    except ValueError as error:
        raise Problem(400, f"TAPIS_INVALID_QUERY {error}") from error
    total = len(found)
    found = found[max(0, skip) :]
    found = found if limit < 0 else found[:limit]
    select = [name for name in call.query.get("select", "").split(",") if name]
    if "allAttributes" not in select:
        names = set(select) - {"summaryAttributes"} or set(summary)
        if "summaryAttributes" in select:
            names |= set(summary)
        found = [{key: one[key] for key in one if key in names} for one in found]
    metadata = {
        "recordCount": len(found), "recordLimit": limit, "recordsSkipped": max(0, skip),
        "orderBy": call.query.get("orderBy"), "startAfter": None,
        "totalCount": total if call.truth("computeTotal") else -1,
    }  # fmt: skip
    return Answer(found, f"{code} {len(found)} found", metadata)


def _search(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """``(id.like.*x*)~(version.eq.1.0)``. Raises :class:`Problem` 400 for another form."""
    tests: list[Callable[[Mapping[str, Any]], bool]] = []
    for part in text.split("~") if text else []:
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise Problem(400, f"SEARCH_INVALID_CONDITION search: {part}")
        tests.append(_test(match[1], match[2], match[3]))
    return lambda one: all(test(one) for test in tests)


def _test(name: str, operator: str, value: str) -> Callable[[Mapping[str, Any]], bool]:
    match operator:
        case "eq":
            return lambda one: str(one.get(name)).lower() == value.lower()
        case "neq":
            return lambda one: str(one.get(name)).lower() != value.lower()
        case "in":
            return lambda one: str(one.get(name)) in value.split(",")
        case "like" | "nlike":
            parts = (re.escape(part).replace("!", ".") for part in value.split("*"))
            pattern = f"(?s){'.*'.join(parts)}"
            wanted = operator == "like"
            return lambda one: search(pattern, str(one.get(name)), whole=True) == wanted
    raise Problem(400, f"SEARCH_INVALID_CONDITION search: no operator {operator}")


def _app(app: TapisApp) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        **app.document,
        "owner": OWNER,
        "isPublic": True,
        "sharedWithUsers": [],
        "sharedAppCtx": "",
        "uuid": f"{app.id}-{app.version}",
        "deleted": False,
        "created": moment(app.changed),
        "updated": moment(app.changed),
    }


def _systems(call: Call) -> dict[str, dict[str, Any]]:
    found = {name: _system(one, call.user) for name, one in call.site.systems.by_name.items()}
    found[ARCHIVE] = {
        **_common(ARCHIVE, call.user), "canExec": False, "canRunBatch": False,
        "jobRuntimes": [], "jobWorkingDir": None, "batchScheduler": None,
        "batchLogicalQueues": [], "batchDefaultLogicalQueue": None,
        "description": "Where jobs archive", "jobMaxJobs": 0, "jobMaxJobsPerUser": 0,
    }  # fmt: skip
    return found


def _system(system: System, user: str) -> dict[str, Any]:
    is_batch = runs_batch(system)
    return {
        **_common(system.name, user),
        "description": "Batch jobs" if is_batch else "Processes of this machine",
        "canExec": True,
        "canRunBatch": is_batch,
        "jobRuntimes": [{"runtimeType": "ZIP", "version": None}],
        "jobWorkingDir": WORKING_DIR,
        "jobMaxJobs": system.max_jobs or _MOST,
        "jobMaxJobsPerUser": system.max_jobs or _MOST,
        "batchScheduler": "SLURM" if is_batch else None,
        "batchLogicalQueues": [_queue(one) for one in system.queues] if is_batch else [],
        "batchDefaultLogicalQueue": system.default_queue.name if is_batch else None,
    }


def _common(name: str, user: str) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        "id": name,
        "systemType": "LINUX",
        "host": "localhost",
        "port": -1,
        "enabled": True,
        "owner": OWNER,
        "isPublic": True,
        "effectiveUserId": user,
        "isDynamicEffectiveUser": True,
        "defaultAuthnMethod": "PASSWORD",
        "hasCredentials": True,
        "rootDir": "/",
        "bucketName": None,
        "enableCmdPrefix": True,
        "mpiCmd": None,
        "jobEnvVariables": [],
        "batchSchedulerProfile": None,
        "tags": [],
        "notes": {},
        "deleted": False,
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "hpcQueueName": queue.partition or queue.name,
        "maxJobs": queue.max_jobs or _MOST,
        "maxJobsPerUser": queue.max_jobs or _MOST,
        "minNodeCount": 1,
        "maxNodeCount": queue.max_nodes or _MOST,
        "minCoresPerNode": 1,
        "maxCoresPerNode": queue.max_processors_per_node or _MOST,
        "minMemoryMB": 1,
        "maxMemoryMB": _MOST if queue.max_memory is None else int(queue.max_memory * 1024),
        "minMinutes": 1,
        "maxMinutes": run_seconds(queue.max_run_time) // 60,
    }
