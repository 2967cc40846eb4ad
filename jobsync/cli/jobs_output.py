"""What ``jobsync jobs`` prints: the service's nouns as JSON objects in its field names."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jobsync.backend import Event
from jobsync.model import JsonValue, RemoteFile, Run

if TYPE_CHECKING:
    from jobsync.platforms.agave.wire import Permission


def run_record(run: Run) -> dict[str, JsonValue]:
    """The record in the service's field names; times in UTC whatever the service used."""
    return {
        "id": run.id,
        "name": run.name,
        "owner": run.owner,
        "appId": run.app_id,
        **(run.request or {}),
        "status": run.status,
        "visible": run.visible,
        "created": _instant(run.created),
        "endTime": _instant(run.ended),
    }


def file_record(file: RemoteFile) -> dict[str, JsonValue]:
    return {
        "path": file.path,
        "type": "dir" if file.is_folder else "file",
        "length": file.length,
        "lastModified": file.last_modified,
    }


def permission_record(row: Permission) -> dict[str, JsonValue]:
    return {
        "username": row.username,
        "permission": str(row.access),
        "read": row.access.read,
        "write": row.access.write,
    }


def event_record(event: Event) -> dict[str, JsonValue]:
    return {
        "status": event.status,
        "created": event.created,
        "createdBy": event.by,
        "description": event.description,
    }


def _instant(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
