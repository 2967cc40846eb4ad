"""Copying that can be broken off: a huge file must not hold up the end of a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

Check = Callable[[], None]
"""Called now and then by long work on files; raises :class:`Interrupted` when it shall end."""

_CHUNK = 1 << 20


class Interrupted(Exception):
    """The work was broken off. What it left is thrown away when it is begun again."""


def go_on() -> None:
    """The check of work that nobody breaks off."""


def copy_file(source: Path, target: Path, check: Check = go_on) -> None:
    """Copy the bytes of a file, links followed. Raises :class:`OSError` and what *check* does."""
    with target.open("wb") as written:
        written.writelines(chunks(source, check))


def chunks(source: Path, check: Check = go_on) -> Iterator[bytes]:
    """The bytes of a file, a part at a time. Raises :class:`OSError` and what *check* does."""
    with source.open("rb") as read:
        while chunk := read.read(_CHUNK):
            check()
            yield chunk
