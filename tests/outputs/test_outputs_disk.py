"""Fetching where the disk is full, refuses direct writes, or has devices planted on it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_service import MemoryReader, finished_run

from jobsync.apply.outputs import FetchResult, Ledger, Limits, destination, fetch_all, writing
from jobsync.apply.outputs.destination import Root
from jobsync.errors import ExitCode
from jobsync.model import OutputChange, OutputRule, Result

MIB = 1024 * 1024
LARGE = os.urandom(9 * MIB + 4321)


def fetch(reader: MemoryReader, root: Path, outputs_root: Path | None = None) -> FetchResult:
    return fetch_all(
        reader,
        OutputChange("align", None, (OutputRule("**", "out/"),)),
        finished_run(),
        ledger=Ledger(str(root), str(outputs_root or root), ["align"]),
        limits=Limits(patience=(0.0, 0.0)),
        report=lambda progress: None,
        stop=lambda: False,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def test_what_does_not_fit_is_refused_before_its_first_byte(
    tmp_path: Path, small_disk: Path
) -> None:
    reader = MemoryReader({"big": LARGE})
    result = fetch(reader, tmp_path, small_disk)
    assert result.exit_code is ExitCode.PARTIAL and reader.opened == []
    assert f"{len(LARGE)} bytes to fetch, but only" in result.unavailable


def test_a_disk_that_fills_meanwhile_is_said_and_the_fetch_goes_on_later(
    tmp_path: Path, small_disk: Path
) -> None:
    data = os.urandom(3 * MIB)
    reader = MemoryReader({"a": b"small", "big": data})
    hog = small_disk / "hog"
    fill = {"big": lambda: hog.write_bytes(bytes(2 * MIB)), "a": lambda: None}
    reader.on_open = lambda path, offset: fill[path]() and None
    result = fetch(reader, tmp_path, small_disk)
    assert "no space left on the disk" in dict(result.failed)["big"]
    assert not (small_disk / "out" / "big").exists()
    hog.unlink()
    reader.on_open = lambda path, offset: None
    reader.sent = 0
    assert fetch(reader, tmp_path, small_disk).result is Result.DONE
    assert (small_disk / "out" / "big").read_bytes() == data
    assert reader.sent < len(data) // 2 + MIB, "what had come was not gone on with"


def test_a_disk_that_fills_under_a_direct_write_is_said(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Root, "free_bytes", lambda root: 10**12)  # filled after it was asked
    result = fetch(MemoryReader({"a": b"small", "big": LARGE}), tmp_path, small_disk)
    assert "no space left on the disk" in dict(result.failed)["big"]


@pytest.mark.parametrize("what", ["final", "part"])
def test_a_planted_device_is_neither_read_nor_written(tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    part = f".jobsync-{hashlib.sha256(b'a').hexdigest()[:20]}.part"
    try:
        os.mknod(out / ("a" if what == "final" else part), 0o020666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device needs root")
    result = fetch(MemoryReader({"a": b"new"}), tmp_path)
    if what == "final":
        assert "a device has its name here" in dict(result.failed)["a"]
        assert (out / "a").is_char_device()
    else:
        assert result.result is Result.DONE and (out / "a").read_bytes() == b"new"


@pytest.mark.parametrize("refusing", ["never", "at the flag", "at the write", "slowly"])
def test_large_files_are_whole_whatever_the_disk_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    refuse_direct(monkeypatch, refusing)
    assert fetch(MemoryReader({"big": LARGE}, chunk=100_003), tmp_path).result is Result.DONE
    assert (tmp_path / "out" / "big").read_bytes() == LARGE


def refuse_direct(monkeypatch: pytest.MonkeyPatch, refusing: str) -> None:
    """What file systems without direct writes say, at one place or the other, or a slow one."""
    real_fcntl, real_pwrite, direct = writing.fcntl.fcntl, os.pwrite, os.O_DIRECT

    def set_flags(handle: int, command: int, value: int = 0) -> int:
        if refusing == "at the flag" and value & direct:
            raise OSError(errno.EINVAL, "no")
        return real_fcntl(handle, command, value)

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        if refusing == "at the write" and real_fcntl(handle, writing.fcntl.F_GETFL) & direct:
            raise OSError(errno.EINVAL, "no")
        if refusing == "slowly":
            time.sleep(0.02)
        return real_pwrite(handle, data, offset)

    monkeypatch.setattr(writing.fcntl, "fcntl", set_flags)
    monkeypatch.setattr(os, "pwrite", pwrite)


@pytest.mark.parametrize("instead", ["nothing", "a folder", "a link"])
@pytest.mark.parametrize("when", ["coming", "checked"])
def test_files_whose_folder_is_moved_away_meanwhile_are_not_taken_for_fetched(
    tmp_path: Path, instead: str, when: str
) -> None:
    root, outside, aside = tmp_path / "set", tmp_path / "outside", tmp_path / "aside"
    root.mkdir()
    outside.mkdir()
    reader = MemoryReader({"a": b"one", "b": b"two"})

    def move(*_: object) -> None:
        if not aside.exists():
            (root / "out").rename(aside)
            if instead == "a folder":
                (root / "out").mkdir()
            elif instead == "a link":
                (root / "out").symlink_to(outside)

    if when == "coming":
        reader.on_open = move
    else:  # once the listing before is done, only the one after is left
        reader.on_open = lambda path, offset: setattr(reader, "on_files", move)
    result = fetch(reader, root)
    assert result.exit_code is ExitCode.PARTIAL and result.fetched == ()
    said = "a symlink" if instead == "a link" else "its folder was moved or removed meanwhile"
    assert all(said in why for why in dict(result.failed).values()) and len(result.failed) == 2
    assert list(outside.iterdir()) == []
    if instead == "a link":
        (root / "out").unlink()
    reader.on_open, reader.on_files = lambda path, offset: None, lambda folder: None
    assert fetch(reader, root).result is Result.DONE
    assert (root / "out/a").read_bytes() == b"one" and (root / "out/b").read_bytes() == b"two"


@pytest.mark.parametrize("instead", ["nothing", "a folder"])
def test_a_folder_that_is_not_held_open_and_is_gone_is_not_taken_for_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    monkeypatch.setattr(destination, "_KEPT", 1)
    reader = MemoryReader({"a/f": b"one", "b/f": b"two", "c/f": b"three"})
    give_name = destination.Place.commit

    def commit(place: destination.Place, mark: destination.PartMark) -> None:
        give_name(place, mark)
        if (tmp_path / "out/c/f").exists():
            shutil.rmtree(tmp_path / "out/c")
            if instead == "a folder":
                (tmp_path / "out/c").mkdir()

    monkeypatch.setattr(destination.Place, "commit", commit)
    result = fetch(reader, tmp_path)
    assert result.exit_code is ExitCode.PARTIAL
    assert "moved or removed meanwhile" in dict(result.failed)["c/f"]
    assert [file.path for file in result.fetched] == ["a/f", "b/f"]


def test_a_part_that_got_its_final_name_before_it_was_locked_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening the part and locking it another jobsync finishes the file."""
    reader = MemoryReader({"a": b"whole"})
    take = destination.fcntl.flock

    def flock(handle: int, operation: int) -> None:
        (part,) = (tmp_path / "out").glob(".jobsync-*.part")
        part.write_bytes(b"whole")
        part.rename(tmp_path / "out/a")
        take(handle, operation)

    monkeypatch.setattr(destination.fcntl, "flock", flock)
    result = fetch(reader, tmp_path)
    assert dict(result.failed) == {"a": "another jobsync is fetching it"}
    assert (tmp_path / "out/a").read_bytes() == b"whole"


def test_more_folders_than_are_held_open(tmp_path: Path) -> None:
    files = {f"d{number}/f": b"%d" % number for number in range(destination._KEPT + 20)}
    before = len([*Path("/proc/self/fd").iterdir()])
    assert fetch(MemoryReader(files), tmp_path).result is Result.DONE
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    assert {path: (tmp_path / "out" / path).read_bytes() for path in files} == files


@contextmanager
def all_beside_taken() -> Iterator[None]:
    """As when other large files are on their way."""
    taken = 0
    try:
        while writing._BESIDE.acquire(blocking=False):
            taken += 1
        yield
    finally:
        for _ in range(taken):
            writing._BESIDE.release()


@pytest.mark.parametrize(
    ("others", "block"),
    [(nullcontext, writing.BLOCK_BESIDE), (all_beside_taken, writing.BLOCK)],
    ids=["beside", "in between"],
)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_any_pieces_from_any_offset_are_written_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
    others: Callable[[], AbstractContextManager[None]],
    block: int,
    data: st.DataObject,
) -> None:
    start = data.draw(st.integers(0, 2 * block))
    pieces = data.draw(st.lists(st.integers(1, 3 * block), min_size=1, max_size=8))
    content = (LARGE * 3)[: start + sum(pieces)]
    path = tmp_path_factory.mktemp("w") / "f"
    path.write_bytes(content[:start])
    handle = os.open(path, os.O_RDWR)
    try:
        with others():
            writer = writing.Writer(handle, start, start + writing.WORTH_DIRECT)
        at = start
        for size in pieces:
            writer.append(content[at : at + size])
            at += size
            assert writer.end == at
        writer.close()
        assert not writing.fcntl.fcntl(handle, writing.fcntl.F_GETFL) & os.O_DIRECT
    finally:
        os.close(handle)
    assert path.read_bytes() == content


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_after_a_block_that_cannot_be_written_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What came after it is left out, not put in its place."""
    real, calls = os.pwrite, 0

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "the disk is broken")
        return real(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    handle = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    writer = writing.Writer(handle, 0, len(LARGE))
    try:
        with pytest.raises(OSError, match="broken"):
            writer.append(LARGE)
        writer.close()
    finally:
        os.close(handle)
    assert (tmp_path / "f").read_bytes() == LARGE[: (failing - 1) * writing.BLOCK_BESIDE]
    assert writing._BESIDE._value == 2, "the next file has no thread beside any more"


def test_many_large_files_at_once_are_whole(tmp_path: Path) -> None:
    files = {f"f{number}": LARGE[number:] for number in range(6)}
    assert fetch(MemoryReader(files, chunk=100_003), tmp_path).result is Result.DONE
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
