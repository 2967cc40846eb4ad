"""``jobsync outputs check-lock``: lock files as a hook looks at them before a commit."""

from __future__ import annotations

import os

import click

from jobsync.cli.files import FilePath
from jobsync.errors import ExitCode, Location, ManifestError, Problem

_UNION = "union"


@click.command("check-lock")
@click.argument("files", nargs=-1, required=True, type=FilePath(dir_okay=False))
def check_lock(files: tuple[str, ...]) -> ExitCode:
    """Check that each lock file can be read, and that git merges it line by line.

    Reports the place of every damaged line.
    """
    problems: list[Problem] = []
    for file in files:
        problems += _problems(file)
    if problems:
        raise ManifestError(problems)
    return ExitCode.OK


def _problems(file: str) -> list[Problem]:
    from jobsync.git import attribute
    from jobsync.given_files import read_given
    from jobsync.lock_format import LARGEST, parse

    where = Location(file, 1, 1)
    try:
        parse(read_given(file, LARGEST), file)
    except ManifestError as error:
        return [*error.problems]
    except OSError as error:
        return [Problem(where, f"cannot be read: {error.strerror}")]
    if attribute(file, "merge", os.environ) in (_UNION, None):
        return []
    hint = "add this line to .gitattributes: jobsync.lock merge=union"
    return [Problem(where, "git does not merge this file by union, so branches conflict", hint)]
