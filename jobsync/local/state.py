"""The state folder of a service: made, private, kept out of git, and never a folder of others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from jobsync.errors import LocalServiceError

NAME = ".jobsync"
_OURS = frozenset({"jobs.db", "users.json", "systems.yaml", "systems.json", "serve.lock"})
"""What a folder is known by as one of ours."""

_FIRST = frozenset({".gitignore", "starting.lock", "service.lock"})
"""What a folder holds that another process makes one of ours at this instant."""


def prepare(folder: Path) -> None:
    """Make the state folder, readable by its owner only, and keep it out of git.

    Raises :class:`LocalServiceError` for one that cannot be made, and for a folder with somebody
    else's files: it would be closed to others and hidden from git, a home or a project included.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_strange(folder)
        folder.chmod(0o700)
        with suppress(FileExistsError), (folder / ".gitignore").open("x", encoding="utf-8") as file:
            file.write("*\n")
    except OSError as error:
        raise LocalServiceError(
            f"cannot use {folder} for state: {error.strerror}",
            hint="the local service needs a folder there that this account can write to",
        ) from error


def _refuse_strange(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()}
    named_ours = NAME in (folder.name, folder.resolve().name)
    if not (named_ours or names & _OURS or names <= _FIRST):
        raise LocalServiceError(
            f"refusing to use {folder} for state: it holds other files",
            hint="give the service a folder of its own",
        )


def refuse_overlap(state: Path, workspace: Path, archive: Path, works: Iterable[Path]) -> None:
    """Raise :class:`LocalServiceError` when one folder would have to serve two purposes."""
    if _real(workspace) == _real(state):
        raise LocalServiceError(
            f"{workspace} cannot be both the workspace and the state of a service",
            hint="the workspace is the folder with the manifests; leave --state out",
        )
    for work in works:
        if _real(work) == _real(workspace) or _overlap(work, archive):
            raise LocalServiceError(
                f"jobs cannot run in {work}: it is the workspace or overlaps the archive",
                hint="give the system a workFolder of its own",
            )


def _overlap(one: Path, other: Path) -> bool:
    return _real(one).is_relative_to(_real(other)) or _real(other).is_relative_to(_real(one))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
