"""Small files by the thousand: a few threads write them, and who has written one asks for the next.

None of them takes a thread while it is on its way, and none is woken only to ask.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Union

from jobsync.apply.outputs.download import Wanted, Whole
from jobsync.backend import Content, Reader
from jobsync.model import FetchedFile

Got = Union[Whole, FetchedFile, None]
"""A part, or the file when it was here already; None when it failed or is got in another way."""

Begun = Future[Union[Content, None]]


class Relay:
    """Brings *wanted*, in any order, with *writers* threads.

    *here* is asked first: the file itself asks for what is still to come, anything else is got.
    *write* takes what has come and may take its time.
    """

    def __init__(
        self,
        reader: Reader,
        wanted: Iterable[Wanted],
        here: Callable[[Wanted], Wanted | Got],
        write: Callable[[Wanted, Begun], Got],
        writers: int,
    ) -> None:
        self._reader, self._here, self._write = reader, here, write
        self._wanted, self._writers = iter(wanted), writers
        self._come: SimpleQueue[tuple[Wanted, Begun] | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._under_way = 1  # the start, which holds the writers until all that it may is asked for
        self._got: list[Got] = []

    def run(self, executor: Executor, ahead: int) -> list[Got]:
        """What was got of each, with *ahead* files coming or waiting for a writer at a time.

        Whatever *here* or *write* raises is raised. Nothing more is asked for or waited for then.
        """
        writing = [executor.submit(self._write_all) for _ in range(self._writers)]
        with self._leaving_off():
            for _ in range(ahead):
                self._ask_next()
            self._ended()
            for writer in writing:
                writer.result()
        return self._got

    @contextmanager
    def _leaving_off(self) -> Iterator[None]:
        try:
            yield
        except BaseException:  # also Ctrl-C: or the writers would wait for what nobody asks for
            self._wanted = iter(())
            self._dismiss()
            raise

    def _ask_next(self) -> None:
        """Ask for the next file that is not here."""
        for wanted in self._wanted:
            found = self._here(wanted)
            if isinstance(found, Wanted):
                begun = self._reader.begin_read(found.job_id, found.path)
                with self._guard:
                    self._under_way += 1
                begun.add_done_callback(functools.partial(self._came, found))
                return
            self._got.append(found)

    def _came(self, wanted: Wanted, begun: Begun) -> None:
        self._come.put((wanted, begun))

    def _write_all(self) -> None:
        with self._leaving_off():
            while (item := self._come.get()) is not None:
                self._got.append(self._write(*item))
                self._ask_next()
                self._ended()

    def _ended(self) -> None:
        with self._guard:
            self._under_way -= 1
            last = not self._under_way
        if last:
            self._dismiss()

    def _dismiss(self) -> None:
        for _ in range(self._writers):
            self._come.put(None)
