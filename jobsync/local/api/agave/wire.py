"""What leaves the service: jobs, history, permissions and files as JSON, in both dialects."""

from __future__ import annotations

import re
import urllib.parse
from typing import Any

from jobsync.local.api.agave.dialect import Dialect
from jobsync.local.store.rows import EventRow, JobRow
from jobsync.local.store.statuses import TERMINAL

TENANT = "local"

READERS = frozenset({"READ", "READ_EXECUTE", "READ_PERMISSION"})
WRITERS = frozenset({"WRITE", "WRITE_EXECUTE", "WRITE_PERMISSION"})
BOTH = frozenset({"READ_WRITE", "ALL", "READ_WRITE_PERMISSION"})

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_ALOE_STATUS = {
    "ARCHIVING_FINISHED": "ARCHIVING",
    "ARCHIVING_FAILED": "ARCHIVING",
    "KILLED": "STOPPED",
}


class Wire:
    """The writer for one dialect and one base URL (which every ``_links`` href starts with)."""

    def __init__(self, dialect: Dialect, base: str) -> None:
        self.dialect = dialect
        self.base = base

    # --- jobs ---------------------------------------------------------------------------

    def summary(self, row: JobRow) -> dict[str, Any]:
        """A row of the plain listing (agave-v2 §2.4, §9.2): these keys and no others."""
        time = self.dialect.timestamp
        job = self._job(row.id)
        moved = row.archive and row.archived and row.status == "FINISHED"
        links = {
            "self": {"href": job},
            "archiveData": {"href": self._archive(row) if moved else f"{job}/outputs/listings"},
        }
        if self.dialect.is_aloe:
            return {
                "id": row.id,
                "name": row.name,
                "owner": row.owner,
                "systemId": row.system,
                "appId": row.app_id,
                "created": time(row.created),
                "status": self.status_word(row),
                "remoteStarted": time(row.started),
                "ended": time(row.ended),
                "_links": links,
            }
        return {
            "id": row.id,
            "name": row.name,
            "owner": row.owner,
            "executionSystem": row.system,
            "appId": row.app_id,
            "created": time(row.created),
            "status": row.status,
            "startTime": time(row.started),
            "endTime": time(row.ended),
            "_links": links,
        }

    def job(self, row: JobRow) -> dict[str, Any]:
        """A job as ``get`` shows it (agave-v2 §3.5, §9.2)."""
        return {**self.fields(row), "_links": self._links_of(row)}

    def fields(self, row: JobRow) -> dict[str, Any]:
        """The same without ``_links``, which make half of the work where nobody wants them."""
        return self._aloe_job(row) if self.dialect.is_aloe else self._agave_job(row)

    def submitted(
        self, row: JobRow, engine: tuple[str, str], subscriptions: list[tuple[str, str]]
    ) -> dict[str, Any]:
        """A job as submit answers it: ``lastModified``, types of the engine, notification links.

        *engine* is (execution type, scheduler type); *subscriptions* are (id, event) of the
        notifications that were made.
        """
        if self.dialect.is_aloe:
            return self._accepted(row)
        found: dict[str, Any] = {}
        for key, value in self.job(row).items():
            if key == "created":
                found["executionType"], found["schedulerType"] = engine
            found["lastModified" if key == "lastUpdated" else key] = value
        if subscriptions:
            found["_links"]["notification"] = [
                {"href": f"{self.base}/notifications/v2/{uuid}", "title": event}
                for uuid, event in subscriptions
            ]
        return found

    def status(self, row: JobRow) -> dict[str, Any]:
        """``getStatus`` (agave-v2 §4.3)."""
        return {
            "id": row.id,
            "status": self.status_word(row),
            "_links": {"self": {"href": self._job(row.id)}},
        }

    def status_word(self, row: JobRow) -> str:
        """The status in this dialect's words: a stop ends in STOPPED on Aloe (agave-v2 §4.4)."""
        return self._word(row.status, row)

    def event(self, event: EventRow, row: JobRow) -> dict[str, Any]:
        """A line of the history (agave-v2 §4.6). Transfers carry ``progress``."""
        line: dict[str, Any] = {
            "status": self._word(event.status, row),
            "created": self.dialect.timestamp(event.created),
            "createdBy": event.by,
            "description": event.description,
        }
        if event.status == "STAGING_INPUTS":
            return {"progress": None, **line}
        return line

    def _word(self, status: str, row: JobRow) -> str:
        if not self.dialect.is_aloe:
            return status
        if status == "FAILED" and row.cancel_requested:
            return "STOPPED"
        return _ALOE_STATUS.get(status, status)

    def _agave_job(self, row: JobRow) -> dict[str, Any]:
        time = self.dialect.timestamp
        found: dict[str, Any] = {
            "id": row.id,
            "name": row.name,
            "owner": row.owner,
            "appId": row.app_id,
            "executionSystem": row.system,
            "batchQueue": row.queue,
            "nodeCount": row.node_count,
            "processorsPerNode": row.processors_per_node,
            "memoryPerNode": float(row.memory_gb),
            "maxRunTime": row.max_run_time,
            "archive": row.archive,
            "retries": row.retries,
            "localId": row.native_id,
            "created": time(row.created),
            "lastUpdated": time(row.last_updated),
        }
        if row.archive:
            found["archivePath"] = _archive_path(row)
            found["archiveSystem"] = row.archive_system
        found["outputPath"] = row.work_dir
        found["status"] = row.status
        if row.status == "FAILED":
            found["message"] = row.message
        found["submitTime"] = time(row.submitted)
        found["startTime"] = time(row.started)
        found["endTime"] = time(row.ended)
        found["inputs"] = row.request.get("inputs", {})
        found["parameters"] = row.request.get("parameters", {})
        return found

    def _aloe_job(self, row: JobRow) -> dict[str, Any]:
        time = self.dialect.timestamp
        status = self.status_word(row)
        return {
            "id": row.id,
            "name": row.name,
            "tenantId": TENANT,
            "tenantQueue": f"aloe.jobq.{TENANT}.submit.DefaultQueue",
            "status": status,
            "lastStatusMessage": row.message or f"Transitioning to {status}.",
            "accepted": time(row.created),
            "created": time(row.created),
            "ended": time(row.ended),
            "lastUpdated": time(row.last_updated),
            "owner": row.owner,
            "roles": "Internal/everyone,Internal/subscriber",
            "systemId": row.system,
            "appId": row.app_id,
            "appUuid": _app_uuid(row.app_id),
            "workPath": row.work_dir,
            "archive": row.archive,
            "archivePath": _archive_path(row),
            "archiveSystem": row.archive_system,
            "nodeCount": row.node_count,
            "processorsPerNode": row.processors_per_node,
            "memoryPerNode": float(row.memory_gb),
            "maxHours": hours(row.max_run_time),
            "inputs": _scalars(row.request.get("inputs", {})),
            "parameters": row.request.get("parameters", {}),
            "remoteJobId": row.native_id,
            "schedulerJobId": None,
            "remoteQueue": row.queue,
            "remoteSubmitted": time(row.submitted),
            "remoteStarted": time(row.started),
            "remoteEnded": time(row.ended),
            "remoteOutcome": status if row.ended else None,
            "submitRetries": row.retries,
            "remoteStatusChecks": 0,
            "failedStatusChecks": 0,
            "lastStatusCheck": time(row.last_updated),
            "blockedCount": 0,
            "visible": row.visible,
        }

    def _accepted(self, row: JobRow) -> dict[str, Any]:
        """Aloe's submit answer: most of it is not known yet (agave-v2 §9.1)."""
        found = self.job(row)
        known = {
            *("id", "name", "tenantId", "tenantQueue", "accepted", "lastUpdated", "owner", "roles"),
            *("appId", "appUuid", "archive", "archivePath", "archiveSystem"),
            *("inputs", "parameters", "_links", "visible"),
        }
        numbers = {"submitRetries", "remoteStatusChecks", "failedStatusChecks", "blockedCount"}
        for key in found:
            if key not in known:
                found[key] = 0 if key in numbers else None
        found["status"] = "ACCEPTED"
        found["lastStatusMessage"] = "Job accepted for processing."
        return found

    def _links_of(self, row: JobRow) -> dict[str, Any]:
        of_itself = self.dialect.is_aloe or row.archive
        return self._job_links(row, row.archive_system if of_itself else row.system)

    def _job_links(self, row: JobRow, archive_system: str | None) -> dict[str, Any]:
        job = self._job(row.id)
        over = row.archive and row.status in TERMINAL
        data = self._archive(row) if over else f"{job}/outputs/listings"
        associated = urllib.parse.quote(f'{{"associationIds":"{row.id}"}}', safe="")
        system = {"href": f"{self.base}/systems/v2/{archive_system}"} if archive_system else {}
        return {
            "self": {"href": job},
            "app": {"href": f"{self.base}/apps/v2/{_segment(row.app_id)}"},
            "executionSystem": {"href": f"{self.base}/systems/v2/{_segment(row.system)}"},
            "archiveSystem": system,
            "archiveData": {"href": data},
            "owner": {"href": f"{self.base}/profiles/v2/{_segment(row.owner)}"},
            "permissions": {"href": f"{job}/pems"},
            "history": {"href": f"{job}/history"},
            "metadata": {"href": f"{self.base}/meta/v2/data/?q={associated}"},
            "notifications": {"href": f"{self.base}/notifications/v2/?associatedUuid={row.id}"},
        }

    def _archive(self, row: JobRow) -> str:
        """The files service's address of the archive. The full job has it once the job is over,
        archived or not; a summary only where the files are there (agave-v2 §2.4)."""
        path = urllib.parse.quote((row.archive_path or "").strip("/"))
        return f"{self.base}/files/v2/listings/system/{row.archive_system}/{path}"

    # --- permissions and files ------------------------------------------------------------

    def permission(self, job_id: str, user: str, permission: str) -> dict[str, Any]:
        """One row of the permissions: ``execute`` is never told (agave-v2 §5.1, §5.2)."""
        job = self._job(job_id)
        return {
            "username": user,
            "internalUsername": None,
            "permission": {"read": can_read(permission), "write": can_write(permission)},
            "_links": {
                "self": {"href": f"{job}/pems/{_segment(user)}"},
                "parent": {"href": job},
                "profile": {"href": f"{self.base}/profiles/v2/{_segment(user)}"},
            },
        }

    def _job(self, job_id: str) -> str:
        return f"{self.base}/jobs/v2/{_segment(job_id)}"

    def output(
        self,
        row: JobRow,
        system: str,
        name: str,
        path: str,
        *,
        length: int,
        modified: float,
        folder: bool,
        mime: str,
    ) -> dict[str, Any]:
        """One output file or folder (agave-v2 §6.2). *path* is glued to the link as it is: for a
        single file in a folder it has no leading slash, and the link is broken, as it is there."""
        job = self._job(row.id)
        return {
            "name": name,
            "path": path,
            "lastModified": self.dialect.timestamp(modified),
            "length": length,
            "permission": "READ_WRITE" if folder else "READ",
            "mimeType": mime,
            "format": "folder" if folder else "unknown",
            "type": "dir" if folder else "file",
            "_links": {
                "self": {"href": f"{job}/outputs/media{_path(path)}"},
                "system": {"href": f"{self.base}/systems/v2/{_segment(system)}"},
                "parent": {"href": job},
            },
        }


def can_read(permission: str) -> bool:
    """Whether *permission* lets its user read."""
    return permission in READERS or permission in BOTH


def can_write(permission: str) -> bool:
    """Whether *permission* lets its user write."""
    return permission in WRITERS or permission in BOTH


def hours(text: str) -> float:
    """``HH:MM:SS`` as Aloe's ``maxHours``."""
    parts = [int(part) for part in text.split(":")]
    return round(parts[0] + parts[1] / 60 + parts[2] / 3600, 6)


def _scalars(inputs: Any) -> dict[str, Any]:
    """Aloe echoes a single input as a scalar (agave-v2 §3.3)."""
    return {key: value[0] if len(value) == 1 else value for key, value in dict(inputs).items()}


def _archive_path(row: JobRow) -> str | None:
    """The path as it was given; ``archive_path`` is the folder that it means."""
    given: str | None = row.request.get("archivePath", row.archive_path)
    return given


def _app_uuid(app_id: str) -> str:
    return f"{sum(app_id.encode()):019d}-local-0001-005"


def _path(text: str) -> str:
    """A path for a URL; names that are not UTF-8 keep their bytes."""
    return urllib.parse.quote(text, errors="surrogateescape")


def _segment(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else urllib.parse.quote(text, safe="")
