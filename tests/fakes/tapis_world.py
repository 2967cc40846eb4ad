"""A real local service that speaks Tapis v3 with alice, bob and carol, and clients for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsync.model import Run
from jobsync.platforms.tapis import connections as tapis
from jobsync.platforms.tapis.credentials import explicit
from jobsync.testing import LocalService, local_service

FAILING = "failing"
"""An app that writes a file and fails."""


@dataclass
class World:
    """``service`` is running; ``as_`` gives a client of a user, closed at the end."""

    service: LocalService
    stack: ExitStack

    def as_(self, user: str, **how: Any) -> tapis.TapisBackend:
        url, settings = self.service.url, tapis.Connection(**how)
        client = tapis.connect(url, explicit(url, self.service.jwt(user)), how=settings)
        return self.stack.enter_context(client)

    def reader(self, user: str, **how: Any) -> tapis.TapisReader:
        url, settings = self.service.url, tapis.Connection(**how)
        client = tapis.connect_reader(url, explicit(url, self.service.jwt(user)), how=settings)
        return self.stack.enter_context(client)

    def finished(self, user: str, **request: Any) -> Run:
        """A run of the demo app, made without a client, that has ended."""
        job = self.service.submit(user, **request)
        self.service.wait(user, job["uuid"])
        return self.as_(user).run(job["uuid"])


def add_app(workspace: Path, name: str, script: str, **attributes: Any) -> None:
    """A ZIP app in the workspace that runs *script*."""
    folder = workspace / "apps" / name
    folder.mkdir(parents=True)
    definition = {
        "id": name,
        "version": "1.0",
        "runtime": "ZIP",
        "jobType": "FORK",
        "jobAttributes": {
            "execSystemId": "local",
            "archiveSystemId": "archive",
            "parameterSet": {"archiveFilter": {"includeLaunchFiles": False}},
            **attributes,
        },
    }
    (folder / "app.json").write_text(json.dumps(definition))
    (folder / "tapisjob_app.sh").write_text(script)


FAIL = """\
cd "$_tapisExecSystemOutputDir"
echo no > why.txt
echo 3 > tapisjob.exitcode
"""


@contextmanager
def world(folder: Path, **settings: Any) -> Iterator[World]:
    """Everything in *folder*; faults on demand."""
    folder.mkdir(parents=True, exist_ok=True)
    add_app(folder, FAILING, FAIL)
    wanted = {"users": ("alice", "bob", "carol"), **settings}
    with local_service(folder, api="tapis/v3", **wanted) as service, ExitStack() as stack:
        try:
            yield World(service, stack)
        finally:
            service.stop_jobs()
