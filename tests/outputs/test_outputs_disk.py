"""Fetching where the disk is full, refuses direct writes, or has devices planted on it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.errors import ExitCode
from jobsync.locks import take_lock
from jobsync.model import OutputChange, OutputRule, Result
from jobsync.outputs import destination
from jobsync.outputs.destination import OutputsRoot
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.result import FetchLimits, FetchResult
from tests.fakes.memory import OneRun, finished_run

MIB = 1024 * 1024
LARGE = os.urandom(9 * MIB + 4321)


def fetch(reader: OneRun, root: Path, outputs_root: Path | None = None) -> FetchResult:
    return fetch_all(
        reader,
        OutputChange("align", None, (OutputRule("**", "out/"),)),
        finished_run(),
        ledger=Ledger(str(root), str(outputs_root or root), ["align"]),
        limits=FetchLimits(patience=(0.0, 0.0)),
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
    reader = OneRun({"big": LARGE})
    result = fetch(reader, tmp_path, small_disk)
    assert result.exit_code is ExitCode.ERROR and reader.outputs.opened == []
    assert f"{len(LARGE)} bytes to fetch, but only" in result.unavailable


def test_a_disk_that_fills_meanwhile_is_said_and_the_fetch_goes_on_later(
    tmp_path: Path, small_disk: Path
) -> None:
    data = os.urandom(3 * MIB)
    reader = OneRun({"a": b"small", "big": data})
    hog = small_disk / "hog"

    def fill(path: str, _offset: int) -> None:
        if path == "big":
            hog.write_bytes(bytes(2 * MIB))

    reader.outputs.on_open = fill
    result = fetch(reader, tmp_path, small_disk)
    assert "no space left on the disk" in dict(result.failed)["big"]
    assert not (small_disk / "out" / "big").exists()
    hog.unlink()
    reader.outputs.on_open = lambda path, offset: None
    reader.outputs.sent = 0
    assert fetch(reader, tmp_path, small_disk).result is Result.DONE
    assert (small_disk / "out" / "big").read_bytes() == data
    assert reader.outputs.sent < len(data) // 2 + MIB, "what had come was not gone on with"


def test_a_disk_that_fills_under_a_direct_write_is_said(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutputsRoot, "free_bytes", lambda root: 10**12)  # filled after it was asked
    result = fetch(OneRun({"a": b"small", "big": LARGE}), tmp_path, small_disk)
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
    result = fetch(OneRun({"a": b"new"}), tmp_path)
    if what == "final":
        assert "a device with this name is in the way" in dict(result.failed)["a"]
        assert (out / "a").is_char_device()
    else:
        assert result.result is Result.DONE and (out / "a").read_bytes() == b"new"


@pytest.mark.parametrize("takes", ["all", "little at a time"])
def test_large_files_are_whole_whatever_the_disk_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: str
) -> None:
    real = os.pwrite

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        return real(handle, data[:4093] if takes != "all" else data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert fetch(OneRun({"big": LARGE}, chunk=100_003), tmp_path).result is Result.DONE
    assert (tmp_path / "out" / "big").read_bytes() == LARGE


@pytest.mark.parametrize("failing", [1, 2, 30])
def test_after_bytes_that_cannot_be_written_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """What came after them is left out, not put in their place; the next fetch goes on there."""
    real, calls = os.pwrite, 0

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "the disk is broken")
        return real(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    reader = OneRun({"big": LARGE}, chunk=100_003)
    result = fetch(reader, tmp_path)
    assert "the disk is broken" in dict(result.failed)["big"]
    (part,) = (tmp_path / "out").glob(".jobsync-*.part")
    assert part.read_bytes() == LARGE[: (failing - 1) * 100_003]
    assert fetch(reader, tmp_path).result is Result.DONE
    assert (tmp_path / "out" / "big").read_bytes() == LARGE


@pytest.mark.parametrize("instead", ["nothing", "a folder", "a link"])
@pytest.mark.parametrize("when", ["coming", "checked"])
def test_files_whose_folder_is_moved_away_meanwhile_are_not_taken_for_fetched(
    tmp_path: Path, instead: str, when: str
) -> None:
    root, outside, aside = tmp_path / "set", tmp_path / "outside", tmp_path / "aside"
    root.mkdir()
    outside.mkdir()
    reader = OneRun({"a": b"one", "b": b"two"})

    def move(*_: object) -> None:
        if not aside.exists():
            (root / "out").rename(aside)
            if instead == "a folder":
                (root / "out").mkdir()
            elif instead == "a link":
                (root / "out").symlink_to(outside)

    if when == "coming":
        reader.outputs.on_open = move
    else:  # once the listing before is done, only the one after is left
        reader.outputs.on_open = lambda path, offset: setattr(reader.outputs, "on_files", move)
    result = fetch(reader, root)
    assert result.exit_code is ExitCode.ERROR and result.fetched == ()
    said = "a symlink" if instead == "a link" else "its folder was moved or removed meanwhile"
    assert all(said in why for why in dict(result.failed).values()) and len(result.failed) == 2
    assert list(outside.iterdir()) == []
    if instead == "a link":
        (root / "out").unlink()
    reader.outputs.on_open, reader.outputs.on_files = lambda path, offset: None, lambda folder: None
    assert fetch(reader, root).result is Result.DONE
    assert (root / "out/a").read_bytes() == b"one" and (root / "out/b").read_bytes() == b"two"


@pytest.mark.parametrize("instead", ["nothing", "a folder"])
def test_a_folder_that_is_gone_before_it_is_durable_is_not_taken_for_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    reader = OneRun({"a/f": b"one", "b/f": b"two", "c/f": b"three"})
    give_name = destination.OutputFile.commit

    def commit(place: destination.OutputFile, mark: destination.PartMark) -> None:
        give_name(place, mark)
        if (tmp_path / "out/c/f").exists():
            shutil.rmtree(tmp_path / "out/c")
            if instead == "a folder":
                (tmp_path / "out/c").mkdir()

    monkeypatch.setattr(destination.OutputFile, "commit", commit)
    result = fetch(reader, tmp_path)
    assert result.exit_code is ExitCode.ERROR
    assert "moved or removed meanwhile" in dict(result.failed)["c/f"]
    assert [file.path for file in result.fetched] == ["a/f", "b/f"]


def test_a_part_that_got_its_final_name_before_it_was_locked_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening the part and locking it another jobsync finishes the file."""
    reader = OneRun({"a": b"whole"})

    def late_lock(handle: int) -> bool:
        (part,) = (tmp_path / "out").glob(".jobsync-*.part")
        part.write_bytes(b"whole")
        part.rename(tmp_path / "out/a")
        return take_lock(handle)

    monkeypatch.setattr(destination, "take_lock", late_lock)
    result = fetch(reader, tmp_path)
    assert dict(result.failed) == {"a": "another jobsync is fetching it"}
    assert (tmp_path / "out/a").read_bytes() == b"whole"


def leads_into(descriptor: Path, folder: Path) -> bool:
    try:
        return descriptor.readlink().is_relative_to(folder)
    except OSError:
        return False


def test_no_folder_is_left_open(tmp_path: Path) -> None:
    files = {f"d{number}/f": b"%d" % number for number in range(90)}
    assert fetch(OneRun(files), tmp_path).result is Result.DONE
    # By where they lead: what other tests have left open may be closed just now.
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if leads_into(fd, tmp_path)]
    assert {path: (tmp_path / "out" / path).read_bytes() for path in files} == files


def test_many_large_files_at_once_are_whole(tmp_path: Path) -> None:
    files = {f"f{number}": LARGE[number:] for number in range(6)}
    assert fetch(OneRun(files, chunk=100_003), tmp_path).result is Result.DONE
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files
