"""What a run printed: its standard output and error, whole, from their end, or as they grow.

Which outputs hold it, only the platform knows. The lines are text from outside, not yet escaped.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterable, Iterator

from jobsync.backend import Reader
from jobsync.errors import RangeRefused, ServiceError
from jobsync.model import Run, RunState
from jobsync.structs import Struct, replace

LINES = 20
_TAIL = 64 * 1024
_WIDEST = 500
_LONGEST = 64 * 1024
_BREAK = re.compile("\r\n|\n|\r")


class LogFile(Struct, frozen=True):
    """One file with what a run printed: its path in the outputs and its length in bytes.

    ``is_out`` and ``is_err`` say which streams go there; both may.
    """

    path: str
    length: int
    is_out: bool
    is_err: bool


class Tail(Struct, frozen=True):
    """The last lines of one file, which was read up to the byte ``end``."""

    file: LogFile
    lines: tuple[str, ...]
    is_whole: bool
    end: int


def log_files(reader: Reader, run: Run) -> tuple[LogFile, ...]:
    """The files with what *run*, a full record, printed; standard output first.

    Empty where there are none yet. Raises :class:`ServiceError` when outputs cannot be listed.
    """
    if not has_started(run):
        return ()
    there = {file.path: file.length for file in reader.files(run.id) if not file.is_folder}
    named = reader.platform.log_files(run, there)
    paths = dict.fromkeys(path for path in (named.out, named.err) if path in there)
    return tuple(LogFile(path, there[path], path == named.out, path == named.err) for path in paths)


def has_started(run: Run) -> bool:
    """Whether *run* may have printed something. Listing the outputs of a run that has not started
    may change its record on the service, so that is never done."""
    return run.state is not RunState.ACTIVE or run.started is not None


def read_lines(reader: Reader, run_id: str, file: LogFile) -> Iterator[str]:
    """All lines of *file*, as they arrive. Raises :class:`ServiceError`."""
    lines = Lines()
    if file.length:
        with reader.open(run_id, file.path) as content:
            for chunk in up_to(content.chunks, file.length):
                yield from lines.feed(chunk)
    yield from lines.rest()


def up_to(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The first *size* bytes of *chunks*: a file is read as far as it was listed, because a service
    may send without end."""
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return


def last_lines(
    reader: Reader, run_id: str, file: LogFile, count: int, most: int | None = None
) -> Tail:
    """The last *count* lines of *file*, of which at most the last *most* bytes are read.

    Raises :class:`ServiceError`.
    """
    window = _TAIL
    while True:
        start = end = max(0, file.length - window)
        lines = Lines()
        found: deque[str] = deque(maxlen=count + 1)
        if file.length:
            with reader.open(run_id, file.path, start) as content:
                start = end = content.offset
                for chunk in up_to(content.chunks, file.length - start):
                    end += len(chunk)
                    found.extend(lines.feed(chunk))
        found.extend(lines.rest())
        # Where the file is not read from its start, the first line may lack its beginning.
        if start == 0 or len(found) > count or (most is not None and window >= most):
            is_whole = start == 0 and len(found) <= count
            return Tail(file, tuple(found)[-count:] if count else (), is_whole, end)
        window *= 4


def log_tails(reader: Reader, run: Run, *, lines: int = LINES) -> tuple[Tail, ...]:
    """The end of what *run* printed; empty files are left out, and long lines are cut.

    Nothing is raised: what cannot be read is simply not shown, because this only explains a failure
    that is reported anyway.
    """
    try:
        tails = [
            last_lines(reader, run.id, file, lines, _TAIL)
            for file in log_files(reader, run)
            if file.length
        ]
    except ServiceError:
        return ()
    return tuple(
        replace(tail, lines=tuple(line[:_WIDEST] for line in tail.lines)) for tail in tails
    )


class Lines:
    """Cuts bytes that arrive in pieces into lines of text; what is no UTF-8 is replaced.

    A carriage return ends a line too, as those of progress bars do. A very long line is cut.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that *data* completes."""
        text = self._begun + self._decoder.decode(data)
        held = "\r" if text.endswith("\r") else ""  # its line feed may be still to come
        *lines, self._begun = _BREAK.split(text.removesuffix(held) if held else text)
        self._begun += held
        if len(self._begun) > _LONGEST:
            lines.append(self._begun)
            self._begun = ""
        return lines

    def rest(self) -> list[str]:
        """The last line, where nothing ends it."""
        text, self._begun = (self._begun + self._decoder.decode(b"", final=True)), ""
        return [text.removesuffix("\r")] if text else []


class Growing:
    """What a run prints while it runs: each look gives the lines that are new."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._read: dict[str, int] = {}
        self._lines: dict[str, Lines] = {}

    def knows(self, file: LogFile) -> bool:
        """Whether something of *file* has been read."""
        return file.path in self._read

    def start_at(self, file: LogFile, end: int) -> None:
        """Take *file* as read up to the byte *end*."""
        self._read[file.path] = end

    def look(self, run_id: str, files: tuple[LogFile, ...]) -> Iterator[tuple[LogFile, str]]:
        """The new lines of *files*, which were listed just now. Raises :class:`ServiceError`."""
        for file in files:
            if file.length < self._read.get(file.path, 0):  # it was written anew
                self._read[file.path] = 0
            if file.length > self._read.get(file.path, 0):
                for line in self._more(run_id, file):
                    yield file, line

    def rest(self, files: tuple[LogFile, ...]) -> Iterator[tuple[LogFile, str]]:
        """The lines that nothing has ended, of a run that writes no more."""
        for file in files:
            lines = self._lines.get(file.path)
            for line in lines.rest() if lines else ():
                yield file, line

    def _more(self, run_id: str, file: LogFile) -> Iterator[str]:
        lines = self._lines.setdefault(file.path, Lines())
        known = self._read.get(file.path, 0)
        try:
            with self._reader.open(run_id, file.path, known) as content:
                skip = known - content.offset  # a service may ignore where to begin
                for chunk in up_to(content.chunks, file.length - content.offset):
                    fresh = chunk[skip:] if skip > 0 else chunk
                    skip = max(0, skip - len(chunk))
                    self._read[file.path] = self._read.get(file.path, 0) + len(fresh)
                    yield from lines.feed(fresh)
        except RangeRefused:
            return  # it is shorter than it was listed; the next look lists it again
