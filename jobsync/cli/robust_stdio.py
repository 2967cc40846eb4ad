"""Standard output and error that survive a reader that leaves and a terminal that is not UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import sys
from pathlib import Path
from typing import TextIO


class _RobustBytes(io.RawIOBase):
    """Bytes to a file descriptor; once that fails, to nowhere.

    Neither ``jobsync apply | head`` nor a full disk under a log must end an apply in the middle.
    ``failed`` is what went wrong, but for a reader that has left, which is nobody's fault.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._open = True
        self.failed: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self._open:
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except BrokenPipeError:
            self._open = False
        except OSError as error:
            self._open, self.failed = False, error
        return len(data)


class _AsciiText(io.TextIOWrapper):
    """Text for a terminal that has ASCII alone: everything else is escaped.

    It must not say so: click takes an ASCII stream for a mistake, and writes UTF-8 to it.
    """

    def write(self, text: str) -> int:
        super().write(text.encode("ascii", "backslashreplace").decode("ascii"))
        return len(text)


def make_robust() -> None:
    """Replace both streams of this process."""
    sys.stdout = _robust(sys.stdout)
    sys.stderr = _robust(sys.stderr)


def flush() -> OSError | None:
    """Bring everything printed to its reader; what went wrong with standard output, if anything."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failed if isinstance(raw, _RobustBytes) else None


def _robust(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started us
        return Path(os.devnull).open("w", encoding="utf-8")
    stream.flush()
    descriptor = stream.fileno()
    ascii_only = codecs.lookup(stream.encoding).name == "ascii"
    return (_AsciiText if ascii_only else io.TextIOWrapper)(
        io.BufferedWriter(_RobustBytes(descriptor)),  # type: ignore[type-var]
        encoding="utf-8" if ascii_only else stream.encoding,
        errors="backslashreplace",
        line_buffering=os.isatty(descriptor) or stream is sys.stderr,
    )
