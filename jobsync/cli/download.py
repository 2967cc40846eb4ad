"""One file from the service to a place that the user named, for ``jobsync jobs``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from jobsync.atomic_files import ORDINARY, replace_file_durably
from jobsync.backend import Content
from jobsync.errors import SettingsError, Usage


def place(path: str, output: str | None, force: bool) -> Path | None:
    """Where a download goes; None is standard output. The name is the one that was typed."""
    if output == "-":
        return None
    name = path.rstrip("/").rpartition("/")[2]
    found = Path(output or name)
    if found.is_dir():
        found = found / name
    if not name or name in (".", ".."):
        raise Usage(f"{path!r} is not the name of a file")
    if found.exists() and not force:
        raise SettingsError(f"{found} exists already", hint="use --force to replace it")
    return found


def copy(content: Content, out: BinaryIO) -> int:
    """Write all of *content* to *out*; returns the number of bytes."""
    size = 0
    for chunk in content.chunks:
        out.write(chunk)
        size += len(chunk)
    out.flush()
    return size


def save(content: Content, to: Path) -> int:
    """Write *content* to *to*, whole or not at all; returns the number of bytes."""
    try:
        return replace_file_durably(to, content.chunks, mode=ORDINARY)
    except OSError as error:
        raise SettingsError(f"cannot write {to}: {error.strerror}") from error
