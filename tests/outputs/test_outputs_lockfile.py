"""``jobsync.lock``: round trips, damage with its place, merges, concurrent writers."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync import filenames, lock_format
from jobsync.errors import ManifestError, SettingsError
from jobsync.lock_format import Lock
from jobsync.locks import folder_lock
from jobsync.model import FetchedFile
from jobsync.outputs import lockfile
from jobsync.structs import replace

SHA = "a" * 64


def line(to: str, address: str = "align", job: str = "1-007", path: str = "x") -> FetchedFile:
    return FetchedFile(address, job, path, to, 3, SHA)


safe_paths = st.text(min_size=1, max_size=20).filter(lambda text: not filenames.refusal(text))
files = st.builds(
    FetchedFile,
    address=st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
    job_id=st.from_regex(r"[0-9a-f-]{1,40}", fullmatch=True),
    path=safe_paths,
    to=safe_paths,
    size=st.integers(0, 2**60),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(files, max_size=6), st.frozensets(st.tuples(st.just("a"), st.just("1-007"))))
def test_what_is_written_is_read(
    entries: list[FetchedFile], met: frozenset[tuple[str, str]]
) -> None:
    old = tuple(replace(entry, to=f"old/{entry.to}") for entry in entries)
    lock = Lock(tuple(entries), met, old)
    again = lock_format.parse(lock_format.render(lock).encode(), "jobsync.lock")
    assert set(again.files) == set(entries) and again.expectations == met
    assert set(again.old) == {entry for entry in old if not any(entry.to == e.to for e in entries)}
    assert lock_format.render(again) == lock_format.render(lock)


def test_the_text_is_sorted_whatever_the_order(tmp_path: Path) -> None:
    one = [line("b"), line("a"), line("a", address="z")]
    assert lock_format.render(Lock(tuple(one))) == lock_format.render(Lock(tuple(reversed(one))))


@pytest.mark.parametrize(
    "text",
    [
        "nonsense", "file\ta", "expect\ta", "<<<<<<< HEAD", "=======",
        "file\ta\tb\tc\td\t1\tzz",
        f"file\ta\t../x\tc\td\t1\t{SHA}",
        f"file\ta\t/x\tc\td\t1\t{SHA}",
        f"file\ta\tx\tc\td\t-1\t{SHA}",
        f"file\ta b\tx\tc\td\t1\t{SHA}",
        f"file\ta\tx\tc\td\t01\t{SHA}",
        f"file\ta\t.git/x\tc\td\t1\t{SHA}",
    ],
)  # fmt: skip
def test_damage_is_named_with_its_place(tmp_path: Path, text: str) -> None:
    good = lock_format.render(Lock((line("a"),)))
    (tmp_path / "jobsync.lock").write_text(f"{good}{text}\n")
    with pytest.raises(ManifestError) as caught:
        lockfile.load_lockfile(str(tmp_path), str(tmp_path))
    assert f"{tmp_path}/jobsync.lock:3:1: " in str(caught.value)


def test_all_damage_is_told_at_once_and_binary_too(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        lock_format.parse(b"x\nexpect\ta\tb\ny\n", "l")
    assert [p.where.line for p in caught.value.problems if p.where] == [1, 3]
    with pytest.raises(ManifestError, match="l:2:1: is not UTF-8"):
        lock_format.parse(b"# x\n\xff\n", "l")


def test_windows_line_ends_and_comments_are_read() -> None:
    text = lock_format.render(Lock((line("a"),))).replace("\n", "\r\n")
    assert lock_format.parse(text.encode(), "l").files == (line("a"),)


def test_presence_is_by_size_and_kind(tmp_path: Path) -> None:
    lockfile.update_lockfile(str(tmp_path), lambda _: Lock(tuple(line(to) for to in "abcd")))
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"1234")
    (tmp_path / "c").symlink_to("a")
    found = {
        f.to: str(f.presence) for f in lockfile.load_lockfile(str(tmp_path), str(tmp_path)).files
    }
    assert found == {"a": "here", "b": "changed", "c": "changed", "d": "absent"}


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        lockfile.update_lockfile(str(tmp_path / "none"), lambda lock: lock)
    (tmp_path / "jobsync.lock").mkdir()
    with pytest.raises(SettingsError):
        lockfile.read_lockfile(str(tmp_path))


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    def add(new: FetchedFile) -> None:
        lockfile.update_lockfile(
            str(tmp_path), lambda lock: lockfile.with_fetched(lock, files=[new], expectations=())
        )

    def write(number: int) -> None:
        for turn in range(5):
            add(line(f"{number}/{turn}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lockfile.read_lockfile(str(tmp_path)).files) == 30
    assert [path.name for path in tmp_path.iterdir()] == ["jobsync.lock"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_without_a_lock_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Two commands at once would lose each other's lines."""
    lockfile.update_lockfile(str(tmp_path), lambda _: Lock((line("a"),)))
    before = (tmp_path / "jobsync.lock").read_bytes()

    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(SettingsError) as caught:
        lockfile.update_lockfile(str(tmp_path), lambda _: Lock((line("b"),)))
    assert (tmp_path / "jobsync.lock").read_bytes() == before
    assert "the folder cannot be locked (" in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert "move the set to a disk of this machine" in caught.value.hint


def test_a_lock_that_stays_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockfile, "_PATIENCE", 0.05)
    with folder_lock(tmp_path), pytest.raises(SettingsError) as caught:
        lockfile.update_lockfile(str(tmp_path), lambda _: Lock((line("a"),)))
    assert "another process has held the folder" in str(caught.value)
    assert not (tmp_path / "jobsync.lock").exists()


def test_processes_lose_nothing_either(tmp_path: Path) -> None:
    script = (
        "import sys; from jobsync.outputs import lockfile\n"
        "from jobsync.model import FetchedFile\n"
        "for n in range(10):\n"
        "    new = [FetchedFile('a', '1', 'x', f'{sys.argv[2]}/{n}', 1, 'a' * 64)]\n"
        "    lockfile.update_lockfile(sys.argv[1], lambda lock: "
        "lockfile.with_fetched(lock, files=new, expectations=()))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert len(lockfile.read_lockfile(str(tmp_path)).files) == 30


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_two_branches_that_fetched_different_jobs_merge(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip

    def write(*addresses: str) -> None:
        lock = Lock(tuple(line(f"{a}/{n}", address=a) for a in addresses for n in range(3)))
        (tmp_path / "jobsync.lock").write_text(lock_format.render(lock))
        git("add", "-A")
        git("commit", "-m", "x")

    git("init", "-b", "main")
    write("c", "f", "m")
    git("checkout", "-b", "other")
    write("a", "c", "f", "m")
    git("checkout", "main")
    write("c", "f", "h", "m")
    git("merge", "other")
    merged = lockfile.read_lockfile(str(tmp_path))
    assert {f.address for f in merged.files} == {"a", "c", "f", "h", "m"}
