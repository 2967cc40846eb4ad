"""Wishes of several threads in one go: nobody is forgotten, answered too early, or told twice."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobsync.atomic_files import replace_file_durably
from jobsync.errors import SettingsError
from jobsync.in_groups import InGroups
from jobsync.model import FetchedFile
from jobsync.outputs import lockfile
from jobsync.outputs.fetch_record import Ledger


class Held:
    """Doubles numbers, the first time only once it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        self.begun.set()
        assert self.go_on.wait(10)
        return [2 * number for number in numbers]


def gathered(held: Held, groups: InGroups[int, int], count: int) -> list[int]:
    """The answers to *count* wishes, all but the first made while the first is carried out."""
    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(groups.ask, 0)]
        assert held.begun.wait(10)
        answers += [pool.submit(groups.ask, number) for number in range(1, count)]
        while len(groups._waiting) < count - 1:
            threading.Event().wait(0.001)
        held.go_on.set()
        return [answer.result(10) for answer in answers]


def test_what_gathers_meanwhile_is_one_group_and_none_joins_one_that_has_begun() -> None:
    held = Held()
    assert gathered(held, InGroups(held), 8) == [2 * number for number in range(8)]
    assert held.groups[0] == [0]
    assert sorted(held.groups[1]) == list(range(1, 8))
    assert len(held.groups) == 2


def test_no_group_is_larger_than_allowed() -> None:
    held = Held()
    assert gathered(held, InGroups(held, most=3), 8) == [2 * number for number in range(8)]
    assert [len(group) for group in held.groups] == [1, 3, 3, 1]


def test_a_failure_is_everybodys_of_the_group_and_of_nobody_else() -> None:
    def refuse(numbers: Sequence[int]) -> list[int]:
        if 13 in numbers:
            raise SettingsError("no")
        return list(numbers)

    groups = InGroups(refuse)
    with pytest.raises(SettingsError):
        groups.ask(13)
    assert groups.ask(1) == 1


def test_after_ctrl_c_in_one_thread_the_others_are_answered() -> None:
    held = Held()

    def interrupted(numbers: Sequence[int]) -> list[int]:
        if len(held.groups) == 0:
            held(numbers)
            raise KeyboardInterrupt
        return held(numbers)

    groups = InGroups(interrupted)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(groups.ask, 1)
        assert held.begun.wait(10)
        second = pool.submit(groups.ask, 2)
        held.go_on.set()
        assert second.result(10) == 4
        with pytest.raises(KeyboardInterrupt):
            first.result(10)


def test_files_of_many_jobs_go_into_the_lock_file_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each writing costs what all lines cost: with one for each job, it grew with the square."""
    slow, texts = threading.Event(), []

    def counted(path: Path, parts: Sequence[bytes], *, mode: int) -> None:
        texts.append(b"".join(parts))
        slow.wait(0.2)
        replace_file_durably(path, parts, mode=mode)

    monkeypatch.setattr(lockfile, "replace_file_durably", counted)
    ledger = Ledger(str(tmp_path), str(tmp_path), [])

    def record(number: int) -> bool:
        file = FetchedFile(f"job{number}", "1-007", "a", f"a{number}", 1, "a" * 64)
        ledger.record([file])
        return file in lockfile.read_lockfile(str(tmp_path)).files

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(record, range(16))), "not on the disk when record returned"
    assert len(lockfile.read_lockfile(str(tmp_path)).files) == 16
    assert len(texts) <= 4


def test_lines_that_another_process_wrote_meanwhile_stay(tmp_path: Path) -> None:
    root = str(tmp_path)
    ledger = Ledger(root, root, [])
    ours, theirs, more = (
        FetchedFile(name, "1-007", "a", name, 1, "a" * 64) for name in ("ours", "theirs", "more")
    )
    ledger.record([ours])
    lockfile.update_lockfile(
        root, lambda lock: lockfile.with_fetched(lock, files=[theirs], expectations=())
    )
    ledger.record([more])
    assert set(lockfile.read_lockfile(root).files) == {ours, theirs, more}
