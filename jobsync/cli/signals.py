"""Ctrl-C and SIGTERM during an apply: the first asks it to stop, the second leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from jobsync.apply.clock import SystemClock
from jobsync.errors import ExitCode


class Stop:
    """Whether someone asked to stop. ``code`` is what the command then exits with.

    ``clock`` is the machine's, with waits that end when the stop is asked.
    """

    def __init__(self, leave: Callable[[], None] | None) -> None:
        self.event = threading.Event()
        self._leave = leave
        self.clock = SystemClock(self.event)
        self.code = ExitCode.OK

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            # Nothing is unwound: the journal is on disk already, and running jobs are not ours.
            os._exit(128 + number)
        self.code = ExitCode(128 + number)
        self.event.set()
        if self._leave is not None:
            # In a thread of its own: this one may hold a lock that is needed for it.
            threading.Thread(target=self._leave, daemon=True).start()
        click.echo(
            "\nStopping: no new requests; waiting for those in progress. Press Ctrl-C again to "
            "quit now.",
            err=True,
        )


@contextmanager
def stopping(leave: Callable[[], None] | None = None) -> Iterator[Stop]:
    """Take both signals for the time of one apply.

    *leave* is called after the first one: what only reads ends its reads there and then.
    """
    stop = Stop(leave)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
