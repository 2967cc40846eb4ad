"""A renewed pair of tokens into the files where other clients look for it.

A file is replaced whole or not at all, keeps its shape and its types, and is its owner's alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from jobsync.atomic_files import check_replaceable, replace_file_durably
from jobsync.errors import SettingsError
from jobsync.model import JsonValue
from jobsync.secret import Secret
from jobsync.structs import Struct


class Old(Struct, frozen=True):
    """The pair that is being replaced."""

    token: Secret
    refresh: Secret


class Fresh(Struct, frozen=True):
    """The pair that replaces it. ``expires_in`` in seconds, ``now`` seconds since 1970."""

    token: Secret
    refresh: Secret
    expires_in: int
    now: int


def rotate(value: JsonValue, old: Old, fresh: Fresh | None) -> bool:
    """Replace the old pair in every object that holds it; returns whether there was one."""
    if isinstance(value, list):
        return _rotate_all(value, old, fresh)
    if not isinstance(value, dict):
        return False
    found = _rotate_all(value.values(), old, fresh)
    key, secret = ("refresh_token", old.refresh) if old.refresh else ("access_token", old.token)
    held = value.get(key)
    if not secret or not isinstance(held, str) or Secret(held) != secret:
        return found
    if fresh is not None:
        _renew(value, fresh)
    return True


def _rotate_all(values: Iterable[JsonValue], old: Old, fresh: Fresh | None) -> bool:
    found = [rotate(item, old, fresh) for item in values]  # all of them, not up to the first
    return any(found)


def _renew(context: dict[str, JsonValue], fresh: Fresh) -> None:
    """Write the new pair in the types that the file has: some clients keep numbers as text."""
    context["token" if "api_server" in context else "access_token"] = fresh.token.reveal()
    context["refresh_token"] = fresh.refresh.reveal()
    numbers = {"created_at": fresh.now, "expires_in": fresh.expires_in}
    for key, number in numbers.items():
        if key in context:
            context[key] = str(number) if isinstance(context[key], str) else number
    if "expires_at" in context:
        context["expires_at"] = time.ctime(fresh.now + fresh.expires_in)


def check_writable(path: Path) -> None:
    """Raise when :func:`write` could not create a file."""
    try:
        check_replaceable(path.resolve())
    except OSError as error:
        raise cannot_keep(path.parent, error) from error


def write(path: Path, content: bytes) -> None:
    """Replace *path* whole or not at all. A link stays a link: its target is replaced."""
    try:
        replace_file_durably(path.resolve(), [content])
    except OSError as error:
        raise cannot_keep(path.parent, error) from error


def cannot_keep(place: Path, error: OSError) -> SettingsError:
    """The error for a renewed token that cannot be saved in *place*."""
    return SettingsError(
        f"cannot save a renewed token in {place}: {error.strerror}",
        hint="make the folder writable, or set TAPIS_BASE_URL and TAPIS_TOKEN",
    )
