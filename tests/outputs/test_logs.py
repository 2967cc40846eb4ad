"""What a run printed: lines cut from pieces, from the end, and as they grow."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from jobsync.backend import Content, Reader
from jobsync.model import LogFiles, RemoteFile, Run, RunState
from jobsync.outputs.logs import Growing, Lines, LogFile, last_lines, log_files, read_lines
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from tests.fakes.toy import Toy

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Merged(Toy):
    """Both streams go to one file, named in the request."""

    def log_files(self, run: Run, names: Collection[str]) -> LogFiles:
        name = str((run.request or {}).get("log", "job.out"))
        return LogFiles(name, name) if name in names else LogFiles()


class OneFile:
    """The reader of a run with one file; it may ignore where a download is to begin."""

    def __init__(self, data: bytes, platform: Platform = AGAVE, *, ranges: bool = True) -> None:
        self.data = data
        self.platform = platform
        self.ranges = ranges
        self.listed = 0
        self.sent = 0

    def files(self, run_id: str, folder: str = "", at_least: int = 0) -> list[RemoteFile]:
        self.listed += 1
        return [RemoteFile("job.out", len(self.data), "t"), RemoteFile("x", 0, "t", is_folder=True)]

    @contextmanager
    def open(self, run_id: str, path: str, offset: int = 0) -> Iterator[Content]:
        start = offset if self.ranges else 0
        body = self.data[start:]
        self.sent += len(body)
        pieces = (body[n : n + 4099] for n in range(0, len(body), 4099))
        yield Content(start, len(self.data), pieces)


def reader(one: OneFile) -> Reader:
    return cast(Reader, one)


def run(state: RunState = RunState.ACTIVE, started: datetime | None = NOW) -> Run:
    return Run("r", "job", "alice", "app", "RUNNING", state, started=started, request={})


def listed(one: OneFile) -> LogFile:
    (file,) = log_files(reader(one), run())
    return file


@given(st.lists(st.text(alphabet="aé\U0001f600\t", max_size=5), max_size=8), st.integers(1, 5))
def test_lines_do_not_depend_on_where_the_pieces_are_cut(lines: list[str], size: int) -> None:
    for end in ("\n", "\r\n", "\r"):
        data = "".join(line + end for line in lines).encode()
        cutter = Lines()
        found = [
            line for n in range(0, len(data), size) for line in cutter.feed(data[n : n + size])
        ]
        assert [*found, *cutter.rest()] == lines


def test_what_is_no_text_and_lines_without_end_are_shown_all_the_same() -> None:
    cutter = Lines()
    assert cutter.feed(b"\xff\xc3") == [] and cutter.rest() == ["\ufffd\ufffd"]
    found = cutter.feed(b"a" * 200_000)
    assert "".join([*found, *cutter.rest()]) == "a" * 200_000


def test_both_streams_in_one_file_are_one_file() -> None:
    one = OneFile(b"a\n", Merged())
    assert listed(one) == LogFile("job.out", 2, is_out=True, is_err=True)
    assert [*read_lines(reader(one), "r", listed(one))] == ["a"]
    assert log_files(reader(OneFile(b"", Toy())), run()) == ()


def test_the_outputs_of_a_run_that_has_not_started_are_not_listed() -> None:
    one = OneFile(b"a\n", Merged())
    assert log_files(reader(one), run(started=None)) == () and one.listed == 0
    assert log_files(reader(one), run(RunState.FAILED, started=None)) and one.listed == 1


@given(st.integers(0, 30), st.booleans(), st.integers(0, 20_000))
def test_the_last_lines_are_those_of_the_whole(count: int, ranges: bool, wide: int) -> None:
    lines = [f"{number} {'x' * wide}" for number in range(25)]
    one = OneFile("\n".join(lines).encode(), Merged(), ranges=ranges)
    tail = last_lines(reader(one), "r", listed(one), count)
    assert [*tail.lines] == (lines[-count:] if count else [])
    assert tail.is_whole == (count >= 25) and tail.end == len(one.data)


def test_each_look_gives_what_is_new() -> None:
    for ranges in (True, False):
        one = OneFile(b"one\ntw", Merged(), ranges=ranges)
        growing = Growing(reader(one))

        def look(one: OneFile = one, growing: Growing = growing) -> list[str]:
            return [line for _, line in growing.look("r", log_files(reader(one), run()))]

        assert look() == ["one"] and look() == []
        one.data += b"o\nthree"
        assert look() == ["two"]
        assert [line for _, line in growing.rest((listed(one),))] == ["three"]
        one.data = b"new\n"
        assert look() == ["new"]
