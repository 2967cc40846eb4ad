"""Does a service that lies crash a command, keep it busy, move the cursor, or write elsewhere?

    python -m tests.campaigns.lying_service [--seconds 60] [--seed 1] [--api tapis/v3]

A real local service stands behind a process in between that changes what it answers: names, ids,
sizes, times and whatever else stands in the JSON become something hostile, heads get more fields or
others, bodies end early or never. Commands run against it, one after the other. A case fails that
takes too long, that ends as a defect of jobsync, that prints what a terminal or a CI
runner acts on, or after which a file lies beside the outputs.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from jobsync.cli import main as command_line
from jobsync.testing import LocalService, local_service
from tests.fakes.tapis_world import add_app
from tests.trust.test_service import acted_on

LIMIT, APPLY_LIMIT = 10.0, 90.0
"""Seconds that one command may take. An apply looks for a lost submit for a minute."""

TEXTS = [
    "", " ", "\x1b[2J\x1b[1;1H", "::error file=x::y", "##vso[task.setvariable variable=a]b",
    "\u202egnp.exe", "a\r\nb", "\0", "\ud800", "../../../etc/passwd", "/etc/passwd", "..",
    ".git/config", "x.yaml",
    "jobsync.lock", "~root", "CON", "x" * 100_000, "\U000e0041", "<script>alert(1)</script>",
    "[x](javascript:1)", "|a|b|", "`" * 50, "=1+1", "%00", "%2e%2e%2f", "file:///etc/passwd",
    "agave://local/x", "p.one.abcdefgh", "a" * 300 + "/" + "b" * 300, "section_start:1:x",
]  # fmt: skip
TIMES = [
    "0000-00-00T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "99999-01-01T00:00:00Z", "-1", "1e999",
    "2026-01-01T00:00:00.000+99:99", "1970-01-01T00:00:00.000Z", "now", "2026-13-45", "٢٠٢٦-01-01",
]  # fmt: skip
ENDLESS = "a number beyond all others"
NUMBERS: list[Any] = [
    ENDLESS, 0, -1, -(2**63), 2**63, 10**400, 1.5,
    -0.0, 1e308, True, None, [], {}, "12", "0x10", [[]] * 50,
]  # fmt: skip
HEADS = [
    ("Set-Cookie", "session=x; Path=/"),
    ("Location", "http://evil.example/"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "br, gzip, deflate, gzip, gzip, gzip, gzip"),
    ("Retry-After", "soon"),
    ("Retry-After", "-1"),
    ("Last-Modified", "Thu, 99 Foo 0000 99:99:99 GMT"),
    ("ETag", '"' + "x" * 60_000 + '"'),
    ("Content-Range", "bytes 5-1/0"),
    ("Content-Type", "text/html; charset=utf-7"),
    ("Connection", "close, upgrade"),
    ("Transfer-Encoding", "gzip"),
    ("Link", "<http://evil.example>; rel=next"),
]
COMMANDS = [
    ("plan", "."),
    ("plan", "--format", "markdown", "."),
    ("plan", "--format", "json", "."),
    ("plan", "--refetch", "*", "."),
    ("status", "."),
    ("outputs", "list", "-m", "."),
    ("outputs", "get", "one", "--to", "got"),
    ("access",),
    ("history", "one"),
    ("logs", "one"),
    ("why", "one"),
    ("report", "--out", "report.html", "--timeline"),
    ("drift", "."),
    ("jobs", "list"),
    ("jobs", "list", "--format", "csv"),
]
APPLY = ("apply", "--auto-approve", ".")
SETS = {
    "agave/v2": """\
apiVersion: jobsync/v1
project: p
jobs:
  one: {appId: sh-1.0, permissions: {bob: READ}, outputs: [{path: "**", to: results/}]}
  two: {appId: sh-1.0, needs: [one]}
""",
    "tapis/v3": """\
apiVersion: jobsync/v1
api: tapis/v3
project: p
jobs:
  one:
    appId: sh
    appVersion: "1.0"
    permissions: {bob: READ}
    outputs: [{path: "**", to: results/}]
  two: {appId: sh, appVersion: "1.0", needs: [one]}
""",
}


class Liar(ThreadingHTTPServer):
    """Hands requests on to *service* and changes its answers as *lie* says."""

    daemon_threads = True

    def __init__(self, service: LocalService) -> None:
        super().__init__(("127.0.0.1", 0), _Between)
        self.to = urlsplit(service.url)
        self.chance: random.Random | None = None
        self.endless = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client may hang up as it likes."""


class _Between(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Liar

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        back = http.client.HTTPConnection(
            self.server.to.hostname or "", self.server.to.port, timeout=30
        )
        head = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        back.request(self.command, self.path, body, head)
        answer = back.getresponse()
        content = answer.read()
        way = urlsplit(self.path).path
        a_file = "/media/" in way or "/content/" in way or "/output/download" in way
        if self.server.endless and answer.status < 300 and a_file:
            self._never_end()
            return
        fields = [(k, v) for k, v in answer.getheaders() if k.lower() not in _OWN]
        chance = self.server.chance
        status, cut = answer.status, len(content)
        if chance is not None:
            with suppress(ValueError):
                told = json.dumps(lied(json.loads(content), chance))
                content = told.replace(f'"{ENDLESS}"', "1e999").encode()
            cut = len(content)
            if chance.random() < 0.1:
                fields.append(chance.choice(HEADS))
            if chance.random() < 0.03:
                status = chance.choice((204, 206, 301, 302, 304, 401, 403, 404, 416, 429, 500, 999))
            if chance.random() < 0.03:
                cut = chance.randrange(len(content) + 1)
        self.send_response(status, "\x1b[2Jx" if chance and chance.random() < 0.05 else None)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:cut])
        if cut < len(content):
            self.close_connection = True

    def _never_end(self) -> None:
        """A file without end, in chunks, until the client has had enough."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = b"10000\r\n" + b"line\n" * 13107 + b"x\r\n"
        self.close_connection = True
        with suppress(OSError):
            while True:
                self.wfile.write(chunk)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on


_OWN = ("content-length", "connection", "transfer-encoding", "server", "date")


def lied(value: Any, chance: random.Random, rate: float = 0.02) -> Any:
    """*value* with some of its leaves, keys and lists made into something else."""
    if isinstance(value, dict):
        found = {key: lied(item, chance, rate) for key, item in value.items()}
        if found and chance.random() < rate / 2:
            found.pop(chance.choice(list(found)))
        if chance.random() < rate / 4:
            found[chance.choice(TEXTS)] = chance.choice(TEXTS)
        return found
    if isinstance(value, list):
        items = [lied(item, chance, rate) for item in value]
        if items and chance.random() < rate:
            items += [chance.choice(items)] * chance.choice((1, 300))
        return items
    if chance.random() >= rate:
        return value
    if isinstance(value, str) and value[:2] == "20" and chance.random() < 0.7:
        return chance.choice(TIMES)
    return chance.choice(chance.choice((TEXTS, NUMBERS)))


def run(arguments: tuple[str, ...], folder: Path, environ: dict[str, str]) -> tuple[str, float]:
    """What a command printed, in this process, and how long it took. Raises for a defect."""
    printed, began, here = io.BytesIO(), time.monotonic(), Path.cwd()
    out = io.TextIOWrapper(printed, "utf-8", errors="backslashreplace", write_through=True)
    os.chdir(folder)
    try:
        with (
            mock.patch.dict(os.environ, environ),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            mock.patch.object(sys, "stdin", io.StringIO()),
        ):
            command_line._run(list(arguments))
    finally:
        os.chdir(here)
    return printed.getvalue().decode(), time.monotonic() - began


@contextmanager
def bench(api: str = "agave/v2") -> Iterator[tuple[Path, Liar, dict[str, str]]]:
    """A set that has been applied to a service with a liar before it."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        script = "mkdir d; echo a > a.txt; echo b > d/b.log\n"
        if api == "tapis/v3":
            add_app(root / "served", "sh", f'cd "$_tapisExecSystemOutputDir"; {script}')
        else:
            app = root / "served/apps/sh"
            app.mkdir(parents=True)
            said = {"name": "sh", "version": "1.0", "templatePath": "w.sh"}
            (app / "app.json").write_text(json.dumps(said))
            (app / "w.sh").write_text(script)
        folder = root / "home/set"
        folder.mkdir(parents=True)
        (folder / "set.yaml").write_text(SETS[api])
        with local_service(root / "served", api=api) as service, Liar(service) as liar:
            threading.Thread(target=liar.serve_forever, daemon=True).start()
            environ = {
                "TAPIS_BASE_URL": liar.url,
                "TAPIS_TOKEN": token_of(service, api, liar.url),
                "JOBSYNC_TARGET": "env",
                "JOBSYNC_STATE_DIR": str(root / "home/state"),
                "JOBSYNC_TRACEBACK": "1",
                "HOME": str(root / "home"),
            }
            try:
                said_, _ = run(("apply", "--wait", "--auto-approve", "."), folder, environ)
                assert (folder / "results/a.txt").exists(), said_
                yield folder, liar, environ
            finally:
                service.stop_jobs()
                liar.shutdown()


def token_of(service: LocalService, api: str, url: str) -> str:
    """A token of alice, of Tapis as the service at *url* would give it."""
    if api != "tapis/v3":
        return service.tokens["alice"]
    issued = service.service.keys.issue("alice", None, url)
    return str(issued["access_token"]["access_token"])


def campaign(
    seconds: float,
    seed: int,
    commands: Sequence[tuple[str, ...]] = (*COMMANDS, APPLY),
    api: str = "agave/v2",
) -> tuple[int, float]:
    """How many commands ran, and the longest that one took. Raises AssertionError for a failure."""
    tried, worst = 0, 0.0
    with bench(api) as (folder, liar, environ):
        home = folder.parent
        kept = shutil.copytree(folder, home / "kept")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            chance = random.Random(f"{seed} {tried}")
            command = chance.choice(commands)
            liar.chance = chance
            what = f"seed {seed}, case {tried}: {' '.join(command)}"
            try:
                said, took = run(command, folder, environ)
            except Exception as error:
                raise AssertionError(what) from error
            assert took < (APPLY_LIMIT if command == APPLY else LIMIT), f"{what} took {took:.1f} s"
            assert acted_on(said.replace("\t", " ")) == [], f"{what}: {acted_on(said)[:3]}"
            assert not {p.name for p in home.iterdir()} - {"set", "kept", "state"}, what
            new = {p.relative_to(folder).parts[0] for p in folder.iterdir()}
            assert new <= {"set.yaml", "results", "got", "jobsync.lock", "report.html"}, (
                f"{what}: {new}"
            )
            assert not [
                p
                for p in folder.rglob("*")
                if p.suffix == ".yaml"
                and p.name != "set.yaml"
                and "results" not in p.parts
                and "got" not in p.parts
            ], what
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            tried, worst = tried + 1, max(worst, took)
    return tried, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--api", default="agave/v2", choices=SETS)
    given = parser.parse_args()
    tried, worst = campaign(given.seconds, given.seed, api=given.api)
    print(f"{tried} commands, the longest {worst:.2f} s")


if __name__ == "__main__":
    main()
