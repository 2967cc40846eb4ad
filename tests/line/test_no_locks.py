"""On a file system without file locks nothing is sent, and it is said why."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobsync.locks import LockTaken, file_lock
from tests.line.linebench import Lab

WITHOUT = """\
import errno, fcntl, os

name, lock = os.environ["WITHOUT_LOCKS"].split()

def flock(handle, how):
    if os.readlink(f"/proc/self/fd/{handle}").endswith(lock):
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number))

fcntl.flock = flock
"""
"""What Python imports at its start, in the command and in the processes that it starts."""


def run(lab: Lab, error: str, lock: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = lab.folder / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(WITHOUT)
    environ = {"PYTHONPATH": str(start), "WITHOUT_LOCKS": f"{error} {lock}"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "jobsync", *arguments],
        cwd=lab.folder,
        env={**lab.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ENOSYS", "its file system has no file locks"),
        ("EOPNOTSUPP", "its file system has no file locks"),
        ("ENOLCK", "its file system has no file locks"),
        ("EIO", "Input/output error"),
    ],
)
def test_an_apply_sends_nothing(lab: Lab, error: str, reason: str) -> None:
    lab.write("count: {appId: wc-demo-1.00}\n")
    done = run(lab, error, ".lock", "apply", "--auto-approve", "--target", "env")
    assert done.returncode == 1
    assert f"cannot be locked ({reason}" in done.stderr
    assert "set JOBSYNC_STATE_DIR" in done.stderr
    assert lab.mine() == []


@pytest.mark.parametrize("arguments", [("serve",), ("plan", "--target", "local")])
def test_the_local_service_does_not_start(lab: Lab, arguments: tuple[str, ...]) -> None:
    lab.write("count: {appId: wc-demo-1.00}\n")
    done = run(lab, "ENOLCK", "lock", *arguments)
    assert done.returncode == 1, done
    assert "no file locks" in done.stderr and "defect" not in done.stderr


def test_a_lock_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path):
        with pytest.raises(LockTaken), file_lock(path, 0.2):
            pass
        assert path.stat().st_mode & 0o777 == 0o600
    with file_lock(path):
        pass


def test_a_process_started_meanwhile_does_not_hold_it_on(tmp_path: Path) -> None:
    """Between fork and exec it has all descriptors of its parent."""
    ended, end = os.pipe()
    with file_lock(tmp_path / "lock"):
        child = os.fork()
        if child == 0:
            os.close(end)
            os.read(ended, 1)
            os._exit(0)
    try:
        with file_lock(tmp_path / "lock"):
            pass
    finally:
        os.close(end)
        os.waitpid(child, 0)
        os.close(ended)


def test_a_link_or_a_folder_is_not_locked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for name, number in (("link", errno.ELOOP), ("folder", errno.EISDIR)):
        with pytest.raises(OSError) as caught, file_lock(tmp_path / name):
            pass
        assert caught.value.errno == number
    assert not os.path.lexists(tmp_path / "elsewhere")
