"""A real local service with alice, bob and carol, and clients for each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jobsync.local.service import Service, ServiceSettings
from jobsync.model import Run, RunState
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit

APP = "wc-demo-1.00"


@dataclass
class World:
    """``service`` is running; ``as_`` gives a client of a user, closed at the end."""

    service: Service
    stack: ExitStack

    def as_(self, user: str, **how: Any) -> agave.AgaveBackend:
        settings = agave.Connection(**how)
        credentials = explicit(self.service.url, self.service.tokens[user])
        client = agave.connect(self.service.url, credentials, how=settings)
        return self.stack.enter_context(client)

    def finished(self, client: agave.AgaveBackend, name: str, **parameters: Any) -> Run:
        run = client.submit(name, {"appId": APP, "parameters": parameters})
        return settled(client, run.id)


def settled(client: agave.AgaveBackend, run_id: str) -> Run:
    """The run once it has ended."""
    run = until(lambda: _ended(client, run_id))
    assert run is not None
    return run


def _ended(client: agave.AgaveBackend, run_id: str) -> Run | None:
    run = client.run(run_id)
    return None if run.state is RunState.ACTIVE else run


T = TypeVar("T")


def until(look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """What *look* gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.03)
    raise AssertionError("waited in vain")


@contextmanager
def world(folder: Path, **settings: Any) -> Iterator[World]:
    """Everything in *folder*; faults on demand."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    (workspace / "in.txt").write_text("one two\nthree\n")
    wanted = ServiceSettings(
        state_dir=folder / "state",
        workspace=workspace,
        users=("alice", "bob", "carol"),
        **{"faults": (), **settings},
    )
    with Service(wanted) as service, ExitStack() as stack:
        yield World(service, stack)
