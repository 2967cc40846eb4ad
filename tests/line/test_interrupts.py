"""The first Ctrl-C or SIGTERM ends every command that reads, however the service behaves."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes.agave_world import APP, World, world
from tests.fakes.scripted_server import ScriptedServer, Seen, _read
from tests.http.test_deadlines import SLOW

WITHIN = 1.0
"""Seconds, on a machine that has nothing else to do; loaded runners get some more."""

GRACE = 15.0


class Middleman(ScriptedServer):
    """Passes requests on to *service*, but is slow about those whose target *slow* matches."""

    def __init__(self, service: str, slow: str, how: str) -> None:
        super().__init__()
        self._service, self._how = urlsplit(service), how
        self._slow = re.compile(slow)
        self.slowed = 0

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as reader:
            while (request := _read(reader, number)) is not None:
                if self._slow.search(request.target):
                    self.slowed += 1
                    SLOW[self._how](connection)
                    threading.Event().wait(60)
                connection.sendall(self._passed_on(request))

    def _passed_on(self, request: Seen) -> bytes:
        there = http.client.HTTPConnection(self._service.hostname or "", self._service.port)
        there.request(request.method, request.target, request.body or None, request.headers)
        answer = there.getresponse()
        body = answer.read()
        head = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(body)}\r\n"
        head += f"Content-Type: {answer.getheader('Content-Type')}\r\n\r\n"
        there.close()
        return head.encode() + body


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture(scope="module")
def manifests(here: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set whose one job has finished there, shared, its outputs not fetched."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "a.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: demo\njobs:\n  count:\n"
        f"    appId: {APP}\n    permissions: {{bob: READ}}\n"
        '    outputs: [{path: "**", to: results/}]\n'
    )
    (folder / "pinned").mkdir()
    applied = run(folder, here.service.url, here.service.tokens["alice"], "apply", "--auto-approve")
    assert applied.wait(60) == 0
    return folder


def run(folder: Path, url: str, token: str, *command: str) -> subprocess.Popen[str]:
    mine = {
        "TAPIS_BASE_URL": url,
        "TAPIS_TOKEN": token,
        "JOBSYNC_STATE_DIR": str(folder.parent / "journal"),
    }
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "JOBSYNC_TARGET")}
    return subprocess.Popen(
        [sys.executable, "-m", "jobsync", *command],
        cwd=folder,
        env={**environment, **mine, "JOBSYNC_TARGET": "env"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def slowed(
    here: World, manifests: Path, slow: str, how: str, command: str
) -> Iterator[subprocess.Popen[str]]:
    """The command, once it waits for what is slow."""
    with Middleman(here.service.url, slow, how) as server:
        token = here.service.tokens["alice"]
        process = run(manifests, server.url, token, *command.split())
        try:
            end = time.monotonic() + 20
            while not server.slowed:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.01)
            yield process
        finally:
            process.kill()
            process.communicate()


LISTING, FOLDERS, MEDIA = r"/jobs/v2/(\?|$)", r"/outputs/listings/", r"/outputs/media/"
INT, TERM = signal.SIGINT, signal.SIGTERM
CASES = [
    *(
        ("plan", LISTING, how, number)
        for how in ("silent", "head", "body")
        for number in (INT, TERM)
    ),
    *(("plan", where, "head", INT) for where in (r"/pems", FOLDERS, r"/profiles/")),
    *(("plan", where, "silent", TERM) for where in (r"/pems", FOLDERS, r"/profiles/")),
    *((command, LISTING, "head", INT) for command in ("status", "drift", "access", "why count")),
    *((command, LISTING, "silent", TERM) for command in ("history count", "outputs list", "wait")),
    *(("apply --auto-approve", LISTING, "head", INT), ("jobs list", LISTING, "body", TERM)),
    *(("outputs get count", FOLDERS, "silent", INT), ("outputs get count", MEDIA, "silent", TERM)),
    *(("outputs get count", MEDIA, "head", INT), ("wait", MEDIA, "head", INT)),
]


@pytest.mark.parametrize(("command", "slow", "how", "number"), CASES)
def test_the_first_signal_ends_a_command_that_reads(
    here: World, manifests: Path, command: str, slow: str, how: str, number: int
) -> None:
    with slowed(here, manifests, slow, how, command) as process:
        began = time.monotonic()
        process.send_signal(number)
        code = process.wait(20)
        assert time.monotonic() - began < WITHIN + GRACE
        assert code == 128 + number


@pytest.mark.parametrize("number", [INT, TERM])
def test_a_connection_that_comes_to_nothing_does_not_hold_up_the_end(
    manifests: Path, number: int
) -> None:
    """A server whose queue of connections is full: what connects there hangs in the kernel."""
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        process = run(manifests, f"http://127.0.0.1:{full.getsockname()[1]}", "t", "plan")
        try:
            port = f":{full.getsockname()[1]:04X} 02"
            while (
                port not in Path("/proc/net/tcp").read_text()
            ):  # 02: a connection that is asked for
                assert process.poll() is None
                time.sleep(0.01)
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(20) == 128 + number
            assert time.monotonic() - began < WITHIN + GRACE
        finally:
            process.kill()
            process.communicate()
