"""The outputs of jobs (tapis-v3 §8)."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from jobsync.local.api.tapis import fileinfo
from jobsync.local.api.tapis.access import OUTPUT, may, mismatch, select_error
from jobsync.local.api.tapis.answer import Answer, Problem, enveloped
from jobsync.local.api.tapis.call import Call
from jobsync.local.api.tapis.directories import outputs_of
from jobsync.local.api.tapis.ends import is_over
from jobsync.local.storage.files import Located
from jobsync.local.store.rows import JobRow

_RECURSIVE_ROWS = 100
_DEEPEST = 20
LARGE = 1_000_000
"""Bytes above which a file is zipped; the constant of the service claims another number."""


def listing(call: Call) -> Answer:
    """``GET output/list/{path}``: recursive exactly when neither limit nor skip is given, and
    then cut at 100 rows."""
    row = _job(call)
    place, system, path = _locate(call, row)
    limit, skip = _number(call, "limit"), max(0, _number(call, "skip") or 0)
    found = fileinfo.row(place, system, path)
    if found is None:
        raise _missing(system, path)
    if found["type"] == "file":
        rows = [found][skip:]
    else:
        deep = _DEEPEST if limit is None and not skip else 0
        most = _RECURSIVE_ROWS if limit is None or limit < 0 else limit
        below = fileinfo.below(place, system, path, deep=deep, start=skip)
        rows = list(itertools.islice(below, most))
    metadata = {
        "recordCount": len(rows),
        "recordLimit": _RECURSIVE_ROWS if limit is None else limit,
        "recordsSkipped": skip,
        "orderBy": None,
        "startAfter": None,
        "totalCount": -1,
    }
    return Answer(rows, f"JOBS_OUTPUT_FILES_LIST_RETRIEVED {len(rows)} files.", metadata)


def download(call: Call) -> Response:
    """``GET output/download/{path}``: the file, or a zip of it when it is large, a folder, or
    when the request is one of the others that get a zip."""
    row = _job(call)
    place, system, path = _locate(call, row)
    found = fileinfo.row(place, system, path)
    if found is None:
        raise _missing(system, path)
    is_folder = found["type"] == "dir"
    if is_folder and next(fileinfo.below(place, system, path), None) is None:
        response = enveloped(Answer(None, f"JOBS_OUTPUT_EMPTY {path} is empty."), call.site.profile)
        response.content_type = "application/octet-stream"
        return response
    is_large = found["size"] > LARGE and not call.fault("no-zip")
    wants_zip = call.truth("compress") or call.folder
    name = found["name"] or row.id
    try:
        if is_folder or is_large or wants_zip:
            response = fileinfo.zipped(place)
            name = fileinfo.zip_name(name)
        else:
            response = fileinfo.send(place, 0, found["size"])
    except OSError as error:
        raise _missing(system, path) from error
    response.headers["content-disposition"] = f"attachment; filename={fileinfo.header_name(name)}"
    response.headers["cache-control"] = "max-age=3600"
    return response


def _job(call: Call) -> JobRow:
    row = call.job()
    if row is None:
        raise select_error(call.names["uuid"], 500)
    if not row.visible:
        raise Problem(404, f"JOBS_JOB_NOT_VISIBLE Job {row.id} is hidden.")
    if not may(call.store, row, call.user, OUTPUT):
        raise mismatch(row, call.user)
    if call.fault("system-refuses"):
        raise Problem(401, f"FILES_REMOTE_FILESLIST_ERROR Outputs of job {row.id}: code 401.")
    if call.fault("system-down"):
        raise Problem(500, f"FILES_CLIENT_ERROR System of job {row.id} is not available.")
    if not is_over(row) and not call.truth("allowIfRunning"):
        raise Problem(400, f"JOBS_JOB_NOT_TERMINATED Job {row.id} has not ended.")
    return row


def _locate(call: Call, row: JobRow) -> tuple[Located, str, str]:
    """The real place, the system, and the path there from the system's root."""
    system, base = outputs_of(row, running=not is_over(row))
    if row.request["archiveMode"] == "NEVER" and call.fault("never-archived-404"):
        system, base = row.archive_system or row.system, f"/{row.archive_path}"
    parts = fileinfo.plain_parts(list(call.path))
    path = "/".join([base.rstrip("/"), *parts]) or "/"
    if ".." in parts or any("\0" in part for part in parts):
        raise _missing(system, path)
    root = Path(os.path.realpath(call.site.places.real(system, base)))
    place = Located(root.joinpath(*parts), root)
    if not place.holds(place.path):
        raise _missing(system, path)
    return place, system, path


def _number(call: Call, name: str) -> int | None:
    text: Any = call.query.get(name)
    if text in (None, ""):
        return None
    try:
        return int(text)
    except ValueError as error:
        raise Problem(400, f"TAPIS_INVALID_QUERY {name}: not an integer: {text}") from error


def _missing(system: str, path: str) -> Problem:
    return Problem(404, f"FILES_CLIENT_NOT_FOUND {system}:{path} does not exist.")
