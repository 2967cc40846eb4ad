"""Files that a person names on the command line, and writing one: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import Any

import click

from jobsync.atomic_files import replace_file
from jobsync.errors import SettingsError


class FilePath(click.Path):
    """A path on the command line; an empty one, such as a variable that is not set, is refused.

    Whether it can be read is found out by reading it, with the same error whatever names it.
    """

    def __init__(
        self,
        *,
        exists: bool = False,
        file_okay: bool = True,
        dir_okay: bool = True,
        allow_dash: bool = False,
    ) -> None:
        super().__init__(
            exists=exists,
            file_okay=file_okay,
            dir_okay=dir_okay,
            readable=False,
            allow_dash=allow_dash,
        )

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if not value:
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


def write_file(path: Path, text: str) -> None:
    """Write *text* to *path*, readable by its owner only.

    A file is replaced in one step, also where *path* is a link to it. A pipe, a terminal or another
    device is written to, and so is standard output where *path* is that.

    Raises :class:`SettingsError` when it cannot be written.
    """
    try:
        found = _found(path)
        if found is None or _is_replaced(found):
            replace_file(os.path.realpath(path), [text.encode()])
        else:
            _write_into(path, found, text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error


def holds_file(path: Path) -> bool:
    """Whether :func:`write_file` would replace a file at *path*."""
    try:
        found = _found(path)
    except OSError:
        return False  # writing says what is wrong
    return found is not None and _is_replaced(found)


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_replaced(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and _stream(found) is None


def _stream(found: os.stat_result) -> int | None:
    """The descriptor of standard output or error where *found* is that, as of ``/dev/stdout``."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, or none of the system's
            if os.path.samestat(os.fstat(stream.fileno()), found):
                return stream.fileno()
    return None


def _write_into(path: Path, found: os.stat_result, text: str) -> None:
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode) or _is_device(found)):
        raise SettingsError(f"{path}: is neither a file nor a pipe", hint="name a file with --out")
    sys.stdout.flush()  # what was printed comes first
    stream = _stream(found)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY) if stream is None else os.dup(stream)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _is_device(found: os.stat_result) -> bool:
    """A terminal and the like; never a disk, whose content would be lost."""
    return stat.S_ISCHR(found.st_mode)
