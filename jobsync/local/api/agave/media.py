"""Files as answers: what lies in a folder, types by extension, ranges (agave-v2 §6.2, §6.4)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from werkzeug.http import dump_options_header, http_date
from werkzeug.wrappers import Request, Response

from jobsync.local.api.agave.refusal import Refusal
from jobsync.structs import Struct

CHUNK = 1 << 16

_TYPES = {
    ".txt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".ps": "application/postscript",
    ".eps": "application/postscript",
    ".ai": "application/postscript",
    ".rtf": "application/rtf",
    ".tex": "application/x-tex",
    ".au": "audio/basic",
    ".mid": "audio/midi",
    ".midi": "audio/midi",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
}
"""The service's own short table; everything else is ``application/octet-stream``."""

_RANGE = re.compile(r"bytes=\s*([0-9]*)\s*-\s*([0-9]*)\s*")


class FileEntry(Struct, frozen=True):
    """A file or folder as a listing shows it. Length in bytes, time in epoch seconds."""

    name: str
    length: int
    modified: float
    folder: bool

    @property
    def mime(self) -> str:
        """The media type of the entry; ``text/directory`` for a folder."""
        return "text/directory" if self.folder else mime_type(self.name)


def mime_type(name: str) -> str:
    """The media type by the ending of *name*; ``application/octet-stream`` for an unknown one."""
    return _TYPES.get(Path(name).suffix, "application/octet-stream")


def entry(path: Path, name: str) -> FileEntry | None:
    """What lies at *path*, None for nothing and for what is neither a file nor a folder."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return FileEntry(name, found.st_size, found.st_mtime, folder=True)
    if stat.S_ISREG(found.st_mode):
        return FileEntry(name, found.st_size, found.st_mtime, folder=False)
    return None


def send(request: Request, path: Path, *, attach: bool) -> Response:
    """The bytes of a regular file, or the part that ``Range`` asks for.

    Raises :class:`Refusal` 416 for a range that the service does not honour, and
    :class:`OSError` when the file cannot be opened.
    """
    # Not blocking, so that a pipe put in a file's place cannot hold the thread.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)
        window = _range(request.headers.get("Range"), found.st_size)
    except BaseException:  # whatever it is, the response does not get to own the file
        file.close()
        raise
    start, stop = window or (0, found.st_size)
    file.seek(start)
    response = Response(
        _chunks(file, stop - start),
        status=206 if window else 200,
        content_type=mime_type(path.name),
        direct_passthrough=True,
    )
    response.call_on_close(file.close)
    response.headers["Content-Length"] = str(stop - start)
    response.headers["Accept-Ranges"] = "bytes"
    if window:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.st_size}"
    if attach or request.method == "HEAD":
        name = path.name.encode("ascii", "replace").decode()
        name = re.sub(r"[\x00-\x1f\x7f]", "_", name)
        response.headers["Content-Disposition"] = dump_options_header(
            "attachment", {"filename": name}
        )
    if request.method == "HEAD":
        response.headers["Last-Modified"] = http_date(found.st_mtime)
    return response


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the range asked for, None for the whole file.

    Past the end is 416 without clipping, several ranges and a suffix range are 416 (agave-v2 §6.4).
    """
    if header is None or not header.strip().startswith("bytes="):
        return None
    if "," in header:
        raise _unsatisfiable()
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last = match.groups()
    if not first or len(first) > 18 or len(last) > 18:
        raise _unsatisfiable()
    start = int(first)
    stop = int(last) + 1 if last else size
    if start >= size or stop > size or stop <= start:
        raise _unsatisfiable()
    return start, stop


def _unsatisfiable() -> Refusal:
    return Refusal(416, "Requested Range Not Satisfiable")


def _chunks(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0:
        chunk = file.read(min(CHUNK, length))
        if not chunk:
            return
        length -= len(chunk)
        yield chunk
