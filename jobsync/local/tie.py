"""What ties a state folder to its user: an id in the folder, and an HMAC of it with the user's key.

The key lies outside every folder that could come with a checkout. There is no path, host or inode
in it, so a state folder may be moved, copied and used from several machines that share a home.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from jobsync.atomic_files import create_file
from jobsync.errors import LocalServiceError
from jobsync.private_files import open_private_folder, read_private_file
from jobsync.structs import Struct

FILE = "owner.json"
HELD = "held.json"
"""The ids of jobs that had not ended when the folder was adopted: none of them starts."""

_LIMIT = 4096
_LONGEST = 1 << 28


class Owner(Struct, frozen=True):
    """The user of a state folder: its key, and what tells whether git tracks a folder's files."""

    key: bytes
    tracked: Callable[[Path], bool]


def is_tied(folder: int, owner: Owner) -> bool:
    """Whether the open *folder* says that it was made or adopted by *owner*."""
    try:
        said = json.loads(read_private_file(FILE, _LIMIT, folder=folder))
        return hmac.compare_digest(_mark(str(said["id"]), owner.key), str(said["hmac"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def tie(folder: int, owner: Owner, *, hold: Collection[str] = ()) -> None:
    """Tie the open *folder* to *owner*. The jobs *hold* in it do not start before they are
    released."""
    with suppress(FileNotFoundError):
        os.unlink(HELD, dir_fd=folder)
    if hold:
        create_file(HELD, [json.dumps(sorted(hold)).encode()], folder=folder)
    with suppress(FileNotFoundError):
        os.unlink(FILE, dir_fd=folder)
    number = secrets.token_hex(16)
    text = json.dumps({"id": number, "hmac": _mark(number, owner.key)})
    with suppress(FileExistsError):  # another command has just done the same
        create_file(FILE, [f"{text}\n".encode()], folder=folder)


def held(state: Path) -> frozenset[str]:
    """The jobs in the folder *state* that wait for an apply to be confirmed.

    Raises :class:`LocalServiceError` when that cannot be read.
    """
    try:
        return frozenset(map(str, json.loads(read_private_file(state / HELD, _LONGEST))))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError) as error:
        raise LocalServiceError(
            f"{state / HELD} cannot be read: {error}",
            hint="adopt the folder again: "
            f"rm {state / FILE}; jobsync serve --state {state} --adopt-state",
        ) from error


def release(state: Path) -> None:
    """Let all held jobs start, once a person has confirmed an apply."""
    folder = open_private_folder(state, make=False)
    try:
        with suppress(FileNotFoundError):
            os.unlink(HELD, dir_fd=folder)
    finally:
        os.close(folder)


def _mark(number: str, key: bytes) -> str:
    return hmac.new(key, f"jobsync state {number}".encode(), hashlib.sha256).hexdigest()
