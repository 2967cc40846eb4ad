"""The outputs of a job: listings and downloads, with errors unlike all others (agave-v2 §6)."""

from __future__ import annotations

import os
import re
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from werkzeug.wrappers import Response

from jobsync.local.api.agave import media
from jobsync.local.api.agave.answer import Answer, is_set
from jobsync.local.api.agave.permissions import may_read
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import window
from jobsync.local.context import Call
from jobsync.local.storage.files import Located
from jobsync.local.store.rows import JobRow

_NO_READ = "User does not have permission to view this resource."
_GONE = "Unable to locate job data. Work folder no longer exists."
_INTERNAL = ".jobsync"
_DOTS = 2
"""``.`` and ``..``, which a listing has first and which are left out after paging."""

_ARCHIVING_SECONDS = 5.0
_ARCHIVING_STEP = 0.01

T = TypeVar("T")


def listing(call: Call) -> Answer:
    """``GET /{id}/outputs/listings/{path}``: one folder, or one file; never recursive."""
    row = _readable(call, "Not job found with job id {}")
    if call.fault("system-down"):
        raise Refusal(500, f"Job output system {_system(row)} is not currently available")
    return _at_rest(call, row, _listing)


def _listing(call: Call, row: JobRow) -> Answer:
    place, path = _locate(call, row)
    found = media.entry(place.path, Path(path).name)
    if found is None:
        raise Refusal(500, _GONE)
    if not found.folder:
        # In a folder, a single file has no leading slash and its link is glued (agave-v2 §6.2).
        shown = path if path.count("/") == 1 else path.lstrip("/")
        return Answer([_written(call, row, found, shown)])
    page = window(call.query)
    stop = page.offset + page.limit
    kept = call.site.folders.entries(place, page.offset - _DOTS, stop - _DOTS)
    base = "" if path == "/" else path
    return Answer([_written(call, row, one, f"{base}/{one.name}") for one in kept])


def download(call: Call) -> Response:
    """``GET`` and ``HEAD /{id}/outputs/media/{path}``: the bytes, or part of them."""
    row = _readable(call, "Invalid job id")
    if call.fault("system-down"):
        raise Refusal(504, f"Job output system {_system(row)} is not currently available")
    return _at_rest(call, row, _download)


def _download(call: Call, row: JobRow) -> Response:
    if row.work_dir is None and not row.archived:
        raise Refusal(
            500,
            "No work directory specified for this job. Usually this occurs when a job failed"
            " during submission.",
        )
    place, path = _locate(call, row)
    if path == "/":
        raise Refusal(400, "No output file specified.")
    try:
        return media.send(call.request, place.path, attach=is_set(call.query, "force"))
    except (OSError, ValueError) as error:
        if row.archived and call.fault("empty-missing"):
            # An archived job skips the existence check (agave-v2 §6.4).
            return Response(b"", content_type=media.mime_type(path))
        raise Refusal(500, "File/folder does not exist") from error


def _at_rest(call: Call, row: JobRow, look: Callable[[Call, JobRow], T]) -> T:
    """Look at the outputs while they are not on their way from the work folder to the archive.

    Archiving moves them: what was seen counts only if the job is where it was before the look.
    """
    patience = time.monotonic() + _ARCHIVING_SECONDS
    while True:
        refusal: Refusal | None = None
        try:
            seen = look(call, row)
        except Refusal as error:
            refusal = error
        now = call.store.job(row.id) or row
        moved = now.archived != row.archived or (now.status == "ARCHIVING" and not now.archived)
        if not moved or time.monotonic() > patience:
            if refusal is not None:
                raise refusal
            return seen
        if refusal is None and isinstance(seen, Response):
            seen.close()
        row = now
        time.sleep(_ARCHIVING_STEP)


def clean(raw: str) -> str:
    """The path the service looks at: decoded, with every ``..`` and ``~`` deleted and slashes
    collapsed (agave-v2 §6.1). Always starts with a slash."""
    path = "/" + urllib.parse.unquote(raw, errors="surrogateescape")
    path = path.replace("..", "").replace("~", "")
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def _readable(call: Call, missing: str) -> JobRow:
    job_id = call.names["job"]
    row = call.job(job_id)
    if row is None or not row.visible:
        raise Refusal(400, missing.format(job_id))
    if not may_read(call, row):
        raise Refusal(401, _NO_READ)
    return row


def _locate(call: Call, row: JobRow) -> tuple[Located, str]:
    """The real place of the path asked for, and that path as the service names it.

    A path that leads out of the root, by a link or otherwise, is one that does not exist.
    """
    folder = call.site.storage.data_folder(row)
    if folder is None or not folder.is_dir():
        raise Refusal(500, _GONE)
    path = clean(call.names.get("path", ""))
    root = Path(os.path.realpath(folder))
    try:
        target = Path(os.path.realpath(f"{root}{path}"))
    except ValueError as error:
        raise Refusal(500, _GONE) from error
    place = Located(target, root, hidden=(root / _INTERNAL,))
    if not place.holds(target):
        raise Refusal(500, _GONE)
    return place, path


def _written(call: Call, row: JobRow, one: media.FileEntry, path: str) -> dict[str, object]:
    if call.fault("null-prefix"):
        path = f"null{path}" if path.startswith("/") else f"null/{path}"
    return call.wire.output(
        row,
        _system(row),
        one.name,
        path,
        length=one.length,
        modified=one.modified,
        folder=one.folder,
        mime=one.mime,
    )


def _system(row: JobRow) -> str:
    return (row.archive_system or row.system) if row.archived else row.system
