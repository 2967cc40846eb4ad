"""``--policy``: rules of a team or a site that a plan has to keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobsync.cli.files import FilePath
from jobsync.errors import Location, SettingsError

if TYPE_CHECKING:
    from jobsync.model import Plan
    from jobsync.render.reports import Finding

F = TypeVar("F", bound="Callable[..., Any]")


def policy_option(command: F) -> F:
    """Files of rules; what breaks one ends the command with 4."""
    return click.option(
        "--policy",
        "policies",
        multiple=True,
        type=FilePath(dir_okay=False),
        help="A JSON Schema that the plan's JSON must satisfy, otherwise exit 4; may be repeated.",
    )(command)


def broken_by(plan: Plan, files: Sequence[str]) -> tuple[Finding, ...]:
    """What *plan* breaks of the policies in *files*, with places that this folder can open.

    Raises :class:`SettingsError` for a file that cannot be read, or is no policy.
    """
    if not files:
        return ()
    from jobsync.render.policy import broken
    from jobsync.structs import replace

    texts = {}
    for file in files:
        try:
            texts[file] = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SettingsError(f"{file}: cannot be read: {said}") from error
    here = os.path.relpath(plan.root)
    return tuple(
        replace(one, where=_moved(one.where, here)) if one.where else one
        for one in broken(plan, texts)
    )


def _moved(where: Location, folder: str) -> Location:
    path = os.path.normpath(Path(folder) / where.path)
    return Location(path, where.line, where.column, where.path)
