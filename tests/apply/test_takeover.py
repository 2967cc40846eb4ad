"""Journals of one service under several spellings: one of them in the end, and nothing lost."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from jobsync.apply import Binding, NotSubmitted, apply_lock, open_submits, resolve_submits
from jobsync.apply.journal import JournalFailed, journal_path, open_journal
from jobsync.apply.journal_entry import OPEN, Entry, JournalDamaged, State
from jobsync.apply.takeover import journaled, locked_journal, merged
from jobsync.errors import Blocked
from tests.fakes.memory import FakeClock, MemoryBackend, MemoryService

CLOCK = FakeClock()
MINE = Binding("https://api.example", "alice", "phylo")
SHOUTED = Binding("HTTPS://API.example", "alice", "phylo")
WITH_PORT = Binding("https://api.example:443/", "alice", "phylo")
STRANGERS = [
    Binding("https://other.example", "alice", "phylo"),
    Binding("HTTPS://API.example", "bob", "phylo"),
    Binding("HTTPS://API.example", "alice", "tree"),
    Binding("local", "alice", "phylo"),
]


def write(folder: Path, binding: Binding, *entries: Entry) -> Path:
    with open_journal(folder, binding) as journal:
        for entry in entries:
            journal.append(entry, CLOCK)
    return journal_path(folder, binding)


def entry(name: str, state: State, *ids: str) -> Entry:
    return Entry(name, "a", state, ids=ids)


# --- what two journals say together ------------------------------------------------------

_WITH_JOB = (State.ACCEPTED, State.CONFIRMED, State.DUPLICATE)
CASES = [entry("n", state) for state in State if state not in _WITH_JOB]
CASES += [entry("n", state, job) for state in _WITH_JOB for job in ("1", "2")]


@pytest.mark.parametrize("mine", CASES, ids=str)
def test_open_in_either_is_open_and_nothing_sent_is_forgotten(mine: Entry) -> None:
    for theirs in CASES:
        for one in (merged(mine, theirs), merged(theirs, mine)):
            assert (one.state in OPEN) == bool({mine.state, theirs.state} & OPEN)
            if one.state not in OPEN:
                done = {mine.state, theirs.state} & {State.CONFIRMED, State.DUPLICATE}
                assert (one.state in (State.CONFIRMED, State.DUPLICATE)) == bool(done)
                assert set(one.ids) == {*mine.ids, *theirs.ids}
            again = merged(one, theirs)
            assert (again.state in OPEN) == (one.state in OPEN), "and once more says the same"


def test_two_jobs_of_one_name_are_a_duplicate() -> None:
    one = merged(entry("n", State.CONFIRMED, "1"), entry("n", State.CONFIRMED, "2"))
    assert (one.state, one.ids) == (State.DUPLICATE, ("1", "2"))
    assert merged(one, entry("n", State.CONFIRMED, "2")) == one


def test_a_job_that_may_have_been_sent_from_both_is_looked_for() -> None:
    both = merged(
        Entry("n", "a", State.ACCEPTED, posted=5.0, ids=("1",)),
        Entry("n", "a", State.SENDING, posted=9.0),
    )
    assert (both.state, both.posted, both.ids) == (State.UNKNOWN, 9.0, ())


# --- taking over -------------------------------------------------------------------------


def test_all_spellings_end_up_in_one_journal(tmp_path: Path) -> None:
    write(tmp_path, MINE, entry("both", State.CONFIRMED, "1"), entry("mine", State.HELD))
    old = write(tmp_path, SHOUTED, entry("both", State.SENDING), entry("old", State.ACCEPTED, "3"))
    older = write(tmp_path, WITH_PORT, entry("older", State.REJECTED))
    others = [write(tmp_path, stranger, entry("s", State.SENDING)) for stranger in STRANGERS]
    before = [path.read_bytes() for path in others]
    states = {"both": State.SENDING, "mine": State.HELD, "old": State.ACCEPTED}
    assert {e.name: e.state for e in open_submits(tmp_path, MINE)} == states

    for _ in range(2):
        with locked_journal(tmp_path, MINE, CLOCK) as journal:
            found = {e.name: e.state for e in journal.open_submits()}
            assert found == states | {"both": State.UNKNOWN}
            older_entry = journal.state("older")
            assert older_entry is not None and older_entry.state is State.REJECTED
        assert not old.exists() and not older.exists()
    assert [path.read_bytes() for path in others] == before


def test_without_a_journal_of_its_own_the_other_spelling_is_it(tmp_path: Path) -> None:
    posted = write(tmp_path, SHOUTED, entry("n", State.SENDING))
    with locked_journal(tmp_path, MINE, CLOCK) as journal:
        [one] = journal.open_submits()
    assert one.posted > 0 and not posted.exists()


def test_a_spelling_that_another_apply_holds_blocks(tmp_path: Path) -> None:
    old = write(tmp_path, SHOUTED, entry("n", State.CONFIRMED, "1"))
    with (
        apply_lock(tmp_path, SHOUTED, CLOCK),
        pytest.raises(Blocked, match="another apply"),
        locked_journal(tmp_path, MINE, CLOCK),
    ):
        pass
    assert old.exists()


def test_both_are_locked_while_they_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write(tmp_path, SHOUTED, entry("n", State.SENDING))
    tried = []
    unlink = Path.unlink

    def look(path: Path, missing_ok: bool = False) -> None:
        if path == old:
            for binding in (MINE, SHOUTED):
                with pytest.raises(Blocked), apply_lock(tmp_path, binding, CLOCK):
                    pass
                tried.append(binding)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", look)
    with (
        locked_journal(tmp_path, MINE, CLOCK),
        pytest.raises(Blocked),
        apply_lock(tmp_path, MINE, CLOCK),
    ):
        pass
    assert tried == [MINE, SHOUTED]


@pytest.mark.parametrize("line", [0, 1])
def test_a_damaged_one_is_named_and_stays(tmp_path: Path, line: int) -> None:
    old = write(tmp_path, SHOUTED, entry("n", State.SENDING), entry("m", State.SENDING))
    lines = old.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"crc", b"crd")
    old.write_bytes(b"".join(lines))
    with pytest.raises(JournalDamaged, match=f"{old}:{line + 1}"):
        open_submits(tmp_path, MINE)
    with pytest.raises(JournalDamaged), locked_journal(tmp_path, MINE, CLOCK):
        pass
    assert old.read_bytes() == b"".join(lines)


def test_what_others_can_write_or_is_a_link_is_not_taken_over(tmp_path: Path) -> None:
    old = write(tmp_path, SHOUTED, entry("n", State.SENDING))
    old.chmod(0o666)
    with pytest.raises(JournalFailed, match="other users can write"):
        open_submits(tmp_path, MINE)
    old.chmod(0o600)
    old.rename(tmp_path / "elsewhere")
    old.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalFailed), locked_journal(tmp_path, MINE, CLOCK):
        pass


@pytest.mark.parametrize("begun", [b"", b'{"crc":"00'])
def test_one_that_was_never_begun_does_not_matter(tmp_path: Path, begun: bytes) -> None:
    path = write(tmp_path, SHOUTED)
    path.write_bytes(begun)
    with locked_journal(tmp_path, MINE, CLOCK) as journal:
        assert journal.open_submits() == ()


def test_a_copy_under_another_name_is_not_in_use(tmp_path: Path) -> None:
    old = write(tmp_path, SHOUTED, entry("n", State.SENDING))
    old.rename(old.with_name("phylo-0123456789ab.jsonl"))
    old = write(tmp_path, MINE)
    assert open_submits(tmp_path, MINE) == ()


def test_resolve_settles_what_lies_under_another_spelling(tmp_path: Path) -> None:
    write(tmp_path, SHOUTED, entry("phylo.a.aaaaaaaaaa", State.HELD))
    [settled] = resolve_submits("a", NotSubmitted(), MemoryBackend(MemoryService()), tmp_path, MINE)
    assert settled.state is State.REJECTED
    assert open_submits(tmp_path, MINE) == ()


# --- a crash at any point ----------------------------------------------------------------


class Crash(BaseException):
    """The process is gone."""


class Machine:
    """Ends at a chosen write, sync, cut or unlink; with the power, what was not synced goes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> None:
        self.left, self.after, self.synced = at, after, dict[str, int]()
        real = Path.unlink
        for name in ("write", "fsync", "ftruncate"):
            monkeypatch.setattr(os, name, self._step(getattr(os, name)))
        monkeypatch.setattr(Path, "unlink", self._step(real))

    def _step(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Crash
            result = real(*arguments, **options)
            if real.__name__ == "fsync":
                handle = cast(int, arguments[0])
                path = Path(f"/proc/self/fd/{handle}").readlink()
                self.synced[str(path)] = path.stat().st_size
            if self.left == 0:
                raise Crash
            return result

        return call


def test_a_crash_at_any_point_loses_nothing(tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.mkdir(mode=0o700)
    write(start, MINE, entry("both", State.CONFIRMED, "1"), entry("mine", State.HELD))
    write(
        start,
        SHOUTED,
        entry("both", State.SENDING),
        entry("old", State.ACCEPTED, "3"),
        entry("done", State.CONFIRMED, "4"),
    )
    write(start, WITH_PORT, entry("old", State.SENDING), entry("gone", State.REJECTED))
    expected = {name: e.state in OPEN for name, e in journaled(start, MINE).items()}
    assert expected == {
        "both": True, "mine": True, "old": True, "done": False, "gone": False,
    }  # fmt: skip
    for after, power in itertools.product((False, True), repeat=2):
        for point in itertools.count(1):
            folder = tmp_path / f"{after}-{power}-{point}"
            shutil.copytree(start, folder)
            whole = _crash(folder, point, after=after, power=power)
            assert _openness(folder) == expected, (after, power, point)
            with locked_journal(folder, MINE, CLOCK) as journal:
                for name, is_open in expected.items():
                    known = journal.state(name)
                    assert known is not None and (known.state in OPEN) == is_open
            assert len(list((folder / "journal").iterdir())) == 1
            if whole:
                break
        assert point > 10, "the crashes did not happen"


def _openness(folder: Path) -> dict[str, bool]:
    return {name: e.state in OPEN for name, e in journaled(folder, MINE).items()}


def _crash(folder: Path, point: int, *, after: bool, power: bool) -> bool:
    """Take over until the crash; True when there were fewer points than that."""
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(patch, point, after=after)
        try:
            with locked_journal(folder, MINE, CLOCK):
                pass
        except Crash:
            path = journal_path(folder, MINE)
            if power and str(path) in machine.synced:
                os.truncate(path, machine.synced[str(path)])
            return False
    return True
