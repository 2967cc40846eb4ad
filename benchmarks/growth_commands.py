"""Runs ``jobsync`` commands in the folder of a set, each a process of its own, and counts.

python growth_commands.py ARGUMENTS...    what the process of one command is
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from growth_apis import Api

    from jobsync.http.messages import Request

_COUNTS = "GROWTH_COUNTS"
"""The environment variable that says where a command leaves what it counted."""

_TICK = 0.005


class Commands:
    """Runs commands in the folder of a set, for the embedded service or one that is *served*.

    Commands that *count* have imported the client, which some would not.
    """

    def __init__(self, folder: Path, python: str, *, api: Api, served: bool, count: bool) -> None:
        self.folder = folder
        self.api = api
        self.python = python
        self._target = "env" if served else "local"
        self._environ = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("TAPIS_", "AGAVE_", "JOBSYNC_")) and key != "CI"
        }
        self._program = [python, __file__] if count else [python, "-m", "jobsync"]
        self._counts = folder / "counts.json"
        self._environ |= {
            "HOME": str(folder),
            "JOBSYNC_STATE_DIR": str(folder / "state"),
            _COUNTS: str(self._counts),
        }
        self._service: subprocess.Popen[str] | None = None
        self.routes: dict[str, int] = {}
        """What the last command asked how often, where it counted."""

    def serve(self) -> None:
        """Start the service that the commands go to, once its apps lie there; else embed it."""
        if self._target == "local" or self._service is not None:
            return
        self._service = subprocess.Popen(
            [self.python, "-m", "jobsync", "serve"],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._service.stdout is not None
        self._environ["TAPIS_BASE_URL"] = self._service.stdout.readline().strip()
        tokens = json.loads((self.folder / ".jobsync" / "users.json").read_text())
        self._environ |= self.api.credentials(*next(iter(tokens.items())))

    def close(self) -> None:
        """End the service that was started."""
        if self._service is not None:
            self._service.terminate()
            self._service.communicate()
            self._service = None

    def run(self, *arguments: str) -> dict[str, float]:
        """Run one command: its seconds and peak of memory in MiB; requests where it counted."""
        if arguments[0] not in _WITHOUT_TARGET:
            self.serve()
            arguments = (*arguments, "--target", self._target)
        self._counts.unlink(missing_ok=True)
        began = time.perf_counter()
        with subprocess.Popen(
            [*self._program, *arguments],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            raise SystemExit(f"jobsync {' '.join(arguments)}: {said.decode()[-2000:]}")
        found = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime}
        counted = json.loads(self._counts.read_text()) if self._counts.exists() else {}
        self.routes = counted.pop("routes", {})
        return {**found, "mib": used.ru_maxrss / 1024, **counted}


_WITHOUT_TARGET = frozenset({"show"})


# --- inside the process of a command -----------------------------------------------------


class _Watch:
    """How long the other threads were kept from running: what a thread that wants to wake every
    few milliseconds is late by, as far as this process used a processor meanwhile."""

    def __init__(self) -> None:
        self.held = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        before, used = time.perf_counter(), time.process_time()
        while True:
            time.sleep(_TICK)
            now, spent = time.perf_counter(), time.process_time()
            self.held = max(self.held, min(now - before - _TICK, spent - used))
            before, used = now, spent


_ID = re.compile(r"[0-9a-z-]{36}-007|[0-9]+-[0-9a-f]+-[0-9]{4}-007")


def _counted() -> Counter[str]:
    """What requests the client sends from now on, by method and route."""
    from jobsync.http.client import HttpClient

    count: Counter[str] = Counter()
    guard = threading.Lock()

    def counting(name: str) -> None:
        method = getattr(HttpClient, name)

        def sent(client: HttpClient, request: Request, *how: object) -> object:
            path = urlsplit(request.url).path
            with guard:
                count[f"{request.method} {_ID.sub('ID', path)}"] += 1
            return method(client, request, *how)

        setattr(HttpClient, name, sent)

    counting("send")
    counting("stream")
    return count


def _command() -> None:
    sys.argv = ["jobsync", *sys.argv[1:]]
    count = _counted()
    from jobsync.cli.main import main

    watch = _Watch()
    try:
        main()
    finally:
        found = {"requests": count.total(), "routes": count, "held": 1000 * watch.held}
        Path(os.environ[_COUNTS]).write_text(json.dumps(found))


if __name__ == "__main__":
    sys.path.pop(0)
    _command()
