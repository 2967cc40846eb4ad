"""The state folder of a service: made, private, kept out of git, and never a folder of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from shlex import quote

from jobsync.atomic_files import create_file
from jobsync.errors import Blocked, LocalServiceError
from jobsync.local.store.counting import Contents, look
from jobsync.local.tie import Owner, is_tied, tie
from jobsync.locks import LockTaken, file_lock
from jobsync.private_files import NotPrivate, open_private_folder

NAME = ".jobsync"
_STARTING = "starting.lock"
_PATIENCE = 60.0
_OURS = frozenset({"jobs.db", "users.json", "systems.yaml", "systems.json", "serve.lock"})
"""What a folder is known by as one of ours."""

_FIRST = frozenset(
    {".gitignore", "starting.lock", "service.lock", "owner.json", "port", "commands"}
)
"""What means nothing, as another process leaves it that makes a folder one of ours just now."""


class NotTied(Blocked):
    """The folder holds state that this user has neither made nor adopted; it was left untouched."""


def prepare(folder: Path, owner: Owner | None = None) -> None:
    """Make the state folder, readable by its owner only, and keep it out of git.

    With *owner*, one that holds anything has to be tied to that user. Raises :class:`NotTied`, and
    :class:`LocalServiceError` for one that cannot be made, that others can write, that git tracks,
    and for a folder with somebody else's files: it would be closed to others and hidden from git,
    a home or a project included.
    """
    with _opened(folder, open_private_folder) as (handle, names):
        if owner is not None and not _is_tied(folder, handle, names, owner):
            tie(handle, owner)
        os.chmod(handle, 0o700)  # noqa: PTH101 -- an open folder has no path
        with suppress(FileExistsError):
            create_file(".gitignore", [b"*\n"], folder=handle)


def check(folder: Path, owner: Owner) -> Contents:
    """What is in the state folder of *owner*; nothing is made or changed. Raises as above."""
    with _opened(folder, partial(open_private_folder, make=False)) as (handle, names):
        _is_tied(folder, handle, names, owner)
        return look(folder)


@contextmanager
def _opened(folder: Path, open_: Callable[[Path], int]) -> Iterator[tuple[int, frozenset[str]]]:
    """The open *folder* and the names in it."""
    try:
        handle = open_(folder)
        try:
            names = frozenset(os.listdir(handle))  # noqa: PTH208 -- an open folder has no path
            _refuse_strange(folder, names)
            yield handle, names
        finally:
            os.close(handle)
    except OSError as error:
        hint = "the local service needs a folder there that only this account can write to"
        if folder.is_symlink():
            there, real = quote(str(folder)), quote(str(_real(folder)))
            hint = f"have the folder itself there: rm {there} && mv {real} {there}"
        elif isinstance(error, NotPrivate) and folder.stat().st_uid == os.geteuid():
            hint = f"if it is yours: chmod go-w {quote(str(folder))}"
        raise LocalServiceError(
            f"cannot use {folder} for state: {error.strerror}", hint=hint
        ) from error


def adopt(folder: Path, owner: Owner) -> Contents:
    """Take over a state folder that is not tied; no job in it starts before an apply is confirmed.

    Raises :class:`LocalServiceError` for one that others can write, that has links in it, or that
    git tracks, which comes with a checkout.
    """
    try:
        handle = open_private_folder(folder, make=False)
        try:
            names = frozenset(os.listdir(handle))  # noqa: PTH208 -- an open folder has no path
            _refuse_strange(folder, names)
            _refuse_tracked(folder, owner)
            for entry in sorted(names):
                if os.path.islink(folder / entry):  # noqa: PTH114 -- of what the handle listed
                    raise LocalServiceError(
                        f"{folder / entry} is a symbolic link, so {folder} is not adopted",
                        hint=f"look where it leads, then: rm {quote(str(folder / entry))}",
                    )
            found = look(folder)
            if not is_tied(handle, owner):
                tie(handle, owner, hold=found.open)
            return found
        finally:
            os.close(handle)
    except OSError as error:
        raise LocalServiceError(f"cannot adopt {folder}: {error.strerror}") from error


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Hold *folder* while a service starts, so that services start one after the other.

    Raises :class:`LocalServiceError`.
    """
    path = folder / _STARTING
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(path, _PATIENCE))
        except LockTaken as error:
            raise LocalServiceError(
                f"timed out waiting for another process to release {folder}"
            ) from error
        except OSError as error:
            raise LocalServiceError(
                f"{path}: cannot be locked ({error.strerror or error})",
                hint="the local service keeps its jobs beside the manifests: have both on a disk "
                "of this machine",
            ) from error
        yield


def _refuse_strange(folder: Path, names: frozenset[str]) -> None:
    if not (folder.name == NAME or names & _OURS or names <= _FIRST):
        raise LocalServiceError(
            f"{folder} cannot be used for state: it holds other files",
            hint="give the service a folder of its own",
        )


def _is_tied(folder: Path, handle: int, names: frozenset[str], owner: Owner) -> bool:
    """Whether the folder is tied to *owner*; False for one that nobody has used yet.

    Raises for one of somebody else.
    """
    tied = is_tied(handle, owner)
    if not tied and names <= _FIRST:
        return False
    _refuse_tracked(folder, owner)
    if not tied:
        raise NotTied(
            f"{folder} was made by an earlier version of jobsync or by somebody else, so nothing in"
            " it is used",
            hint=f"if it is yours: jobsync serve --state {quote(str(folder))} --adopt-state; "
            "if not, move it away",
        )
    return True


def _refuse_tracked(folder: Path, owner: Owner) -> None:
    if owner.tracked(folder):
        raise Blocked(
            f"git tracks files in {folder}, so they come from whoever commits to the repository: "
            "nothing in it is used",
            hint=f"move it away, or if it is yours: git rm -r --cached {quote(str(folder))}",
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
