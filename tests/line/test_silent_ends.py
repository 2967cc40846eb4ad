"""A service, or a proxy before it, that ends connections as it likes: an apply does not notice."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.agave_world import APP, world
from tests.fakes.scripted_server import _read
from tests.line.test_interrupts import Middleman

IDLE = b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
JOBS = 12


class Ending(Middleman):
    """Ends each connection after its first answer, by *how*: never saying so beforehand.

    ``at once``: when the answer is out. ``when asked``: when the next request has come.
    ``408``: with that as the answer to the next request.
    """

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as reader:
            if (request := _read(reader, number)) is None:
                return
            connection.sendall(self._passed_on(request))
            if self._how == "at once" or _read(reader, number) is None:
                return
            self.slowed += 1
            if self._how == "408":
                connection.sendall(IDLE)


@pytest.mark.parametrize("how", ["at once", "when asked", "408"])
def test_an_apply_goes_through_at_the_first_try(tmp_path: Path, how: str) -> None:
    (tmp_path / "set").mkdir()
    jobs = "".join(
        f"  job{number}:\n    appId: {APP}\n    permissions: {{bob: READ}}\n"
        f'    outputs: [{{path: "**", to: results/{number}/}}]\n'
        for number in range(JOBS)
    )
    head = "apiVersion: jobsync/v1\nproject: demo\njobs:\n"
    (tmp_path / "set/a.yaml").write_text(head + jobs)
    with world(tmp_path / "service") as here, Ending(here.service.url, "", how) as server:
        environment = {
            **os.environ,
            "TAPIS_BASE_URL": server.url,
            "TAPIS_TOKEN": here.service.tokens["alice"],
            "JOBSYNC_STATE_DIR": str(tmp_path / "journal"),
            "JOBSYNC_TARGET": "env",
        }

        def jobsync(*command: str) -> None:
            done = subprocess.run(
                [sys.executable, "-m", "jobsync", *command],
                cwd=tmp_path / "set",
                env=environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr

        jobsync("apply", "--auto-approve", "--wait=60")
        jobsync("plan", "--detailed-exitcode")
        assert len(here.as_("alice").runs(lambda run: True)) == JOBS
        assert how == "at once" or server.slowed > JOBS
