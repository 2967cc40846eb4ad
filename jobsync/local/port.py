"""``serve`` comes back on the port that it had: its URL names the service in plans and journals."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from jobsync.atomic_files import replace_file
from jobsync.private_files import read_private_file

NAME = "port"
_PORTS = range(1024, 65536)
"""What a free one may be; the file is not believed in anything else."""


def last_port(state: Path) -> int:
    """The port that the service of *state* had when it ran last, 0 where that is not known."""
    with suppress(OSError, ValueError):
        found = int(read_private_file(state / NAME, 16))
        return found if found in _PORTS else 0
    return 0


def keep_port(state: Path, port: int) -> None:
    """Have the next ``serve`` on *state* try *port* first. Where that fails, it takes another."""
    with suppress(OSError):
        replace_file(state / NAME, [f"{port}\n".encode()])


def can_listen(host: str, port: int) -> bool:
    """Whether nobody else listens on *port* now."""
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True
