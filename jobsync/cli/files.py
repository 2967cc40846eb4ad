"""Writing a file that a person asked for: whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jobsync.errors import SettingsError


def write_file(path: Path, text: str) -> None:
    """Write *text* to *path* and replace what was there, in one step, readable by its owner only.

    Raises :class:`SettingsError` when it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise SettingsError(f"{path}: cannot be written: {error.strerror}") from error
