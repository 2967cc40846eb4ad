"""Files that anybody may have put there, as those of a checkout: never waited for, never larger
than a limit, and JSON only where it means something everywhere. Floor 0."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any


class NotRegular(OSError):
    """A pipe, a device or a folder."""


class TooLarge(OSError):
    """A file larger than the limit."""


def read_given(path: str | Path, limit: int) -> bytes:
    """The bytes of a regular file of at most *limit* bytes.

    Raises :class:`OSError`: :class:`NotRegular`, :class:`TooLarge`, or of the system.
    """
    # O_NONBLOCK: opening a FIFO nobody writes to must not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRegular(errno.EINVAL, "is not a regular file", str(path))
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(errno.EFBIG, f"is larger than {limit:,} bytes", str(path))
    return data


def json_of(data: bytes) -> Any:
    """The value of a JSON document in UTF-8. Raises :class:`ValueError`, also for what JSON cannot
    say (NaN), for half a character, and for what is nested too deeply."""
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
