"""Files written whole or not at all: seen by a reader, by a second writer and after a kill."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobsync import atomic_files
from jobsync.atomic_files import (
    ORDINARY,
    check_replaceable,
    create_file,
    replace_file,
    replace_file_durably,
)

WRITERS = [replace_file, replace_file_durably, create_file]

STOPS_HALF_WAY = """
import sys, time
from pathlib import Path
from jobsync import atomic_files
from jobsync.atomic_files import replace_file_durably

def chunks():
    yield b"half"
    print("written", flush=True)
    sys.stdin.read()
    yield b"whole"

replace_file_durably(Path(sys.argv[1]), chunks())
"""


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that has written half of *path*, and the rest once its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", STOPS_HALF_WAY, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_a_reader_sees_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    replace_file(path, [contents[0]])
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            replace_file(path, [contents[number % 2][:100_000]] * 2)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert all(path.read_bytes() in contents for _ in range(300))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert names_in(tmp_path) == ["file"]


def test_what_a_killed_writer_leaves_is_removed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with writer(path) as process:
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"before"
    assert len(names_in(tmp_path)) == 2
    replace_file(path, [b"after"])
    assert path.read_bytes() == b"after"
    assert names_in(tmp_path) == ["file"]


def test_what_another_writer_is_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with writer(path) as process:
        replace_file(path, [b"quick"])
        assert path.read_bytes() == b"quick"
        process.communicate("", timeout=30)
    assert process.returncode == 0
    assert path.read_bytes() == b"halfwhole"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_failure_leaves_what_was_there(
    tmp_path: Path, write: Callable[[Path, Iterator[bytes]], int]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        write(path, chunks())
    assert path.read_bytes() == b"before"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize(("mode", "kept"), [(0o600, 0o600), (ORDINARY, 0o644)])
def test_no_instant_has_a_wider_mode(tmp_path: Path, mode: int, kept: int) -> None:
    seen: list[int] = []

    def chunks() -> Iterator[bytes]:
        seen.extend(file.stat().st_mode & 0o777 for file in tmp_path.iterdir())
        yield b"x"

    before = os.umask(0o022)
    try:
        replace_file(tmp_path / "file", chunks(), mode=mode)
    finally:
        os.umask(before)
    assert seen == [kept]
    assert (tmp_path / "file").stat().st_mode & 0o777 == kept


def test_no_link_is_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    names: list[str] = []

    def chunks() -> Iterator[bytes]:
        names.extend(names_in(folder))
        yield b"x"

    replace_file(folder / "file", chunks())
    (folder / names[0]).symlink_to(victim)
    (folder / "file").unlink()
    (folder / "file").symlink_to(victim)
    assert replace_file(folder / "file", [b"new"]) == 3
    assert victim.read_bytes() == b"mine"
    assert not (folder / "file").is_symlink()
    assert (folder / "file").read_bytes() == b"new"
    assert (folder / names[0]).is_symlink()


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert create_file(path, [b"one", b"", b"two"]) == 6
    with pytest.raises(FileExistsError):
        create_file(path, [b"other"])
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        create_file(path, [b"other"])
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_name_may_be_as_long_as_names_can_be(
    tmp_path: Path, write: Callable[[Path, list[bytes]], int]
) -> None:
    write(tmp_path / ("n" * 255), [b"x"])
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_a_path_may_be_relative_to_an_open_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        replace_file("file", [b"x"], folder=folder)
    finally:
        os.close(folder)
    assert (tmp_path / "file").read_bytes() == b"x"
    monkeypatch.chdir(tmp_path)
    replace_file_durably("other", [b"y"])
    assert names_in(tmp_path) == ["file", "other"]


def test_content_then_name_then_folder_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        steps.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "content")
        fsync(descriptor)

    def renamed(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        steps.append("name")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    replace_file_durably(tmp_path / "file", [b"x"])
    assert steps == ["content", "name", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What a killed process left may stay there: nobody can know that it ended."""
    with writer(tmp_path / "file") as process:
        process.kill()

    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    replace_file(tmp_path / "file", [b"x"])
    assert (tmp_path / "file").read_bytes() == b"x"
    assert len(names_in(tmp_path)) == 2


def test_a_check_leaves_nothing(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "file")
    assert names_in(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        check_replaceable(tmp_path / "none" / "file")


def test_a_writer_that_is_done_leaves_the_draft_of_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first, second = (atomic_files._draft(path, 0o600, None) for _ in range(2))
    mine = first.__enter__()
    atomic_files._rename(mine)
    theirs = second.__enter__()
    assert theirs.name == mine.name
    first.__exit__(None, None, None)
    atomic_files._rename(theirs)
    second.__exit__(None, None, None)
    assert names_in(tmp_path) == ["file"]
