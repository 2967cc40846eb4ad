"""One file from the service to a place that the user named, for ``jobsync jobs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

import click

from jobsync.atomic_files import ORDINARY, replace_file_durably
from jobsync.backend import Content
from jobsync.errors import SettingsError, Usage

max_bytes = click.option(
    "--max-bytes", type=click.IntRange(min=0), help="Download nothing if the file is larger."
)


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


def copy(content: Content, out: BinaryIO, most: int | None = None) -> int:
    """Write all of *content*, at most so many bytes, to *out*; returns the number of bytes."""
    size = 0
    for chunk in _limited(content, most):
        out.write(chunk)
        size += len(chunk)
    out.flush()
    return size


def save(content: Content, to: Path, most: int | None = None) -> int:
    """Write *content*, at most so many bytes, to *to*, whole or not at all; returns the number of
    bytes. What the disk has no room for is not begun."""
    try:
        free = disk_usage(to.parent).free
        if content.length is not None and content.length > free:
            raise SettingsError(
                f"the file has {content.length} bytes, but only {free} are free in {to.parent}",
                hint="free some space, or choose another folder with -o",
            )
        return replace_file_durably(to, _limited(content, most), mode=ORDINARY)
    except OSError as error:
        raise SettingsError(f"cannot write {to}: {error.strerror}") from error


def _limited(content: Content, most: int | None) -> Iterator[bytes]:
    """The chunks of *content*; raises :class:`SettingsError` where they are more than *most*."""
    known = content.length or 0
    if most is not None and known > most:
        raise SettingsError(f"the file has {known} bytes, more than --max-bytes {most}")
    received = 0
    for chunk in content.chunks:
        received += len(chunk)
        if most is not None and received > most:
            raise SettingsError(f"the file has more bytes than --max-bytes {most}")
        yield chunk
