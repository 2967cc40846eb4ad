"""Processes by identity: boot, pid and start time together, never a pid alone.

From ``/proc``; where there is none (macOS), from ``ps``. A process that is only waiting to be
collected by its parent counts as gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

PROC = Path("/proc")
MARKER = "JOBSYNC_JOB"
"""The environment variable by which a job's processes are known, also outside their group."""


def identity(pid: int) -> str | None:
    """``PID.START.BOOT`` of a live process, None when there is none."""
    start = _start(pid)
    return None if start is None else f"{pid}.{start}.{_boot()}"


def pid_of(native_id: str) -> int | None:
    """The pid in an identity."""
    head = native_id.partition(".")[0]
    return int(head) if head.isdigit() else None


def is_alive(native_id: str) -> bool:
    """Whether exactly this process lives."""
    pid = pid_of(native_id)
    return pid is not None and identity(pid) == native_id


def runs(pid: int, script: str) -> bool:
    """Whether the process *pid* was started with *script* on its command line."""
    try:
        if PROC.joinpath("self").exists():
            return script in (PROC / str(pid) / "cmdline").read_bytes().decode(
                "utf-8", "replace"
            ).split("\0")
    except OSError:
        return False
    return script in _ps(pid, "command")


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a whole process group; a group that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def group_exists(pid: int) -> bool:
    """Whether any process is in the group *pid*, zombies included."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def marked(job_id: str) -> list[int]:
    """The live processes that carry the marker of this job. Empty where there is no ``/proc``."""
    wanted = f"{MARKER}={job_id}".encode()
    found: list[int] = []
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and _start(int(entry.name)):
                found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    """Kill one process; one that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _start(pid: int) -> str | None:
    if not PROC.joinpath("self").exists():
        return _ps_start(pid)
    try:
        stat = (PROC / str(pid) / "stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if not fields or fields[0] in ("Z", "X") else fields[19]


@cache
def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def _ps_start(pid: int) -> str | None:
    state, start = _ps(pid, "stat"), _ps(pid, "lstart")
    return None if not start or state.startswith("Z") else "".join(c for c in start if c.isalnum())


def _ps(pid: int, column: str) -> str:
    done = subprocess.run(  # noqa: S603 -- fixed words and a number
        ["ps", "-o", f"{column}=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
