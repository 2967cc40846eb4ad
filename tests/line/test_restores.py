"""What was fetched stays what it was: a fresh clone gets that content, or is told."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.line.linebench import Bench


def archived(bench: Bench, name: str) -> Path:
    [path] = (bench.folder / ".jobsync/archive").rglob(name)
    return path


@pytest.mark.parametrize("change", [b"9 zebra\n", b"something of another size\n"])
def test_a_restore_of_other_content_is_an_error_and_changes_nothing(
    wordcount: Bench, change: bytes
) -> None:
    assert wordcount.run("apply", "--auto-approve").code == 0
    result, lock = wordcount.folder / "results/counts.txt", wordcount.folder / "jobsync.lock"
    before, recorded = result.read_bytes(), lock.read_bytes()
    change = change.ljust(len(before))[: len(before)] if len(change) < 10 else change
    archived(wordcount, "counts.txt").write_bytes(change)
    shutil.rmtree(wordcount.folder / "results")
    done = wordcount.run("apply", "--auto-approve")
    assert done.code == 1
    for content in (before, change):
        assert hashlib.sha256(content).hexdigest() in done.err
    assert not result.exists() and lock.read_bytes() == recorded
    assert wordcount.run("outputs", "verify").code == 2
    got = wordcount.run("outputs", "get", "count")
    assert got.code == 1 and hashlib.sha256(change).hexdigest() in got.err
    # The way out that is said.
    lines = recorded.splitlines(keepends=True)
    lock.write_bytes(b"".join(line for line in lines if b"counts.txt" not in line))
    assert wordcount.run("apply", "--auto-approve").code == 0
    assert result.read_bytes() == change
    assert wordcount.run("outputs", "verify").code == 0


def test_a_restore_of_the_same_content_is_nothing_new(wordcount: Bench) -> None:
    assert wordcount.run("apply", "--auto-approve").code == 0
    lock = wordcount.folder / "jobsync.lock"
    recorded = lock.read_bytes()
    shutil.rmtree(wordcount.folder / "results")
    assert wordcount.run("apply", "--auto-approve").code == 0
    assert lock.read_bytes() == recorded
    assert wordcount.run("plan", "--detailed-exitcode").code == 0
