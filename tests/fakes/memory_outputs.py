"""The outputs of one run in memory, which change and fail as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from jobsync.backend import Content
from jobsync.errors import NotFound, RangeRefused
from jobsync.model import RemoteFile

TIME = "2020-01-01T00:00:00.000Z"


class Outputs:
    """Files by path. ``rows`` overrides a folder's listing; ``on_open`` may raise or change."""

    def __init__(self, files: Mapping[str, bytes], *, chunk: int = 256 * 1024) -> None:
        self.contents = dict(files)
        self.times = dict.fromkeys(files, TIME)
        self.rows: dict[str, list[RemoteFile]] = {}
        self.chunk = chunk
        self.opened: list[tuple[str, int]] = []
        self.listed: list[str] = []
        self.sent = 0
        self.on_open: Callable[[str, int], None] = lambda path, offset: None
        self.on_files: Callable[[str], None] = lambda folder: None
        self._mutex = threading.Lock()

    def set(self, path: str, data: bytes, time: str) -> None:
        self.contents[path], self.times[path] = data, time

    def files(self, folder: str) -> list[RemoteFile]:
        """The entries of one folder. Raises :class:`NotFound` for one that is not there."""
        self.on_files(folder)
        with self._mutex:
            self.listed.append(folder)
        if folder in self.rows:
            return self.rows[folder]
        prefix = f"{folder}/" if folder else ""
        found: dict[str, RemoteFile] = {}
        for path in self.contents:
            if not path.startswith(prefix):
                continue
            name, slash, _ = path[len(prefix) :].partition("/")
            full = prefix + name
            if slash:
                found[full] = RemoteFile(full, 4096, TIME, is_folder=True)
            else:
                found[full] = RemoteFile(full, len(self.contents[path]), self.times[path])
        if folder and not found:
            raise NotFound("no such folder", status=404)
        return [found[name] for name in sorted(found)]

    @contextmanager
    def open(self, path: str, offset: int) -> Iterator[Content]:
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
