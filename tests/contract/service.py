"""A service to hold to the laws of :mod:`jobsync.backend`, and the rows: the services there are.

A row is an entry of ``ROWS`` in a module ``rows_*.py`` of this folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from jobsync.backend import Backend
from jobsync.errors import NotFound
from jobsync.model import JsonValue, Mark, Run, RunState
from tests.fakes.agave_world import until

_numbers = itertools.count(1)


@dataclass
class Service:
    """One running service with the users alice, bob and carol.

    ``as_`` gives a user's backend. ``request`` is that of a job which takes some seconds and then
    finishes with outputs, or fails where seconds are negative. ``pass_time`` lets a moment pass.
    ``app`` is an app that the service has. Inside ``small_pages`` it gives out few rows at a time.
    ``showing`` is the access with which a user sees a run, where that is not the access with which
    a user sees its permissions.
    """

    as_: Callable[[str], Backend]
    request: Callable[[int], Mapping[str, JsonValue]]
    app: str
    pass_time: Callable[[], None] = lambda: None
    small_pages: Callable[[], AbstractContextManager[None]] = nullcontext
    showing: frozenset[str] | None = None

    def name(self, address: str = "job") -> str:
        """A name that no run has yet."""
        platform = self.as_("alice").platform
        fingerprint = platform.scheme + "a" * 9
        return platform.run_name(Mark(f"contract{next(_numbers)}", address, fingerprint))

    def submit(self, user: str = "alice", seconds: int = 0, name: str = "") -> Run:
        """A run of that user, once the service shows it."""
        backend = self.as_(user)
        made = backend.submit(name or self.name(), self.request(seconds))

        def look() -> Run | None:
            try:
                return backend.run(made.id)
            except NotFound:
                return None

        return until(look)

    def ended(self, user: str = "alice", seconds: int = 0) -> Run:
        """A run of that user that has come to its end."""
        return self.settle(user, self.submit(user, seconds).id)

    def named(self, run: Run, user: str = "alice") -> list[Run]:
        """The runs of the name of *run*, visible or hidden."""
        return self.as_(user).runs_named(run.name, (run.id,))

    def settle(self, user: str, run_id: str) -> Run:
        """The run once it has ended."""
        backend = self.as_(user)

        def look() -> Run | None:
            run = backend.run(run_id)
            if run.state is RunState.ACTIVE:
                self.pass_time()
                return None
            return run

        return until(look)


Opened = Callable[[Path], AbstractContextManager[Service]]
"""Starts a service that keeps what it has in a folder."""


def rows() -> dict[str, Opened]:
    """Every row by its name."""
    found: dict[str, Opened] = {}
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        found.update(import_module(f"{__package__}.{path.stem}").ROWS)
    return found
