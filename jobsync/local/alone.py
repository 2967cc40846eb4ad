"""One ``serve`` at a time on a state folder. Commands on it go on beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from jobsync.errors import LocalServiceError
from jobsync.local.state import prepare

LOCK = "serve.lock"


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold *state* for as long as this is open. Raises :class:`LocalServiceError`."""
    prepare(state)
    lock = FileLock(state / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LocalServiceError(
            f"another service has the jobs of {state}",
            hint="end that first, or give another --state",
        ) from error
    try:
        yield
    finally:
        lock.release()
