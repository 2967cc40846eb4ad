"""``plan --offline``: what the manifests declare, against another commit. Asks no service."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobsync.atomic_files import PRIVATE, replace_file
from jobsync.cli.sets import read_set
from jobsync.errors import ExitCode, ManifestError, Usage

if TYPE_CHECKING:
    from jobsync.cli.reporting import Reporting
    from jobsync.model import DesiredState
    from jobsync.render.declarations import Declarations

_NEEDS_A_SERVICE = (
    *("out", "select", "exclude", "only", "outputs", "retry", "retry_failed", "prune"),
    *("stop_superseded", "allow", "policy"),
)


def show_declarations(
    told: Reporting,
    paths: Sequence[str],
    target: str | None,
    variables: Mapping[str, str],
    format_name: str,
    base: str | None,
    flags: Mapping[str, Any],
) -> ExitCode:
    """Print what the manifests at *paths* declare otherwise than those of the commit *base*.

    Returns 2 when that is anything. Raises :class:`Usage` for a flag that needs a service.
    """
    from jobsync.render import RenderOptions
    from jobsync.render import declarations as rendering

    if given := [name for name in _NEEDS_A_SERVICE if flags.get(name)]:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise Usage(f"{names} needs a service, so it cannot be used with --offline")
    desired = read_set(paths, target, variables, os.environ)
    told.knows(desired)
    said = _declarations(desired, target, variables, base)
    page = rendering.as_markdown(said, RenderOptions(marker=told.marker))
    told.declares(page, said.changes)
    if format_name == "text":
        click.echo(rendering.text(said), nl=False)
    else:
        click.echo(rendering.as_json(said) if format_name == "json" else page, nl=False)
    return ExitCode.CHANGES if said.changes else ExitCode.OK


def _declarations(
    desired: DesiredState, target: str | None, variables: Mapping[str, str], base: str | None
) -> Declarations:
    from jobsync.plan.declarations import compare
    from jobsync.render.declarations import Declarations

    before, warning = None, ""
    if base is not None:
        try:
            before = _set_at(desired.root, base, target, variables)
        except ManifestError as error:
            first = error.problems[0]
            warning = f"{base} has no set that can be read, so all jobs count as added: {first}"
    changes = compare(before, desired)
    return Declarations(desired.project, base or "", len(desired.jobs), changes, warning)


def _set_at(
    root: str, ref: str, target: str | None, variables: Mapping[str, str]
) -> DesiredState | None:
    """The set at *root* as the commit *ref* has it; None when that has no file there."""
    from jobsync.git import contents, files_at
    from jobsync.structs import replace

    blobs = files_at(root, ref, os.environ)
    if not blobs:
        return None
    with tempfile.TemporaryDirectory(prefix="jobsync-") as folder:
        for blob, data in contents(root, blobs, os.environ):
            path = Path(folder) / blob.path
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [data], mode=0o700 if blob.is_executable else PRIVATE)
        state = read_set((folder,), target, variables, os.environ)
    # Places below a folder that is gone now would mislead.
    jobs = {a: replace(job, where=None, places={}) for a, job in state.jobs.items()}
    return replace(state, jobs=jobs)
