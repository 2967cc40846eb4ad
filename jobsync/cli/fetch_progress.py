"""What a fetch shows while it runs: one line on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobsync.outputs.result import Progress

_SECONDS = 0.25


class Meter:
    """Shows on stderr how far a fetch is. It is called from several threads."""

    def __init__(self, address: str, *, quiet: bool) -> None:
        self._address = address
        self._live = sys.stderr.isatty() and not quiet
        self._began = self._said = time.monotonic()
        self._mutex = threading.Lock()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        with self._mutex:
            if not self._live or now - self._said < _SECONDS:
                return
            self._said = now
        rate = int(progress.received / (now - self._began))
        click.echo(
            f"\r\x1b[K{self._address}: {progress.files} of {progress.total_files} files, "
            f"{size_text(progress.received)} of {size_text(progress.total_bytes)}, "
            f"{size_text(rate)}/s",
            nl=False,
            err=True,
        )


def size_text(number: int) -> str:
    """A number of bytes for people."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
