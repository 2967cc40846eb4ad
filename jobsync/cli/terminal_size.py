"""How much a terminal shows; where output does not go to one, any width fits."""

from __future__ import annotations

import shutil
import sys


def width() -> int | None:
    """The columns of the terminal that standard output goes to; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def height() -> int:
    """The rows of the terminal."""
    return shutil.get_terminal_size().lines
