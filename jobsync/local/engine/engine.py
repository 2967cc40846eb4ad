"""The loop: recover, observe, carry out wishes, submit. One thread, one database.

Everything that matters lies in the database and in the jobs' folders, so that the loop can die at
any instant and the next one goes on. What it keeps in memory is only when it last looked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from jobsync.local.engine.background_tasks import InLoop, InThreads
from jobsync.local.engine.logbook import Logbook
from jobsync.local.engine.loop_state import Waiting
from jobsync.local.engine.settings import EngineSettings
from jobsync.local.engine.starting import WAITING, Starter
from jobsync.local.engine.stopping import Stopper
from jobsync.local.engine.watching import Watcher
from jobsync.local.store.database import Store

log = logging.getLogger(__name__)

_BUSY, _QUIET, _IDLE = 0.02, 0.25, 0.5
_SCAN_SECONDS = 0.4


class Engine:
    """Moves jobs along. :meth:`run` belongs to one thread; :meth:`wake`, :meth:`cancel` to all.

    Jobs in ``held`` are looked after, but not started.
    """

    def __init__(self, store: Store, settings: EngineSettings) -> None:
        self._store = store
        self._settings = settings
        self._book = Logbook(store, settings)
        self._stopper = Stopper(self._book)
        self._watcher = Watcher(self._book, self._stopper)
        self._starter = Starter(self._book)
        self._wake = threading.Event()
        for runner in settings.runners.values():
            runner.on_end(self._wake.set)
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # turns do not overlap, whoever asks for one
        self._news = True
        self.held: frozenset[str] = frozenset()
        self._scanned = self._next_scan = 0.0

    # --- for other threads --------------------------------------------------------------

    def wake(self) -> None:
        """Take a turn now, because there is something new in the database."""
        with self._lock:
            self._news = True
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Record that a job is to be stopped, and wake the loop. Raises :class:`UnknownJob`."""
        self._store.request_cancel(job_id)
        self.wake()

    # --- the loop -----------------------------------------------------------------------

    def run(self, stop: threading.Event, turn: Callable[[], None] | None = None) -> None:
        """Call *turn* (:meth:`step`, or :meth:`observe` for a service that starts nothing) until
        *stop* is set; often while jobs run, seldom while nothing does.

        What takes long is done beside the loop, and is over when this returns.
        """
        book = self._book
        try:
            with InThreads(self._wake.set) as book.files, InThreads(self._wake.set) as book.calls:
                self._turns(stop, turn or self.step)
        finally:
            book.files, book.calls = InLoop(), InLoop()
            book.memory.staging.clear()

    def _turns(self, stop: threading.Event, turn: Callable[[], None]) -> None:
        pause = _BUSY
        while not stop.is_set():
            self._wake.clear()
            self._book.changed = False
            try:
                self._look_elsewhere()
                turn()
            except Exception as error:
                # The loop must outlive a full disk or a locked database; the next turn retries.
                log.warning("the engine could not finish a turn: %s", error)
                log.debug("in full", exc_info=True)
            longest = _QUIET if self._book.memory.placed else _IDLE
            busy = self._book.changed or self._news
            pause = _BUSY if busy else min(pause * 1.5, longest)
            self._wake.wait(pause)

    def _look_elsewhere(self) -> None:
        """Look for what a command on the same state folder wrote: it cannot wake this engine."""
        if self._store.changed_elsewhere():
            with self._lock:
                self._news = True

    def step(self) -> None:
        """One turn: recover, observe, carry out wishes, start what fits."""
        with self._turn:
            self._watcher.look()
            self._scan_waiting()
            self._starter.recover(self.held)
            self._starter.start()

    def observe(self) -> None:
        """One turn that starts nothing: adopt and observe jobs, carry out wishes, archive."""
        with self._turn:
            self._watcher.look()
            self._scan_waiting()

    def _scan_waiting(self) -> None:
        """Read all jobs that wait, and stop the ones that shall not run. After news, and now and
        then in case another process wrote to the database.

        A long queue takes a while to read, so that it is not read at every submit: at most a
        sixth of the time goes into it.
        """
        began = time.monotonic()
        with self._lock:
            is_due = self._news or began - self._scanned > _SCAN_SECONDS
            if not is_due or began < self._next_scan:
                return
            self._news = False
        waiting: list[Waiting] = []
        for row in self._store.queued(WAITING):
            if row.stop:
                if (whole := self._store.job(row.id)) is not None:
                    self._book.guarded(whole, self._stopper.stop_waiting)
            elif row.id not in self._book.memory.staging and row.id not in self.held:
                waiting.append(Waiting.of(row))
        self._book.memory.waiting = waiting
        now = time.monotonic()
        self._scanned, self._next_scan = now, now + 5 * (now - began)
