"""The users of one service and ``users.json``: ``{name: token}``, mode 0600.

``serve`` alone writes the file, for the convenience of the one person who owns the machine account:
the service itself keeps only hashes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.atomic_files import replace_file_durably
from jobsync.errors import LocalServiceError
from jobsync.private_files import read_private_file

if TYPE_CHECKING:
    from jobsync.local.store.database import Store

FILE = "users.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""Names that are safe in every URL, column and folder (agave-v2 §5.3, §5.4)."""

_LIMIT = 1 << 20
_RESERVED = frozenset({"world"})


def ensure(
    store: Store, folder: Path, names: Iterable[str], *, renew: bool = False
) -> dict[str, str]:
    """Create the users of *names* that do not exist; returns the tokens of all users.

    With *renew*, every token is new, and older tokens are no longer valid. Raises
    :class:`LocalServiceError` for a name that cannot be used or a file that cannot be read.
    """
    # Every command on the target `local` asks what a user name is, and needs no service for that.
    from jobsync.local.api.agave.tokens import digest, new_secret

    wanted = list(names)
    path = folder / FILE
    known = read(path)
    for name in (*wanted, *known):
        check(name)
    kept = {} if renew else known
    tokens = {name: kept.get(name) or new_secret() for name in dict.fromkeys([*known, *wanted])}
    if tokens != known:
        _write(path, tokens)
    if renew:
        store.forget_tokens()
    for name, token in tokens.items():
        if store.token_hash(name) != digest(token):
            store.add_user(name, digest(token))
    return tokens


def check(name: str) -> None:
    """Raise :class:`LocalServiceError` for what cannot be the name of a user."""
    if not NAME.fullmatch(name) or name in _RESERVED:
        raise LocalServiceError(
            f"not a user name: {name!r}",
            hint="a to z, digits, _ and -, at most 32 characters; not world",
        )


def read(path: Path) -> dict[str, str]:
    """The users in *path*; none when there is no such file."""
    try:
        document = json.loads(read_private_file(path, _LIMIT))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LocalServiceError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise LocalServiceError(f"{path} is not an object of names and tokens")
    return {str(name): str(token) for name, token in document.items()}


def _write(path: Path, tokens: dict[str, str]) -> None:
    try:
        replace_file_durably(path, [f"{json.dumps(tokens, indent=2)}\n".encode()])
    except OSError as error:
        raise LocalServiceError(f"{path} cannot be written: {error.strerror}") from error
