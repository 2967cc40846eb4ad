"""The systems service as far as clients look at it: read only (agave-v2 §11a).

Execution systems are those of ``systems.yaml``; ``archive`` stores outputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from jobsync.local.api.agave.answer import Answer, is_true
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import window
from jobsync.local.context import Call
from jobsync.local.storage.files import ARCHIVE
from jobsync.local.storage.systems import Queue, System

_SUMMARY = ("id", "name", "type", "description", "status", "public", "lastModified", "default")
_UNLIMITED = -1


def list_systems(call: Call) -> Answer:
    """``GET /systems/v2``: those that ``type``, ``default`` and ``public`` ask for."""
    rows = [one for one in _documents(call) if _is_asked_for(call, one)]
    page = window(call.query)
    rows = rows[page.offset : page.offset + page.limit]
    if "filter" not in call.query:
        rows = [{key: one[key] for key in (*_SUMMARY, "_links")} for one in rows]
    return Answer(rows)


def show_system(call: Call) -> Answer:
    """``GET /systems/v2/{id}``: all of it."""
    return Answer(_document(call))


def list_queues(call: Call) -> Answer:
    """``GET /systems/v2/{id}/queues``: the batch queues of an execution system."""
    document = _document(call)
    if document["type"] != "EXECUTION":
        raise Refusal(400, "Batch queues are only supported on execution systems")
    return Answer(document["queues"])


def _document(call: Call) -> dict[str, Any]:
    wanted = call.names["system"]
    for document in _documents(call):
        if document["id"] == wanted:
            return document
    raise Refusal(404, f"No system found matching {wanted} for {call.user}")


def _is_asked_for(call: Call, document: dict[str, Any]) -> bool:
    query = call.query
    kind = query.get("type", "").upper()
    is_kind = not kind or document["type"] == kind
    is_default = "default" not in query or document["default"] == is_true(query["default"])
    return is_kind and is_default and ("public" not in query or is_true(query["public"]))


def _documents(call: Call) -> Iterator[dict[str, Any]]:
    systems = call.site.systems
    for name, system in sorted(systems.by_name.items()):
        yield _common(call, name, is_default=name == systems.default) | _execution(system)
    if ARCHIVE not in systems.by_name:
        yield _common(call, ARCHIVE, is_default=True) | {"type": "STORAGE"}


def _common(call: Call, name: str, *, is_default: bool) -> dict[str, Any]:
    address = f"{call.wire.base}/systems/v2/{name}"
    links = {part: {"href": f"{address}/{part}"} for part in ("roles", "history")}
    return {
        "id": name,
        "uuid": f"{int(hashlib.sha256(name.encode()).hexdigest()[:15], 16):019d}-local-0001-006",
        "name": name,
        "status": "UP",
        "available": True,
        "default": is_default,
        "globalDefault": False,
        "public": True,
        "description": f"{name} of the local service",
        "site": "localhost",
        "owner": call.user,
        "revision": 1,
        "lastModified": call.wire.dialect.timestamp(0.0),
        "executionType": None,
        "scheduler": None,
        "queues": None,
        "login": None,
        "storage": {
            "host": "localhost",
            "port": 0,
            "protocol": "LOCAL",
            "rootDir": "/",
            "homeDir": "/",
            "mirror": False,
            "proxy": None,
            "auth": None,
        },
        "environment": None,
        "startupScript": None,
        "workDir": None,
        "scratchDir": None,
        "maxSystemJobs": None,
        "maxSystemJobsPerUser": None,
        "_links": {"self": {"href": address}, **links},
    }


def _execution(system: System) -> dict[str, Any]:
    limit = system.max_jobs or _UNLIMITED
    return {
        "type": "EXECUTION",
        "executionType": system.execution_type,
        "scheduler": system.scheduler_type,
        "queues": [_queue(queue) for queue in system.queues],
        "login": {"host": "localhost", "port": 0, "protocol": "LOCAL", "proxy": None, "auth": None},
        "maxSystemJobs": limit,
        "maxSystemJobsPerUser": limit,
    }


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "name": queue.name,
        "mappedName": queue.partition or None,
        "description": None,
        "default": queue.default,
        "maxJobs": queue.max_jobs or _UNLIMITED,
        "maxUserJobs": queue.max_jobs or _UNLIMITED,
        "maxNodes": queue.max_nodes or _UNLIMITED,
        "maxProcessorsPerNode": queue.max_processors_per_node or _UNLIMITED,
        "maxMemoryPerNode": queue.max_memory or _UNLIMITED,
        "maxRequestedTime": queue.max_run_time,
        "customDirectives": None,
    }
