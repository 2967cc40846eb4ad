"""Standard output and error that survive a reader that leaves and a terminal that is not UTF-8."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TextIO


class _Patient(io.RawIOBase):
    """Bytes to a file descriptor; once nobody reads there any more, to nowhere.

    ``jobsync apply | head`` must not end an apply in the middle.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._heard = True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self._heard:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except BrokenPipeError:
            self._heard = False
            return len(data)


def make_patient() -> None:
    """Replace both streams of this process."""
    sys.stdout = _patient(sys.stdout)
    sys.stderr = _patient(sys.stderr)


def _patient(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us
        return Path(os.devnull).open("w", encoding="utf-8")
    stream.flush()
    descriptor = stream.fileno()
    return io.TextIOWrapper(
        io.BufferedWriter(_Patient(descriptor)),  # type: ignore[type-var]
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=os.isatty(descriptor) or stream is sys.stderr,
    )
