"""What ``jobsync jobs`` prints: the service's nouns as JSON objects in its field names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import click

from jobsync.backend import HistoryEvent
from jobsync.cli.tables import fields_text, table_text
from jobsync.model import Access, JsonValue, RemoteFile, Run

Record = Mapping[str, JsonValue]


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
    """One output file as the JSON output shows it. Sizes are in bytes."""
    return {
        "path": file.path,
        "type": "dir" if file.is_folder else "file",
        "length": file.length,
        "lastModified": file.last_modified,
    }


def permission_record(username: str, access: Access) -> dict[str, JsonValue]:
    """The access of one user as the JSON output shows it."""
    return {
        "username": username,
        "permission": str(access),
        "read": "read" in access.gives,
        "write": "write" in access.gives,
    }


def event_record(event: HistoryEvent) -> dict[str, JsonValue]:
    """One event of a run's history as the JSON output shows it."""
    return {
        "status": event.status,
        "created": event.created,
        "createdBy": event.by,
        "description": event.description,
    }


def print_rows(style: str, columns: Sequence[str], records: Iterable[Record]) -> None:
    """Many records: a table of *columns*, or whole as JSON."""
    found = list(records)
    _print(style, found, lambda: table_text(columns, found))


def print_record(style: str, record: Record) -> None:
    """One record, a line for each field, or as JSON."""
    _print(style, record, lambda: fields_text(record))


def _print(style: str, value: Record | list[Record], text: Callable[[], str]) -> None:
    from jobsync.render.escape import in_json

    click.echo(in_json(json.dumps(value, indent=2)) if style == "json" else text())


def _instant(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
