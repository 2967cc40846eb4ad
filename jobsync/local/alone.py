"""One engine at a time on a state folder: two on one database would run jobs twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from jobsync.errors import LocalServiceError
from jobsync.local.service import prepare_state

LOCK = "service.lock"
_PATIENCE = 5.0
"""Seconds; commands that only look hold the lock for an instant."""


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold *state* for as long as this is open. Raises :class:`LocalServiceError`."""
    prepare_state(state)
    lock = FileLock(state / LOCK, timeout=_PATIENCE)
    try:
        lock.acquire()
    except Timeout as error:
        raise LocalServiceError(
            f"another service, or an apply that waits, has the jobs of {state}",
            hint="end that first, or give another --state",
        ) from error
    try:
        yield
    finally:
        lock.release()
