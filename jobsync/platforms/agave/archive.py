"""Where runs archive to, and how an input names an output that lies there. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from jobsync.archives import canonical
from jobsync.model import Archive, Run, Value

_SCHEME = "agave://"
_OWN_EACH_RUN = re.compile(r"\$\{(JOB_ID|JOB_NAME|JOB_CREATED_TIME)\}")


def no_output(request: Mapping[str, Value], path: str) -> str:
    """``archive: false`` when *request* says that; otherwise empty, because outputs are kept."""
    return "archive: false" if request.get("archive") is False else ""


def output_folder(request: Mapping[str, object]) -> Archive | None:
    """The folder that a request or a record names.

    None when it is not archived, names no folder, or names another one for each run: a path with
    ``${JOB_ID}`` in it is another folder for each (agave-v2 §3.2).
    """
    path = request.get("archivePath")
    if request.get("archive") is False or not isinstance(path, str) or not path.strip():
        return None
    if _OWN_EACH_RUN.search(path):
        return None
    path = path.replace("${APP_ID}", str(request.get("appId")))
    return Archive(str(request.get("archiveSystem") or ""), canonical(path))


def output_uri(run: Run, path: str) -> str | None:
    """``agave://<archiveSystem>/<archivePath>/PATH``, percent-encoded; None without an archive.

    The service resolves the archive path itself and echoes it in the record (agave-v2 §3.2).
    """
    system, folder = _recorded(run) or ("", "")
    if not (system and folder.strip("/")):
        return None
    root = "/" if folder.startswith("/") else ""
    place = f"{root}{folder.strip('/')}/{path.strip('/')}"
    return f"{_SCHEME}{quote(system, safe='')}/{quote(place, safe='/')}"


def no_uri_hint(run: Run, path: str) -> str:
    """What to do about a run that keeps no outputs."""
    return "set archive: true on the job that others take outputs from"


def is_output(uri: str, run: Run, path: str) -> bool:
    """Whether *uri* names output *path* of *run*, however its folder is spelled."""
    recorded = _recorded(run)
    if recorded is None:
        return False
    system, _, place = unquote(uri).removeprefix(_SCHEME).partition("/")
    # A system that is no name would move what lies behind its slash into the path.
    one, _, rest = f"{recorded[0]}/{recorded[1]}/{path}".partition("/")
    return system == one and canonical(place) == canonical(rest)


def _recorded(run: Run) -> tuple[str, str] | None:
    """The system and the folder that the record of *run* tells; None when it does not."""
    record = run.request or {}
    system, folder = record.get("archiveSystem"), record.get("archivePath")
    return (system, folder) if isinstance(system, str) and isinstance(folder, str) else None
