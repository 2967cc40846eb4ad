"""Threads that carry out the steps of an apply, and hand back what came of each to one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any


class Workers:
    """Work under way in the threads of a pool. Only the coordinating thread uses it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self._running: dict[Future[Any], Callable[[Any], None]] = {}
        self._back: SimpleQueue[Future[Any]] = SimpleQueue()

    @property
    def busy(self) -> bool:
        """Whether any work is under way."""
        return bool(self._running)

    def start(self, told: Callable[[Any], None], work: Callable[..., Any], *given: Any) -> None:
        """Begin *work* with what is *given*; *told* is called with its result, by :meth:`take`."""
        future = self.pool.submit(work, *given)
        self._running[future] = told
        future.add_done_callback(self._back.put)

    def take(self, pause: float | None) -> None:
        """Wait until something comes back, for *pause* seconds at most if there is one, and tell
        of all that has. Raises what the work raised."""
        try:
            first = self._back.get(timeout=pause)
        except Empty:
            return
        self._tell(first)
        while not self._back.empty():
            self._tell(self._back.get())

    def finish(self) -> None:
        """Wait until all work under way has ended, and report its results."""
        while self._running:
            self.take(None)

    def _tell(self, future: Future[Any]) -> None:
        self._running.pop(future)(future.result())
