"""The journal under damage: what is torn is dropped, what is damaged refused, nothing lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.apply import journal as journal_module
from jobsync.apply import open_submits
from jobsync.apply.journal import JournalFailed, journal_path, open_journal
from jobsync.apply.journal_entry import (
    Binding,
    Entry,
    JournalDamaged,
    State,
    decode,
    encode,
    entry_document,
    header,
    latest,
)
from jobsync.structs import replace
from tests.fakes.memory import FakeClock

BINDING = Binding("https://memory.example", "alice", "phylo")
CLOCK = FakeClock()

entries = st.builds(
    Entry,
    name=st.text(max_size=20),
    address=st.text(max_size=10),
    state=st.sampled_from(State),
    at=st.floats(0, 2e9),
    posted=st.floats(0, 2e9),
    ids=st.lists(st.text(max_size=12), max_size=3).map(tuple),
    reason=st.text(max_size=30),
)


def written(items: list[Entry]) -> bytes:
    lines = [encode(0, header(BINDING))]
    lines += [encode(n + 1, entry_document(item)) for n, item in enumerate(items)]
    return b"".join(lines)


@given(st.lists(entries, max_size=6))
def test_what_is_written_is_read(items: list[Entry]) -> None:
    data = written(items)
    contents = decode(data, BINDING, "j")
    assert list(contents.entries) == items
    assert contents.good == len(data)


@settings(deadline=None, max_examples=20)
@given(st.lists(entries, min_size=1, max_size=4))
def test_cut_at_every_byte_what_was_whole_is_kept(items: list[Entry]) -> None:
    data = written(items)
    ends = [n + 1 for n, byte in enumerate(data) if byte == 10]
    for cut in range(len(data)):
        contents = decode(data[:cut], BINDING, "j")
        whole = sum(1 for end in ends if end - 1 <= cut)
        assert list(contents.entries) == items[: max(0, whole - 1)]


@settings(deadline=None, max_examples=20)
@given(st.lists(entries, min_size=1, max_size=3), st.integers(1, 255))
def test_with_every_byte_flipped_nothing_is_lost_unseen(items: list[Entry], flip: int) -> None:
    data = written(items)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= flip
        with pytest.raises(JournalDamaged):
            decode(bytes(damaged), BINDING, "j")


@given(st.lists(entries, min_size=2, max_size=5), st.data())
def test_a_line_removed_or_doubled_is_seen(items: list[Entry], data: st.DataObject) -> None:
    lines = written(items).splitlines(keepends=True)
    place = data.draw(st.integers(1, len(lines) - 2))
    for other in (lines[:place] + lines[place + 1 :], lines[:place] + lines[place - 1 :]):
        with pytest.raises(JournalDamaged):
            decode(b"".join(other), BINDING, "j")


def test_zeros_after_the_last_line_are_a_torn_write() -> None:
    data = written([Entry("a", "a", State.SENDING)])
    assert len(decode(data + b"\0" * 100, BINDING, "j").entries) == 1


@pytest.mark.parametrize(
    "other",
    [
        Binding("https://other.example", "alice", "phylo"),
        Binding("https://memory.example", "bob", "phylo"),
        Binding("https://memory.example", "alice", "tree"),
    ],
)
def test_a_journal_of_somebody_else_is_refused(other: Binding) -> None:
    with pytest.raises(JournalDamaged, match="belongs to"):
        decode(written([]), other, "j")


def test_a_newer_format_is_refused() -> None:
    data = encode(0, {**header(BINDING), "format": 2}) + b"whatever that is\n"
    with pytest.raises(JournalDamaged, match="newer jobsync"):
        decode(data, BINDING, "j")


def test_damage_says_where_and_what_to_do(tmp_path: Path) -> None:
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.SENDING), CLOCK)
        journal.append(Entry("a", "a", State.CONFIRMED, ids=("1",)), CLOCK)
    path = journal_path(tmp_path, BINDING)
    path.write_bytes(path.read_bytes().replace(b"sending", b"sendinG"))
    with pytest.raises(JournalDamaged) as caught, open_journal(tmp_path, BINDING):
        pass
    assert f"{path}:2" in str(caught.value)
    assert "backup" in caught.value.hint


def test_states_survive_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.SENDING), CLOCK)
        journal.append(Entry("b", "b", State.INTENT), CLOCK)
    path = journal_path(tmp_path, BINDING)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"crc":"0000')
    for _ in range(2):
        with open_journal(tmp_path, BINDING) as journal:
            assert [e.name for e in journal.open_submits()] == ["a"]
            assert journal.state("b") is not None
    assert path.read_bytes() == whole
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.HELD), CLOCK)
    contents = decode(path.read_bytes(), BINDING, "j")
    assert latest(contents.entries)["a"].state is State.HELD


def test_a_line_without_its_newline_is_kept(tmp_path: Path) -> None:
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.SENDING), CLOCK)
    path = journal_path(tmp_path, BINDING)
    path.write_bytes(path.read_bytes()[:-1])
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.UNKNOWN), CLOCK)
    assert len(decode(path.read_bytes(), BINDING, "j").entries) == 2


def test_the_file_is_private(tmp_path: Path) -> None:
    with open_journal(tmp_path, BINDING):
        path = journal_path(tmp_path, BINDING)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_others_can_write_is_not_trusted(tmp_path: Path, what: str, mode: int) -> None:
    with open_journal(tmp_path, BINDING):
        pass
    path = journal_path(tmp_path, BINDING)
    (path if what == "file" else path.parent).chmod(mode | 0o700)
    with (
        pytest.raises(JournalFailed, match="other users can write"),
        open_journal(tmp_path, BINDING),
    ):
        pass


def test_symbolic_links_and_pipes_are_refused(tmp_path: Path) -> None:
    path = journal_path(tmp_path, BINDING)
    path.parent.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(0o600)
    path.symlink_to(elsewhere)
    with pytest.raises(JournalFailed), open_journal(tmp_path, BINDING):
        pass
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(JournalFailed), open_journal(tmp_path, BINDING):
        pass


class Disk:
    """Stands in for ``os`` in the journal; fails when told, and remembers what was done."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.fail: dict[str, int] = {}
        self.short = False

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in ("write", "fsync"):
            return real

        def call(*arguments: object) -> object:
            self.log.append(name)
            if name in self.fail:
                raise OSError(self.fail[name], os.strerror(self.fail[name]))
            if name == "write" and self.short:
                return real(arguments[0], bytes(arguments[1])[:-5])  # type: ignore[call-overload]
            return real(*arguments)

        return call


@pytest.mark.parametrize("call", ["write", "fsync", "short"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_after_a_failure_nothing_more_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    disk = Disk()
    monkeypatch.setattr(journal_module, "os", disk)
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("a", "a", State.SENDING), CLOCK)
        if call == "short":
            disk.short = True
        else:
            disk.fail[call] = code
        with pytest.raises(JournalFailed, match="nothing more is sent"):
            journal.append(Entry("b", "b", State.SENDING), CLOCK)
        disk.fail.clear()
        disk.short = False
        before = len(disk.log)
        with pytest.raises(JournalFailed):
            journal.append(Entry("c", "c", State.SENDING), CLOCK)
        assert len(disk.log) == before, "a descriptor whose fsync failed is not used again"
    with open_journal(tmp_path, BINDING) as journal:
        assert [e.name for e in journal.open_submits()] == ["a"]


def test_what_announces_a_post_is_synced_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_journal(tmp_path, BINDING):
        pass
    journal_path(tmp_path, BINDING).unlink()
    disk = Disk()
    monkeypatch.setattr(journal_module, "os", disk)
    monkeypatch.setattr("jobsync.atomic_files.os", disk)
    with open_journal(tmp_path, BINDING) as journal:
        assert disk.log[:2] == ["fsync", "write"], "the folder of a new file"
        disk.log.clear()
        journal.append(Entry("a", "a", State.INTENT), CLOCK)
        assert disk.log == ["write"]
        journal.append(Entry("a", "a", State.SENDING), CLOCK)
        assert disk.log == ["write", "write", "fsync"]
        disk.log.clear()
        for state in (State.UNKNOWN, State.HELD, State.REJECTED, State.DUPLICATE):
            journal.append(Entry("a", "a", state), CLOCK)
        assert disk.log == ["write", "fsync"] * 4
        disk.log.clear()
        journal.append(Entry("a", "a", State.CONFIRMED, ids=("1",)), CLOCK)
        assert disk.log == ["write"]
    assert disk.log == ["write", "fsync"], "at the end at the latest"


def test_the_journal_of_another_platform_on_the_service_is_another_one(tmp_path: Path) -> None:
    """That of the first platform is where it was before there was another."""
    other = replace(BINDING, platform="other/v1")
    assert journal_path(tmp_path, BINDING).name == "phylo-e2bab4d57063.jsonl"
    assert journal_path(tmp_path, other) != journal_path(tmp_path, BINDING)
    with open_journal(tmp_path, BINDING) as journal:
        journal.append(Entry("phylo.align.aaaaaaaaaa", "align", State.SENDING), CLOCK)
    assert open_submits(tmp_path, other) == ()
    text = journal_path(tmp_path, BINDING).read_text()
    assert "platform" not in text
    journal_path(tmp_path, other).write_text(text)
    with pytest.raises(JournalDamaged, match="platform"):
        open_submits(tmp_path, other)
