"""Services of commands that were killed: ended before another one answers.

A command that looks for a job which an earlier one may have sent must know that the request of the
earlier one cannot arrive any more. So each embedded service has a file in the state folder with
itself and its command, which it holds locked as long as it lives. Called in turn
(:func:`jobsync.local.state.in_turn`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobsync.errors import LocalServiceError
from jobsync.local.engine import processes
from jobsync.locks import LockTaken, file_lock

FOLDER = "commands"
_OF_ITSELF = 2.0
"""Seconds within which a service ends by itself once its command is gone."""

_PATIENCE = 20.0
"""Seconds within which one that is killed must be gone."""


@contextmanager
def registered(state: Path) -> Iterator[None]:
    """Let others know of this service, and whose it is, as long as this is open."""
    folder = state / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / str(os.getpid())
    with file_lock(path):
        us = processes.identity(os.getpid()), processes.identity(os.getppid())
        path.write_text(" ".join(filter(None, us)), encoding="ascii")
        yield
        path.unlink(missing_ok=True)


def end_all(state: Path) -> None:
    """End the services whose commands are gone, and wait until they are gone too.

    Raises :class:`LocalServiceError` for one that cannot be ended.
    """
    with suppress(FileNotFoundError):
        for path in sorted((state / FOLDER).iterdir()):
            _end(path)


def _end(path: Path) -> None:
    if _is_gone(path, 0.0):
        return
    try:
        service, *command = path.read_text(encoding="ascii").split() or [""]
    except FileNotFoundError:  # it has just ended
        return
    if _boot(service) != _boot(processes.identity(os.getpid()) or ""):
        return  # of another machine, where nothing can be seen of its command
    if any(processes.is_alive(one) for one in command) or _is_gone(path, _OF_ITSELF):
        return
    pid = processes.pid_of(service)
    if pid is not None and processes.is_alive(service):
        processes.kill(pid)
    if not _is_gone(path, _PATIENCE):
        raise LocalServiceError(
            f"{path}: the service of a command that was killed does not end",
            hint=f"end process {pid}, or wait for it; then run the command again",
        )


def _is_gone(path: Path, patience: float) -> bool:
    """Whether the service of *path* is gone after *patience* seconds; then so is its file."""
    try:
        with file_lock(path, patience):
            path.unlink(missing_ok=True)
    except LockTaken:
        return False
    return True


def _boot(identity: str) -> str:
    return identity.rpartition(".")[2]
