"""Whose the state folder of the local service is, and what to ask where that is not known."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.errors import SettingsError

if TYPE_CHECKING:
    from jobsync.local.tie import Owner

_KEY = "state-key"
_SHORTEST, _LONGEST = 16, 4096


def owner(environ: Mapping[str, str]) -> Owner:
    """The user of this machine as the owner of state folders.

    The key is ``JOBSYNC_STATE_KEY``, or a file of the account, made when it is first needed.
    Raises :class:`SettingsError` for a key that is too short, and for a file that cannot be used.
    """
    from jobsync import git
    from jobsync.local.tie import Owner

    given = environ.get("JOBSYNC_STATE_KEY", "")
    if given and len(given) < _SHORTEST:
        raise SettingsError(
            f"JOBSYNC_STATE_KEY is shorter than {_SHORTEST} characters",
            hint="make one with: openssl rand -hex 32",
        )
    text = given.encode("utf-8", "surrogateescape") if given else _kept_key()
    key = hashlib.sha256(text).digest()
    return Owner(key, lambda folder: git.tracks(str(folder), environ))


def _kept_key() -> bytes:
    from platformdirs import user_state_path

    from jobsync.atomic_files import create_file
    from jobsync.private_files import open_private_folder, read_private_file

    path = user_state_path("jobsync", appauthor=False) / _KEY
    try:
        folder = open_private_folder(path.parent)
        try:
            with suppress(FileExistsError):
                create_file(_KEY, [f"{secrets.token_hex(32)}\n".encode()], folder=folder)
            key = read_private_file(_KEY, _LONGEST, folder=folder).strip()
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingsError(
            f"{path}: the key of your state folders cannot be used: {error.strerror}",
            hint="set JOBSYNC_STATE_KEY to a text of your own, made with: openssl rand -hex 32",
        ) from error
    if len(key) < _SHORTEST:
        raise SettingsError(f"{path} is not a key of state folders", hint=f"rm {path}")
    return key


def open_state(folder: Path, whose: Owner) -> None:
    """See that *folder* may be used for state; ask on a terminal whether to adopt one that is not.

    Raises :class:`~jobsync.local.state.NotTied` where there is no terminal or no "yes".
    """
    from jobsync.local.state import NotTied, adopt, prepare
    from jobsync.local.store.counting import look
    from jobsync.render.escape import terminal

    try:
        prepare(folder, whose)
    except NotTied:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        click.echo(
            f"{terminal(str(folder))} has {look(folder)}, made by an earlier "
            "version of jobsync or by somebody else.",
            err=True,
        )
        asked = "Use it? Jobs that have not finished wait for a confirmed apply."
        asked = f"{asked} Only 'yes' will be accepted"
        if click.prompt(asked, default="no", err=True) != "yes":
            raise
        adopt(folder, whose)
