"""Who moves the jobs of a state folder along: one process at a time, whoever has its lock.

Several processes may serve one state folder; the database is made for that. The holder of
``service.lock`` moves jobs along. Another one that wants to goes on asking, and takes over when
the holder ends, however it ends: nobody depends on the life of another. Running jobs outlive all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from jobsync.local.engine import Engine
from jobsync.locks import LockTaken, file_lock

log = logging.getLogger(__name__)

LOCK = "service.lock"
_ASK_AGAIN = 0.5
"""Seconds between two tries to become the one that moves jobs along."""


class Leader:
    """Moves jobs along in a thread of its own, while no other process does."""

    def __init__(self, engine: Engine, state: Path) -> None:
        self._engine = engine
        self._lock = state / LOCK
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def look_once(self) -> None:
        """Find out what happened while no service ran, before the first request is answered."""
        try:
            with file_lock(self._lock):
                self._engine.observe()
        except LockTaken:
            return

    def start_jobs(self) -> None:
        """From now on, start jobs and move all of them along."""
        self._start(self._step)

    def watch_jobs(self) -> None:
        """From now on, observe jobs, but start none."""
        self._start(self._engine.observe)

    def stop(self) -> None:
        """End the thread, after the turn that is under way."""
        self._stop.set()
        if self._thread is not None:
            self._engine.wake()
            self._thread.join()
            self._thread = None

    def _start(self, turn: Callable[[], None]) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(turn,), name="jobsync-engine", daemon=True
        )
        self._thread.start()

    def _run(self, turn: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                with file_lock(self._lock):
                    turn()
            except LockTaken:
                pass
            except Exception as error:
                # A watcher must outlive a full disk or a locked database, as the loop does.
                log.warning("the engine could not finish a turn: %s", error)
                log.debug("in full", exc_info=True)
            self._stop.wait(_ASK_AGAIN)

    def _step(self) -> None:
        """Keeps the lock until the stop. A watcher gives it back after each turn, or whoever waits
        to start jobs would never do so."""
        self._engine.run(self._stop, self._engine.step)
