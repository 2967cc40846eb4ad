"""An in-memory Reader with just the outputs of one run, for tests that need no socket."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

from jobsync.backend import Content
from jobsync.errors import NotFound, RangeRefused
from jobsync.model import RemoteFile, Run, RunState
from jobsync.platforms.agave.platform import AGAVE

JOB = "0001-test-007"


def finished_run(job_id: str = JOB) -> Run:
    return Run(job_id, "p.a.aaaaaaaaaa", "alice", "app", "FINISHED", RunState.FINISHED)


class MemoryReader:
    """Files by path. ``rows`` overrides a folder's listing; ``on_open`` may raise or change."""

    platform = AGAVE
    base_url = "http://memory.invalid"
    concurrency = 4
    whoami = runs = runs_named = archived = run = access = history = app = cast(Any, None)
    """What a fetch does not ask."""

    def __init__(self, files: dict[str, bytes], *, chunk: int = 256 * 1024) -> None:
        self.contents = dict(files)
        self.times = dict.fromkeys(files, "2020-01-01T00:00:00.000Z")
        self.rows: dict[str, list[RemoteFile]] = {}
        self.chunk = chunk
        self.opened: list[tuple[str, int]] = []
        self.listed: list[str] = []
        self.sent = 0
        self.on_open: Callable[[str, int], None] = lambda path, offset: None
        self.on_files: Callable[[str], None] = lambda folder: None
        self._mutex = threading.Lock()

    def close(self) -> None:
        """Nothing waits here."""

    def set(self, path: str, data: bytes, time: str) -> None:
        self.contents[path], self.times[path] = data, time

    def served_at(self) -> float | None:
        return None

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        self.on_files(folder)
        with self._mutex:
            self.listed.append(folder)
        if folder in self.rows:
            return self.rows[folder]
        prefix = f"{folder}/" if folder else ""
        rows: dict[str, RemoteFile] = {}
        for path in self.contents:
            if not path.startswith(prefix):
                continue
            name, slash, _ = path[len(prefix) :].partition("/")
            full = prefix + name
            if slash:
                rows[full] = RemoteFile(full, 4096, "2020-01-01T00:00:00.000Z", is_folder=True)
            else:
                rows[full] = RemoteFile(full, len(self.contents[path]), self.times[path])
        return [rows[name] for name in sorted(rows)]

    @contextlib.contextmanager
    def open(self, run_id: str, path: str, offset: int = 0) -> Iterator[Content]:
        with self._mutex:
            self.opened.append((path, offset))
        self.on_open(path, offset)
        if path not in self.contents:
            raise NotFound("no such output", status=404)
        data = self.contents[path]
        if offset and offset >= len(data):
            raise RangeRefused("range", status=416)
        yield Content(offset, len(data), self._chunks(data, offset))

    def _chunks(self, data: bytes, offset: int) -> Iterator[bytes]:
        for start in range(offset, len(data), self.chunk):
            piece = data[start : start + self.chunk]
            with self._mutex:
                self.sent += len(piece)
            yield piece
