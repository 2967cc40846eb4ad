"""What may take long, beside the loop: one huge input must not hold up the other jobs, nor one
``sbatch`` that waits for a controller.

An errand never writes to the database. So whatever happens to it, the job is where the database
says it is: a folder half staged is thrown away and made again, archiving goes on where it stopped,
a job that may have been submitted is looked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol

from jobsync.local.storage.copying import Check, Interrupted, go_on

Action = Callable[[Check], None]

AT_ONCE = 4
_GLANCE = 0.02
"""Seconds that the loop waits for an errand before it goes on without: most take less."""


class Errands(Protocol):
    """Carries out work that may take long."""

    def do(self, job_id: str, action: Action) -> bool:
        """Begin *action*, or collect its result; True once it is done. Raises what *action*
        raised."""

    def under_way(self, job_id: str) -> bool:
        """Whether work for this job has begun and not ended."""

    def begun(self, job_id: str) -> bool:
        """Whether there is work for this job whose result has not been collected."""

    def drop(self, job_id: str) -> None:
        """Break off the work for this job: its result is no longer needed."""


class Here:
    """Carries out work at once, for callers that take single turns of the engine."""

    def do(self, job_id: str, action: Action) -> bool:
        action(go_on)
        return True

    def under_way(self, job_id: str) -> bool:
        return False

    def begun(self, job_id: str) -> bool:
        return False

    def drop(self, job_id: str) -> None:
        pass


HERE = Here()
"""For what is known to be short: a thread of its own would take longer."""


class Beside:
    """Errands in a few threads. *done* is called in one of them when a long one is over.

    At the end of its ``with`` all are broken off and have ended: whoever moves the jobs next may
    begin them anew.
    """

    def __init__(self, done: Callable[[], None], at_once: int = AT_ONCE) -> None:
        self._done = done
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="jobsync-errand")
        self._errands: dict[str, _Errand] = {}
        self._ended = threading.Event()

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, job_id: str, action: Action) -> bool:
        errand = self._errands.get(job_id)
        if errand is None:
            errand = self._begin(job_id, action)
        if not errand.future.done():
            return False
        del self._errands[job_id]
        errand.future.result()
        return True

    def under_way(self, job_id: str) -> bool:
        errand = self._errands.get(job_id)
        return errand is not None and not errand.future.done()

    def begun(self, job_id: str) -> bool:
        return job_id in self._errands

    def drop(self, job_id: str) -> None:
        errand = self._errands.pop(job_id, None)
        if errand is not None:
            errand.dropped.set()
            errand.future.cancel()

    def _begin(self, job_id: str, action: Action) -> _Errand:
        busy = sum(self.under_way(other) for other in self._errands)
        errand = _Errand(self._pool, action, self._ended)
        self._errands[job_id] = errand
        if busy < self._at_once:
            wait([errand.future], _GLANCE)
        if not errand.future.done():
            errand.future.add_done_callback(lambda _: self._done())
        return errand


class _Errand:
    def __init__(self, pool: ThreadPoolExecutor, action: Action, ended: threading.Event) -> None:
        self.dropped = threading.Event()
        self._ended = ended
        self.future: Future[None] = pool.submit(action, self._check)

    def _check(self) -> None:
        if self._ended.is_set() or self.dropped.is_set():
            raise Interrupted
