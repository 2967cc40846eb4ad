"""One apply per project and target at a time on this machine.

The lock is the kernel's, so it is free again however its holder ends. The file beside it only says
who holds it.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from jobsync.apply.clock import Clock
from jobsync.apply.journal import file_stem
from jobsync.apply.journal_entry import Binding
from jobsync.atomic_files import replace_file
from jobsync.errors import Blocked, JobsyncError
from jobsync.locks import LockTaken, file_lock
from jobsync.private_files import open_private_folder
from jobsync.structs import Struct, asdict

_LOOKS, _LOOK_AGAIN = 20, 0.05
"""How often, and after how many seconds, a name that is not there yet is looked for again."""


class Holder(Struct, frozen=True):
    """Who holds a lock. ``since`` is in UTC, to the second."""

    user: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host}, process {self.pid}, since {self.since}"


@contextmanager
def apply_lock(state_dir: Path, binding: Binding, clock: Clock) -> Iterator[Holder]:
    """Hold the lock of *binding*. Raises :class:`Blocked` at once when another process has it."""
    folder = state_dir / "locks"
    path = folder / f"{file_stem(binding)}.lock"
    with ExitStack() as stack:
        try:
            os.close(open_private_folder(folder))
            stack.enter_context(file_lock(path))
        except LockTaken as error:
            raise _taken(path, binding, clock) from error
        except OSError as error:
            raise JobsyncError(
                f"{path}: cannot be locked ({error.strerror or error}), so nothing is sent",
                hint="set JOBSYNC_STATE_DIR to a writable folder of yours, on a disk of "
                "this machine",
            ) from error
        holder = _me(clock)
        _write(_holder_path(path), holder)
        try:
            yield holder
        finally:
            # Gone before the lock is, so that nobody is told of a holder that has ended.
            with suppress(OSError):
                _holder_path(path).unlink(missing_ok=True)


def lock_holder(state_dir: Path, binding: Binding) -> Holder | None:
    """Who holds the lock of *binding*, as far as is known; it is neither taken nor made."""
    holder = _read(_holder_path(state_dir / "locks" / f"{file_stem(binding)}.lock"))
    return holder if holder is not None and _may_live(holder) else None


def _taken(path: Path, binding: Binding, clock: Clock) -> Blocked:
    """Who has it. A holder takes a moment to write its name, and one that was killed leaves it."""
    for _ in range(_LOOKS):
        holder = _read(_holder_path(path))
        if holder is not None and _may_live(holder):
            break
        clock.sleep(_LOOK_AGAIN)
    who = f"{holder}" if holder else "an unknown process"
    return Blocked(
        f"another apply of {binding.project} on {binding.service} is running: {who}",
        hint="wait until it ends: its lock ends with it",
    )


def _may_live(holder: Holder) -> bool:
    """Whether it is not known to have ended; of another machine nothing is known."""
    if holder.host != socket.gethostname():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's process
        return True
    return True


def _holder_path(path: Path) -> Path:
    return path.with_suffix(".holder")


def _me(clock: Clock) -> Holder:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number without a name
        user = str(os.getuid())
    since = datetime.fromtimestamp(clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Holder(user, socket.gethostname(), os.getpid(), since)


def _write(path: Path, holder: Holder) -> None:
    """Advice for people: whether it could be written changes nothing."""
    with suppress(OSError):
        replace_file(path, [json.dumps(asdict(holder)).encode()])


def _read(path: Path) -> Holder | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return Holder(
            str(facts["user"]), str(facts["host"]), int(facts["pid"]), str(facts["since"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
