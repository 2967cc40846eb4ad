"""Files as answers: rows of listings, zips made on the way (tapis-v3 §8.2, §8.3, §13)."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
import tempfile
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from werkzeug.wrappers import Response

from jobsync.local.api.tapis.record import moment
from jobsync.local.storage.files import Located
from jobsync.local.storage.folders import names_in
from jobsync.structs import replace

CHUNK = 1 << 16
_SPOOL = 8 << 20


def row(
    place: Located, system: str, path: str, *, is_link: bool = False
) -> dict[str, Any] | None:  # fmt: skip
    """What lies at *place*, None for nothing; *path* is that of the system. A link is what it leads
    to, but with *is_link* it is the link."""
    try:
        found = place.path.lstat() if is_link else place.path.stat()
    except (OSError, ValueError):
        return None
    kind = "dir" if stat.S_ISDIR(found.st_mode) else "symbolic_link" if is_link else "file"
    if kind == "file" and not stat.S_ISREG(found.st_mode):
        return None
    return {
        "mimeType": mimetypes.guess_type(place.path.name)[0] if kind == "file" else None,
        "type": kind,
        "owner": str(found.st_uid),
        "group": str(found.st_gid),
        "nativePermissions": stat.filemode(found.st_mode)[1:],
        "url": f"tapis://{system}{path}",
        "lastModified": moment(found.st_mtime),
        "name": path.rstrip("/").rsplit("/", 1)[-1],
        "path": path,
        "size": found.st_size,
    }


def inside(place: Located, name: str) -> Located:
    """An entry of a folder."""
    return Located(place.path / name, place.root, place.hides_dots, place.hidden)


def below(
    place: Located, system: str, path: str, *, deep: int = 0, start: int = 0
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The rows of what lies in a folder by name, *deep* levels more below; what leads out of the
    storage system is not shown. A link is told as one, with its own length, and not followed:
    asked for by its path, it is what it leads to. The first *start* are not looked at."""
    try:
        names = names_in(replace(place, path=Path(os.path.realpath(place.path))), place.holds)
    except OSError:
        return
    for name in names[start:]:
        entry = inside(place, name)
        found = row(entry, system, f"{path.rstrip('/')}/{name}", is_link=entry.path.is_symlink())
        if found is None:
            continue
        yield found
        if deep and found["type"] == "dir":
            yield from below(entry, system, found["path"], deep=deep - 1)


def send(place: Located, start: int, length: int) -> Response:
    """The bytes of a regular file. Raises :class:`OSError`."""
    file = os.fdopen(os.open(place.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise FileNotFoundError(place.path)
    file.seek(start)
    response = Response(
        _chunks(file, max(0, min(length, found.st_size - start))),
        content_type="application/octet-stream",
        direct_passthrough=True,
    )
    response.call_on_close(file.close)
    return response


def zipped(place: Located) -> Response:
    """A file or all below a folder as a zip, names relative to it."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115 - sent later
    try:
        with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED) as made:
            if place.path.is_file():
                made.write(place.path, place.path.name)
            else:
                for name, path in _tree(place):
                    made.write(path, name)
        size = spool.tell()
        spool.seek(0)
    except BaseException:  # whatever it is, the response does not get to own the file
        spool.close()
        raise
    response = Response(
        _chunks(spool, size), content_type="application/octet-stream", direct_passthrough=True
    )
    response.call_on_close(spool.close)
    return response


def zip_name(name: str) -> str:
    """What a zip of the file or folder *name* is called: ``.zip`` takes the place of an extension,
    so that of ``a.zip`` is ``a.zip`` too."""
    return f"{name.rpartition('.')[0] or name}.zip"


def header_name(name: str) -> str:
    """A file name as it may stand in a header."""
    shown = name.encode("ascii", "replace").decode()
    return re.sub(r'[\x00-\x1f\x7f"\\]', "_", shown)


def pathname(parts: list[str]) -> str:
    """A path of a system from its names."""
    return "/" + "/".join(parts)


def plain_parts(segments: list[str]) -> list[str]:
    """The names of a path of a request: a slash that was encoded separates too."""
    return [part for one in segments for part in one.split("/") if part not in ("", ".")]


def decoded(segment: str) -> str:
    """A percent-encoded path segment as text; bytes that are not UTF-8 are kept as surrogates."""
    return urllib.parse.unquote(segment, errors="surrogateescape")


def _tree(place: Located) -> Iterator[tuple[str, Path]]:
    for found in below(place, "", "", deep=20):
        name = found["path"].lstrip("/")
        if (place.path / name).is_file():
            yield name, place.path / name


def _chunks(file: IO[bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        chunk = file.read(min(CHUNK, length))
        if not chunk:
            return
        length -= len(chunk)
        yield chunk
