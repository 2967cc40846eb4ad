"""The service inside a command: reached over HTTP like any other, gone when the command ends.

Each command serves the state folder on a port of its own; the database is made for several. Only
one process at a time moves jobs along: the holder of ``service.lock``. A command that wants the
engine while another process has it goes on asking, and takes over when that one ends, so a command
never depends on the life of another. Running jobs outlive all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from jobsync.local.engine import Engine
from jobsync.local.service import Drive, Service, ServiceSettings, prepare_state

LOCK = "service.lock"
_STARTING = "starting.lock"
_PATIENCE = 60.0
_ASK_AGAIN = 0.5
"""Seconds between two tries to become the one that moves jobs along."""


@contextmanager
def embedded(
    state_dir: Path,
    workspace: Path,
    user: str,
    *,
    drive: Drive,
    environment: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    """The URL of a service for *workspace* and the token of *user*.

    With ``Drive.STEP`` queued jobs are started while this is open; with ``Drive.OBSERVE`` nothing
    is, but what has happened to running jobs is seen and stops are carried out.

    Raises :class:`~jobsync.errors.LocalServiceError` when it cannot start.
    """
    settings = ServiceSettings(
        state_dir=state_dir,
        workspace=workspace,
        users=(user,),
        apps=(workspace / "apps",),
        environment=environment,
        drive=Drive.ELSEWHERE,
    )
    stop = threading.Event()
    prepare_state(state_dir)
    with _started(Service(settings), state_dir) as service:
        driver = _Driver(service.engine, state_dir / LOCK, drive, stop)
        driver.look_once()
        thread = threading.Thread(target=driver.run, name="jobsync-engine", daemon=True)
        thread.start()
        try:
            yield service.url, service.tokens[user]
        finally:
            stop.set()
            service.engine.wake()
            thread.join()


@contextmanager
def _started(service: Service, state_dir: Path) -> Iterator[Service]:
    """Start one after the other: two commands that both make a user would make two tokens."""
    with FileLock(state_dir / _STARTING, timeout=_PATIENCE):
        service.start()
    try:
        yield service
    finally:
        service.stop()


class _Driver:
    """Moves jobs along whenever no other process does."""

    def __init__(self, engine: Engine, lock: Path, drive: Drive, stop: threading.Event) -> None:
        self._engine = engine
        self._lock = lock
        self._drive = drive
        self._stop = stop

    def look_once(self) -> None:
        """See what happened while nothing served, before the first question is answered."""
        lock = FileLock(self._lock, timeout=0)
        try:
            with lock:
                self._engine.observe()
        except Timeout:
            return

    def run(self) -> None:
        """Until the stop: drive whenever the lock can be had."""
        lock = FileLock(self._lock, timeout=0)
        while not self._stop.is_set():
            try:
                with lock:
                    self._turns()
            except Timeout:
                pass
            self._stop.wait(_ASK_AGAIN)

    def _turns(self) -> None:
        """An observer gives the lock back after each turn, or a waiting apply would never start."""
        if self._drive is Drive.STEP:
            self._engine.run(self._stop, self._engine.step)
        else:
            self._engine.observe()
