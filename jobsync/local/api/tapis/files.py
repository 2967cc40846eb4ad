"""The files of the workspace and the archive (tapis-v3 §13).

The workspace is a person's folder with their manifests: uploads make new files there and never
replace one with other content, and nothing in it is deleted.
"""

from __future__ import annotations

import itertools
import re
import shutil

from werkzeug.wrappers import Response

from jobsync.globs import matches as matches_glob
from jobsync.local.api.agave.files import put, refuse_new
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.tapis import fileinfo
from jobsync.local.api.tapis.answer import Answer, Problem
from jobsync.local.api.tapis.call import Call
from jobsync.local.storage.files import WORKSPACE, Located, has_dot

_LIMIT = 1000
_DEEPEST = 20
_RANGE = re.compile(r"\s*([0-9]{1,18})\s*,\s*([0-9]{1,18})\s*")


def listing(call: Call) -> Answer:
    """``GET /files/ops/{system}/{path}``: a folder, deeper with ``recurse``, or one file."""
    place, system, path = _locate(call)
    found = fileinfo.row(place, system, path)
    if found is None:
        raise _missing(system, path)
    try:
        limit = int(call.query.get("limit", str(_LIMIT)))
        offset = int(call.query.get("offset", "0"))
    except ValueError as error:
        raise Problem(400, f"TAPIS_INVALID_QUERY {error}") from error
    if found["type"] == "file":
        rows = [found]
    else:
        pattern = call.query.get("pattern", "")
        deep = _DEEPEST if call.truth("recurse") else 0
        every = fileinfo.below(place, system, path, deep=deep)
        kept = (one for one in every if not pattern or matches_glob(one["name"], pattern))
        stop = None if limit < 0 else max(0, offset) + limit
        rows = list(itertools.islice(kept, max(0, offset), stop))
    return Answer(rows, f"FAPI_LIST {len(rows)} files.")


def content(call: Call) -> Response:
    """``GET /files/content/{system}/{path}``: bytes, or a zip; the service's own form of a range
    is ``range: FIRST,LAST``."""
    place, system, path = _locate(call)
    found = fileinfo.row(place, system, path)
    if found is None:
        raise _missing(system, path)
    name = found["name"] or system
    try:
        if call.truth("zip"):
            response = fileinfo.zipped(place)
            name = fileinfo.zip_name(name)
        elif found["type"] == "dir":
            raise Problem(400, f"FAPI_CONT_FOLDER_NO_ZIP {path} is a folder: ask with zip=true.")
        else:
            start, length = 0, found["size"]
            if match := _RANGE.fullmatch(call.request.headers.get("range", "")):
                start = int(match[1])
                length = max(0, int(match[2]) - start + 1)
            response = fileinfo.send(place, start, length)
    except OSError as error:
        raise _missing(system, path) from error
    response.headers["content-disposition"] = f'attachment; filename="{fileinfo.header_name(name)}"'
    response.headers["cache-control"] = "max-age=3600"
    return response


def upload(call: Call) -> Answer:
    """``POST /files/ops/{system}/{path}`` with a part ``file``."""
    part = call.request.files.get("file")
    if part is None:
        raise Problem(400, "FAPI_OP_UPLOAD_ERR multipart/form-data with a part file is expected.")
    place, path = _new(call, fileinfo.plain_parts(list(call.path)))
    try:
        refuse_new(path)
        place.path.parent.mkdir(parents=True, exist_ok=True)
        put(place.path, part.read(), path)
    except Refusal as error:
        raise Problem(error.status, f"FAPI_OP_UPLOAD_ERR {error.message}") from error
    except OSError as error:
        raise Problem(400, f"FAPI_OP_UPLOAD_ERR {path}: {error.strerror}") from error
    return Answer(None, f"FAPI_OP_COMPLETE upload {path}")


def make_folder(call: Call) -> Answer:
    """``POST /files/ops/{system}`` with ``{"path": ...}``."""
    given = call.body("mkdir").get("path")
    if not isinstance(given, str) or not given.strip("/"):
        raise Problem(400, "FAPI_OP_MKDIR_ERR path: the folder to make.")
    place, path = _new(call, fileinfo.plain_parts([given]))
    try:
        refuse_new(path)
        place.path.mkdir(parents=True, exist_ok=True)
    except Refusal as error:
        raise Problem(error.status, f"FAPI_OP_MKDIR_ERR {error.message}") from error
    except OSError as error:
        raise Problem(400, f"FAPI_OP_MKDIR_ERR {path}: {error.strerror}") from error
    return Answer(None, f"FAPI_OP_COMPLETE mkdir {path}")


def delete(call: Call) -> Answer:
    """``DELETE /files/ops/{system}/{path}``: only what is the caller's own, below the folder
    that makes it theirs."""
    system = call.names["system"]
    path = fileinfo.pathname(fileinfo.plain_parts(list(call.path)))
    place = call.site.places.own(system, path, call.user)
    try:
        if place.path.is_dir() and not place.path.is_symlink():
            shutil.rmtree(place.path)
        else:
            place.path.unlink()
    except FileNotFoundError as error:
        raise _missing(system, path) from error
    return Answer(None, f"FAPI_OP_COMPLETE delete {path}")


def _locate(call: Call) -> tuple[Located, str, str]:
    system = call.names["system"]
    path = fileinfo.pathname(fileinfo.plain_parts(list(call.path)))
    return call.site.places.locate(system, path, call.user), system, path


def _new(call: Call, parts: list[str]) -> tuple[Located, str]:
    """The place of something new, which only the workspace takes."""
    system, path = call.names["system"], fileinfo.pathname(parts)
    if system != WORKSPACE or not parts or has_dot(parts):
        raise Problem(403, f"FAPI_OP_FORBIDDEN You may not write to {system}:{path}")
    return call.site.places.locate(system, path, call.user), path


def _missing(system: str, path: str) -> Problem:
    return Problem(404, f"FAPI_PATH_NOT_FOUND {system}:{path} does not exist.")
