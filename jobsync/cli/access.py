"""``jobsync access``: who can read, write and share which run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.files import FilePath
from jobsync.cli.options import paths_argument, target_options
from jobsync.errors import ExitCode, SettingsError, worst

if TYPE_CHECKING:
    from jobsync.model import Address, Plan, Snapshot


@click.command("access")
@paths_argument
@target_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    help="Output format; --expect reads csv and json.",
)
@click.option("--changed", is_flag=True, help="Show only access that the manifests would change.")
@click.option(
    "--expect",
    type=FilePath(dir_okay=False),
    help="Compare with a saved csv or json matrix; exit 2 when access differs.",
)
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    format_name: str,
    changed: bool,
    expect: str | None,
) -> ExitCode:
    """Show what each user can really do with each run of a declared job: read, write, share.

    Runs of jobs that declare no permissions are shown too: jobsync changes nobody's access to them.

    Whoever can write can share further. A grant to world overrides all entries that sort after it.
    """
    from jobsync.cli import connect, pipeline
    from jobsync.observe import with_unmanaged_access
    from jobsync.plan import PlanOptions
    from jobsync.plan.access_matrix import matrix, unlisted
    from jobsync.render import access

    committed = _committed(Path(expect)) if expect else None
    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    with connect.reader(connect.ServicePlace(desired.root, chosen), os.environ) as reader:
        plan, seen = pipeline.decide(
            desired, chosen, reader, PlanOptions(only=frozenset({"jobs", "permissions"}))
        )
        if not changed:
            seen = with_unmanaged_access(desired, reader, seen)
    rows, unknown = matrix(desired, seen, plan), unlisted(desired, seen)
    code = _unread(seen)
    unseen = _unseen(plan)
    silent = {address for address, job in desired.jobs.items() if job.permissions is None}
    for line in access.kept(rows, silent):
        click.echo(line, err=True)
    if committed is not None:
        found = access.unexpected(
            rows, committed, desired.platform.permissions.levels, unknown, unseen
        )
        for difference in found:
            click.echo(difference)
        return worst([code, ExitCode.CHANGES if found else ExitCode.OK])
    shown = access.changed(rows) if changed else rows
    click.echo(access.FORMATS[format_name](shown, unknown), nl=False)
    return code


def _unread(seen: Snapshot) -> ExitCode:
    """Say which lists could not be read: the matrix has nothing on their runs."""
    from jobsync.model import Unavailable
    from jobsync.render.escape import terminal

    code = ExitCode.OK
    for run_id, answer in sorted(seen.access.items()):
        if isinstance(answer, Unavailable):
            reason = terminal(answer.reason)
            why = "are unknown" if seen.owner else "cannot be read"
            click.echo(f"permissions of run {run_id} {why}: {reason}", err=True)
            code = ExitCode.ERROR
    return code


def _unseen(plan: Plan) -> list[Address]:
    """The jobs of which no run is to be seen; says so for whoever may only look."""
    from jobsync.model import Standing
    from jobsync.render.escape import terminal
    from jobsync.render.viewing import view_lines

    if not plan.view:
        return []
    found = [state for state in plan.states if state.standing is Standing.NOT_VISIBLE]
    click.echo(terminal(view_lines(plan)[0]), err=True)
    for state in found:
        click.echo(terminal(f"{state.address}: {'; '.join(state.notes)}"), err=True)
    return [state.address for state in found]


def _committed(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path}: cannot be read: {error}",
            hint="make one with: jobsync access --format csv > FILE",
        ) from error
