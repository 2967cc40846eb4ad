"""From the body of a submit to a job: the rules, defaults and refusals of agave-v2 §3.1 to §3.4.

The order of the checks is the service's (agave-v2 §3.1): name, app, system, queue and resources,
inputs, parameters, archive. Notifications come after the job is stored and are not checked here.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from jobsync.local.api.agave import aloe_request
from jobsync.local.api.agave.parameters import resolve_parameters
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.request_fields import FlatValue, flatten, text
from jobsync.local.api.agave.resources import (
    Placement,
    Wanted,
    aloe_memory,
    checked_run_time,
    legacy_memory,
    place,
    positive,
)
from jobsync.local.apps.app_file import App, AppField
from jobsync.local.apps.registry import Apps
from jobsync.local.storage.archive_path import default_path, expand, slug
from jobsync.local.storage.files import ARCHIVE, Storage, canonical
from jobsync.local.storage.inputs import resolve_inputs
from jobsync.local.storage.systems import System, Systems
from jobsync.local.store.rows import JobRow
from jobsync.structs import replace

__all__ = ["Refusal", "again", "new_id", "resolve"]

TENANT = "local"
"""What ``${TENANT_ID}`` says."""

_YES = frozenset({"true", "on", "yes", "1"})
Flat = Mapping[str, FlatValue]


def resolve(
    body: Mapping[str, object],
    *,
    owner: str,
    apps: Apps,
    systems: Systems,
    storage: Storage,
    clock: Callable[[], float],
    dialect: str = "agave",
    job_id: str = "",
) -> JobRow:
    """The job that *body* asks for, ready to be stored as PENDING.

    ``JobRow.request`` is the echo in the legacy field names. The archive folder exists afterwards.
    *job_id* is the id that it gets; by default a new one in the form of *dialect*.
    Raises :class:`Refusal`; then nothing was stored.
    """
    if dialect == "aloe":
        aloe_request.check(body)
    # The order is that of the service (agave-v2 §3.1): of two faults it reports the same one.
    flat = flatten(body)
    name = _name(flat)
    app = _app(flat, apps, owner)
    if dialect == "aloe":
        aloe_request.check_types(body, app)
    system = _system(flat, app, systems, owner)
    placement = place(_wanted(flat, app, dialect), system)
    inputs = resolve_inputs(app.inputs, flat, lambda uri: storage.check(uri, owner))
    parameters = resolve_parameters(app.parameters, flat)
    now = clock()
    row = JobRow(
        id=job_id or new_id(dialect),
        owner=owner,
        name=name,
        app_id=app.id,
        system=system.name,
        queue=placement.queue.name,
        node_count=placement.node_count,
        processors_per_node=placement.processors_per_node,
        memory_gb=placement.memory,
        max_run_time=placement.max_run_time,
        created=now,
        submitted=now,
        last_updated=now,
    )
    path = _archive_path(row, flat)
    row = _with_archive(row, flat, path, storage)
    notifications = body.get("notifications")
    return replace(
        row,
        request=_echo(row, path, placement, inputs, parameters),
        notifications=notifications if isinstance(notifications, list) else [],
    )


def again(
    row: JobRow,
    *,
    requester: str,
    keep_hidden: frozenset[str],
    apps: Apps,
    systems: Systems,
    storage: Storage,
    clock: Callable[[], float],
    dialect: str,
) -> JobRow:
    """A new job of *requester* that asks for what *row* asked for (manage ``resubmit``).

    The service sends its own record of the job through the checks of a submit again, as whoever
    asks, without ``archivePath`` and ``archiveSystem`` (agave-v2 §4.4). Hidden values come from the
    app as it is now, unless *keep_hidden* names their kind (``inputs``, ``parameters``): then a
    hidden one is refused. Inputs must be there still. Raises :class:`Refusal`;
    then nothing was stored.
    """
    app = apps.get(row.app_id)
    hidden = {
        "inputs": _hidden(app.inputs if app else {}),
        "parameters": _hidden(app.parameters if app else {}),
    }
    body: dict[str, object] = {
        "name": row.name,
        "appId": row.app_id,
        "executionSystem": row.system,
        "batchQueue": row.queue,
        "nodeCount": row.node_count,
        "processorsPerNode": row.processors_per_node,
        "memoryPerNode": row.memory_gb,
        "maxRunTime": row.max_run_time,
        "archive": row.archive,
    }
    for kind, fixed in hidden.items():
        given: Mapping[str, object] = row.request.get(kind) or {}
        kept = given.keys() - (frozenset() if kind in keep_hidden else fixed)
        body[kind] = {name: given[name] for name in given if name in kept}
    for uri in {uri for uris in (row.request.get("inputs") or {}).values() for uri in uris}:
        if not storage.locate(uri, requester).path.exists():
            raise Refusal(400, f"File/folder does not exist: {uri}")
    again = resolve(
        body, owner=requester, apps=apps, systems=systems, storage=storage, clock=clock,
        job_id=new_id(dialect),
    )  # fmt: skip
    return replace(again, notifications=[])


def _hidden(fields: Mapping[str, AppField]) -> frozenset[str]:
    return frozenset(name for name, one in fields.items() if not one.visible)


def new_id(dialect: str) -> str:
    """A job id as the engine makes them (agave-v2 §1.6)."""
    if dialect == "aloe":
        return f"{uuid.uuid4()}-007"
    number = secrets.randbelow(9 * 10**18) + 10**18
    return f"{number}-{secrets.token_hex(4)}-0001-007"


def _name(flat: Flat) -> str:
    name = text(flat, "name", "jobName")
    if not name.strip():
        raise Refusal(400, "Job name cannot be empty.")
    if len(name) > 64:
        raise Refusal(400, "Job name must be less than 64 characters.")
    return name.strip()


def _app(flat: Flat, apps: Apps, owner: str) -> App:
    app_id = text(flat, "appId", "softwareName").strip()
    if not app_id:
        raise Refusal(400, "appId cannot be empty")
    if len(app_id) > 80:
        raise Refusal(400, "appId must be less than 80 characters")
    if "-" not in app_id or app_id.endswith("-"):
        raise Refusal(
            400,
            "Invalid appId. Please specify an app using its unique id. The unique id is defined by "
            "the app name and version separated by a hyphen. eg. example-1.0",
        )
    app = apps.get(app_id)
    if app is None:
        raise _no_app(app_id, owner, apps.trouble(app_id))
    return app


def _no_app(app_id: str, owner: str, why: str) -> Refusal:
    return Refusal(400, f"No app found matching {app_id} for {owner}{f': {why}' if why else ''}")


def _system(flat: Flat, app: App, systems: Systems, owner: str) -> System:
    system = systems.get(app.system)
    if system is None:
        raise _no_app(app.id, owner, systems.lacks(app.system))
    given = text(flat, "executionSystem", "executionHost").strip()
    if given and given != system.name:
        raise Refusal(
            403,
            "Invalid execution system. Apps are registered to run on a specific execution system. "
            "If specified, the execution system must match the execution system in the app "
            f"description. The execution system for {app.id} is {system.name}.",
        )
    return system


def _wanted(flat: Flat, app: App, dialect: str) -> Wanted:
    processors = text(flat, "processorsPerNode", "processorCount")
    if dialect == "aloe":
        processors = text(flat, "processorsOnEachNode") or processors
    queue = text(flat, "batchQueue", "queue").strip()
    run_time = text(flat, "maxRunTime", "requestedTime") or app.max_run_time
    return Wanted(
        node_count=positive("nodeCount", text(flat, "nodeCount"), app.node_count),
        processors_per_node=positive("processorsPerNode", processors, app.processors_per_node),
        memory=_memory(text(flat, "memoryPerNode", "maxMemory"), app, queue, dialect),
        max_run_time=checked_run_time(run_time),
        queue=queue,
        app_queue=app.queue,
    )


def _memory(given: str, app: App, queue: str, dialect: str) -> float | None:
    if not given.strip():
        return legacy_memory(app.memory) if app.memory else None
    if dialect == "aloe":
        return aloe_memory(given)
    value = legacy_memory(given)
    if value is None and not (queue or app.queue):
        return 0.0  # agave-v2 §3.2: what cannot be read stays 0.0 when no queue is named
    return value


def _archive_system(flat: Flat) -> str:
    return text(flat, "archiveSystem").strip() or ARCHIVE


def _archive_path(row: JobRow, flat: Flat) -> str:
    """The path as it is echoed: as given, its macros filled in (agave-v2 §3.2)."""
    path = text(flat, "archivePath").strip()
    if not path:
        return default_path(row.owner, row.id)
    return expand(path, _macros(row, _archive_system(flat)))


def _with_archive(row: JobRow, flat: Flat, path: str, storage: Storage) -> JobRow:
    """*row* with the folder that *path* means, which exists afterwards."""
    given = text(flat, "archive").strip().lower()
    if given and given not in _YES:
        return replace(row, archive=False)
    system = _archive_system(flat)
    if len(text(flat, "archivePath").strip()) > 255:
        raise Refusal(400, "archivePath must be less than 255 characters.")
    folder = canonical(path)
    storage.claim_archive(system, folder, row.owner)
    return replace(row, archive=True, archive_system=system, archive_path=folder)


def _macros(row: JobRow, archive_system: str) -> dict[str, str]:
    created = datetime.fromtimestamp(row.created, timezone.utc)
    return {
        "APP_ID": row.app_id,
        "EXECUTION_SYSTEM": row.system,
        "BATCH_QUEUE": row.queue,
        "JOB_NAME": slug(row.name).lower(),
        "JOB_ID": row.id,
        "JOB_NODE_COUNT": str(row.node_count),
        "JOB_PROCESSORS_PER_NODE": str(row.processors_per_node),
        "JOB_MEMORY_PER_NODE": str(row.memory_gb),
        "JOB_CREATED_TIME": created.strftime("%Y-%m-%dT%H-%M-%SZ"),
        "JOB_OWNER": row.owner,
        "ARCHIVE_SYSTEM": archive_system,
        "TENANT_ID": TENANT,
    }


def _echo(
    row: JobRow,
    archive_path: str,
    placement: Placement,
    inputs: Mapping[str, list[str]],
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    echo: dict[str, Any] = {
        "name": row.name,
        "appId": row.app_id,
        "executionSystem": row.system,
        "batchQueue": placement.queue.name,
        "nodeCount": placement.node_count,
        "processorsPerNode": placement.processors_per_node,
        "memoryPerNode": float(placement.memory),
        "maxRunTime": placement.max_run_time,
        "archive": row.archive,
        "inputs": dict(inputs),
        "parameters": dict(parameters),
    }
    if row.archive:
        echo |= {"archiveSystem": row.archive_system, "archivePath": archive_path}
    return echo
