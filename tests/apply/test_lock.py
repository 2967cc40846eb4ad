"""One apply at a time, with real processes; and what a signal does to a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.apply import Binding, apply_lock
from jobsync.errors import Blocked
from tests.fakes.memory import FakeClock

BINDING = Binding("https://memory.example", "alice", "phylo")

HOLD = """
import sys, time
from pathlib import Path
from jobsync.apply import Binding, SystemClock, apply_lock
binding = Binding("https://memory.example", "alice", "phylo")
with apply_lock(Path(sys.argv[1]), binding, SystemClock()):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()


def test_the_second_is_told_who_holds_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Blocked) as caught, apply_lock(tmp_path, BINDING, FakeClock()):
        pass
    text = str(caught.value)
    assert f"process {holder.pid}" in text
    assert os.uname().nodename in text
    assert "since 20" in text
    assert caught.value.exit_code == 4


def test_another_project_is_not_kept_out(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    other = Binding(BINDING.service, BINDING.user, "tree")
    with apply_lock(tmp_path, other, FakeClock()):
        pass


def test_a_killed_holder_leaves_it_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with apply_lock(tmp_path, BINDING, FakeClock()) as me:
        assert me.pid == os.getpid()


def test_two_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    with (
        apply_lock(tmp_path, BINDING, FakeClock()),
        pytest.raises(Blocked, match=f"process {os.getpid()}"),
        apply_lock(tmp_path, BINDING, FakeClock()),
    ):
        pass
    with apply_lock(tmp_path, BINDING, FakeClock()):
        pass
