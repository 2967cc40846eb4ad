"""One ``serve`` at a time on a state folder. Commands on it go on beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jobsync.errors import LocalServiceError
from jobsync.local.state import prepare
from jobsync.local.tie import Owner
from jobsync.locks import LockTaken, file_lock

LOCK = "serve.lock"


@contextmanager
def hold_serve_lock(state: Path, owner: Owner | None = None) -> Iterator[None]:
    """Hold *state* for as long as this is open. Raises :class:`LocalServiceError`."""
    prepare(state, owner)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(state / LOCK))
        except LockTaken as error:
            raise LocalServiceError(
                f"another jobsync serve is using {state}",
                hint="stop it first, or pass another --state",
            ) from error
        except OSError as error:
            raise LocalServiceError(
                f"{state / LOCK}: cannot be locked ({error.strerror or error})",
                hint="pass a --state on a disk of this machine",
            ) from error
        yield
