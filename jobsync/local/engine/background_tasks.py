"""Work that may take long, beside the loop: neither one huge input nor one ``sbatch`` that waits
for a controller may hold up the other jobs.

A task never writes to the database. So whatever happens to it, the job is where the database
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

THREADS = 4
_GLANCE = 0.02
"""Seconds that the loop waits for a task before it goes on without: most take less."""


class BackgroundTasks(Protocol):
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


class InLoop:
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


IN_LOOP = InLoop()
"""For what is known to be short: a thread of its own would take longer."""


class InThreads:
    """Tasks in a few threads. *done* is called in one of them when a long one is over.

    At the end of its ``with`` all are broken off and have ended: whoever moves the jobs next may
    begin them anew.
    """

    def __init__(self, done: Callable[[], None], at_once: int = THREADS) -> None:
        self._done = done
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="jobsync-task")
        self._tasks: dict[str, _Task] = {}
        self._ended = threading.Event()

    def __enter__(self) -> InThreads:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, job_id: str, action: Action) -> bool:
        task = self._tasks.get(job_id)
        if task is None:
            task = self._begin(job_id, action)
        if not task.future.done():
            return False
        del self._tasks[job_id]
        task.future.result()
        return True

    def under_way(self, job_id: str) -> bool:
        task = self._tasks.get(job_id)
        return task is not None and not task.future.done()

    def begun(self, job_id: str) -> bool:
        return job_id in self._tasks

    def drop(self, job_id: str) -> None:
        task = self._tasks.pop(job_id, None)
        if task is not None:
            task.dropped.set()
            task.future.cancel()

    def _begin(self, job_id: str, action: Action) -> _Task:
        busy = sum(self.under_way(other) for other in self._tasks)
        task = _Task(self._pool, action, self._ended)
        self._tasks[job_id] = task
        if busy < self._at_once:
            wait([task.future], _GLANCE)
        if not task.future.done():
            task.future.add_done_callback(lambda _: self._done())
        return task


class _Task:
    def __init__(self, pool: ThreadPoolExecutor, action: Action, ended: threading.Event) -> None:
        self.dropped = threading.Event()
        self._ended = ended
        self.future: Future[None] = pool.submit(action, self._check)

    def _check(self) -> None:
        if self._ended.is_set() or self.dropped.is_set():
            raise Interrupted
