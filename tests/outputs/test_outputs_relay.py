"""The relay of small files: nothing is lost, held without bound, or waited for in vain."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from memory_service import MemoryReader, finished_run

from jobsync.apply.outputs import Ledger, Limits, fetch_all
from jobsync.apply.outputs.download import Wanted
from jobsync.apply.outputs.relay import Begun, Got, Relay
from jobsync.backend import Content
from jobsync.errors import ServiceError, Unreachable
from jobsync.model import FetchedFile, OutputChange, OutputRule

COUNT = 300


class Slow(MemoryReader):
    """Answers from a thread of its own, and knows how many answers nobody has taken yet."""

    def __init__(self) -> None:
        super().__init__({})
        self.begun = 0
        self.most = 0
        self.out = 0
        self.guard = threading.Lock()
        self.pool = ThreadPoolExecutor(8)

    def begin_read(self, run_id: str, path: str) -> Future[Content | None]:
        with self.guard:
            self.begun += 1
            self.out += 1
            self.most = max(self.most, self.out)
        return self.pool.submit(lambda: time.sleep(0.0001))


def wanted() -> list[Wanted]:
    return [Wanted("0001-test-007", f"f{number}", f"f{number}", 1, "") for number in range(COUNT)]


def file_of(one: Wanted) -> FetchedFile:
    return FetchedFile("a", one.job_id, one.path, one.to, one.length, "")


def carried(
    reader: Slow, here: Callable[[Wanted], Wanted | Got], write: Callable[[Wanted, Begun], Got]
) -> list[Got]:
    with reader.pool, ThreadPoolExecutor(3) as disk:
        return Relay(reader, wanted(), here, write, 3).run(disk, 20)


def test_each_is_got_once_and_few_are_under_way() -> None:
    reader = Slow()

    def write(one: Wanted, begun: Begun) -> Got:
        assert begun.done()
        with reader.guard:
            reader.out -= 1
        return file_of(one)

    got = carried(reader, lambda one: one, write)
    assert sorted(item.path for item in got if isinstance(item, FetchedFile)) == sorted(
        one.path for one in wanted()
    )
    assert len(got) == COUNT and reader.most <= 20


def test_what_is_here_or_has_failed_is_not_asked_for() -> None:
    reader = Slow()
    got = carried(reader, lambda one: file_of(one) if one.path[-1] == "1" else None, _never)
    assert len(got) == COUNT and got.count(None) == COUNT * 9 // 10 and reader.begun == 0


def _never(one: Wanted, begun: Begun) -> Got:
    raise AssertionError("nothing was asked for")


@pytest.mark.parametrize("where", ["here", "write"])
def test_an_error_ends_it_soon_and_is_raised(where: str) -> None:
    reader, bad = Slow(), wanted()[30]

    def fail(one: Wanted) -> Wanted:
        if one == bad:
            raise KeyboardInterrupt
        return one

    def write(one: Wanted, begun: Begun) -> Got:
        time.sleep(0.001)
        return file_of(fail(one) if where == "write" else one)

    with pytest.raises(KeyboardInterrupt):
        carried(reader, fail if where == "here" else lambda one: one, write)
    assert reader.begun < COUNT


def test_an_error_at_the_very_start_leaves_nobody_waiting() -> None:
    def fail(one: Wanted) -> Wanted:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carried(Slow(), fail, _never)


def test_after_an_error_nobody_waits_for_what_is_still_to_come() -> None:
    reader = Slow()

    def begin_read(run_id: str, path: str) -> Future[Content | None]:
        reader.begun += 1
        if reader.begun == 20:
            return reader.pool.submit(lambda: None)
        return Future()

    def write(one: Wanted, begun: Begun) -> Got:
        raise KeyboardInterrupt

    reader.begin_read = begin_read  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        carried(reader, lambda one: one, write)


class FirstTryFails(MemoryReader):
    """The first try of each file ends in *first*; the second waits until eight are asked for."""

    concurrency = 8

    def __init__(self, first: Content | ServiceError | None) -> None:
        super().__init__({f"f{number}": b"12" for number in range(16)})
        self.first = first
        self.together = threading.Barrier(8)
        self.on_open = self._wait

    def _wait(self, path: str, offset: int) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self.together.wait(2)
            return
        raise Unreachable("too few ask at once")

    def begin_read(self, run_id: str, path: str) -> Future[Content | None]:
        found: Future[Content | None] = Future()
        if isinstance(self.first, ServiceError):
            found.set_exception(self.first)
        else:
            found.set_result(self.first)
        return found


@pytest.mark.parametrize(
    "first",
    [None, Unreachable("reset"), Content(0, None, iter(())), Content(0, 3, iter([b"123"]))],
)
def test_what_the_first_try_did_not_bring_is_not_got_by_the_writers(
    tmp_path: Path, first: Content | ServiceError | None
) -> None:
    result = fetch_all(
        FirstTryFails(first),
        OutputChange("align", None, (OutputRule("*", "out/"),)),
        finished_run(),
        ledger=Ledger(str(tmp_path), str(tmp_path), ["align"]),
        limits=Limits(patience=()),
        report=lambda progress: None,
        stop=lambda: False,
    )
    assert len(result.fetched) == 16, result.detail
