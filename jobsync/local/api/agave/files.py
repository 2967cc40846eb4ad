"""The few files endpoints that inputs need: list, download, upload (not the files service).

Uploads go into the workspace. They make new files and never replace one with other content: the
workspace is a person's folder with their manifests, not a scratch disk.
"""

from __future__ import annotations

import secrets
import urllib.parse
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from jobsync.atomic_files import create_file
from jobsync.local.api.agave import media
from jobsync.local.api.agave.answer import Answer, is_set
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.agave.search import window
from jobsync.local.context import Call
from jobsync.local.storage.files import WORKSPACE, Located, segments

UPLOAD = "fileToUpload"


def listing(call: Call) -> Answer:
    """``GET /files/v2/listings/system/{system}/{path}``: a folder, itself first, or a file."""
    place, path = _locate(call)
    found = media.entry(place.path, place.path.name)
    if found is None:
        raise Refusal(404, f"File/folder does not exist: {path}")
    if not found.folder:
        return Answer([_written(call, found, path)])
    me = media.FileEntry(".", found.length, found.modified, folder=True)
    page = window(call.query)
    stop = page.offset + page.limit
    inside = call.site.folders.entries(place, page.offset - 1, stop - 1)
    kept = inside if page.offset else [me, *inside][: page.limit]
    return Answer([_written(call, one, _joined(path, one.name)) for one in kept])


def download(call: Call) -> Response:
    """``GET /files/v2/media/system/{system}/{path}``."""
    place, path = _locate(call)
    found = media.entry(place.path, place.path.name)
    if found is None:
        raise Refusal(404, f"File/folder does not exist: {path}")
    if found.folder:
        raise Refusal(400, "Directory downloads not supported")
    try:
        return media.send(call.request, place.path, attach=is_set(call.query, "force"))
    except OSError as error:
        raise Refusal(404, f"File/folder does not exist: {path}") from error


def upload(call: Call) -> Answer:
    """``POST /files/v2/media/system/local/{folder}`` with a part ``fileToUpload``: 202."""
    place, path = _locate(call)
    part = call.request.files.get(UPLOAD)
    if part is None:
        raise Refusal(400, "No fileToUpload found in the request.")
    name = call.request.form.get("fileName") or part.filename or ""
    if _system(call) != WORKSPACE or segments(name) != [name] or name.startswith("."):
        raise Refusal(403, f"User does not have permission to write to {path}/{name}")
    target = place.path / name
    if not place.path.is_dir() or not place.holds(target):
        raise Refusal(400, f"Not a folder: {path}")
    put(target, part.read(), f"{path}/{name}")
    written = media.entry(target, name)
    if written is None:
        raise Refusal(500, f"Failed to store {path}/{name}")
    shown = _joined(path, name)
    return Answer(_uploaded(call, written, shown), status=202)


def history(call: Call) -> Answer:
    """``GET /files/v2/history/system/{system}/{path}``: that the file is there, and since when.

    No more is known of a file here. The event is the one that waiting clients look for.
    """
    place, path = _locate(call)
    found = media.entry(place.path, place.path.name)
    if found is None:
        raise Refusal(404, f"File/folder does not exist: {path}")
    return Answer(
        [
            {
                "status": "STAGING_COMPLETED",
                "created": call.wire.dialect.timestamp(found.modified),
                "createdBy": call.user,
                "description": "Staging completed successfully",
            }
        ]
    )


def refuse_new(shown: str) -> None:
    """Raise :class:`Refusal` for the path of a new file or folder that jobsync or git would act on
    (a manifest, an app, a lock file, a repository): whose words these are is the workspace's
    owner's alone."""
    *folders, name = shown.lower().split("/")
    if name.endswith((".yaml", ".yml")) or {"apps", ".git"} & {*folders, name}:
        raise Refusal(403, f"{shown} would be a manifest or an app; upload it under another name")
    if name in ("head", "jobsync.lock"):
        raise Refusal(403, f"{shown} has a name that git or jobsync acts on; give it another")


def put(target: Path, content: bytes, shown: str) -> None:
    """Make a new file. Raises :class:`Refusal` when one of other content is there, and as
    :func:`refuse_new`."""
    refuse_new(shown)
    try:
        create_file(target, [content], mode=0o644)
    except FileExistsError as error:
        if not target.is_file() or target.read_bytes() != content:
            raise Refusal(403, f"{shown} exists with other content; not overwritten") from error
    except OSError as error:
        raise Refusal(500, f"Failed to store {shown}: {error.strerror}") from error


def _locate(call: Call) -> tuple[Located, str]:
    path = urllib.parse.unquote(call.names.get("path", ""))
    if "\0" in path:
        raise Refusal(400, "Invalid path")
    place = call.site.storage.locate(f"agave://{_system(call)}/{call.names.get('path', '')}",
                                     call.user)  # fmt: skip
    return place, "/" + "/".join(segments(path))


def _uploaded(call: Call, one: media.FileEntry, path: str) -> dict[str, Any]:
    """An upload as it is answered: the platform stages it later, so it is only queued."""
    system = _system(call)
    quoted = urllib.parse.quote(path, errors="surrogateescape")
    links = _written(call, one, path)["_links"]
    return {
        "name": one.name,
        "uuid": f"{secrets.randbelow(10**19):019d}-local-0001-002",
        "owner": call.user,
        "internalUsername": None,
        "lastModified": call.wire.dialect.timestamp(one.modified),
        "source": f"http://127.0.0.1/{urllib.parse.quote(one.name)}",
        "path": path,
        "status": "STAGING_QUEUED",
        "systemId": system,
        "nativeFormat": "raw",
        "_links": {
            **links,
            "profile": {"href": f"{call.wire.base}/profiles/v2/{call.user}"},
            "history": {"href": f"{call.wire.base}/files/v2/history/system/{system}{quoted}"},
            "notification": [],
        },
    }


def _system(call: Call) -> str:
    return call.names.get("system", WORKSPACE)


def _joined(path: str, name: str) -> str:
    if name == ".":
        return path
    return path if path.endswith(f"/{name}") and path != "/" else f"{path.rstrip('/')}/{name}"


def _written(call: Call, one: media.FileEntry, path: str) -> dict[str, Any]:
    system = _system(call)
    base = f"{call.wire.base}/files/v2"
    quoted = urllib.parse.quote(path, errors="surrogateescape")
    return {
        "name": one.name,
        "path": path,
        "lastModified": call.wire.dialect.timestamp(one.modified),
        "length": one.length,
        "permissions": "READ",
        "format": "folder" if one.folder else "raw",
        "mimeType": one.mime,
        "type": "dir" if one.folder else "file",
        "system": system,
        "_links": {
            "self": {"href": f"{base}/media/system/{system}{quoted}"},
            "system": {"href": f"{call.wire.base}/systems/v2/{system}"},
        },
    }
