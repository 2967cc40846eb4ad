"""``jobsync outputs verify``: check the fetched files against ``jobsync.lock``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import format_option, manifests_option
from jobsync.cli.sets import read_set
from jobsync.errors import ExitCode

if TYPE_CHECKING:
    from jobsync.outputs.verify import Verified


@click.command("verify")
@manifests_option
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=2,
    metavar="N",
    help="Number of files read in parallel.",
)
@format_option
def verify(paths: tuple[str, ...], jobs: int, format_name: str) -> ExitCode:
    """Check the fetched files against jobsync.lock; exit 2 if any differ."""
    from jobsync.outputs import lockfile
    from jobsync.outputs import verify as verifying
    from jobsync.plan.history import former_names
    from jobsync.render.escape import in_json

    desired = read_set(paths, None, {}, os.environ)
    lock = lockfile.load_lockfile(desired.root, desired.outputs_root)
    former = {
        address: job
        for job in desired.jobs.values()
        for _, address in former_names(desired.project, job)
    }
    known = {**former, **desired.jobs}
    found = verifying.verify_outputs(lock, known, desired.outputs_root, threads=jobs)
    if format_name == "json":
        click.echo(in_json(json.dumps(_verified_document(found), indent=2)))
    else:
        _print_verified(found)
    return ExitCode.OK if found.is_clean else ExitCode.CHANGES


def _print_verified(found: Verified) -> None:
    from jobsync.render.escape import terminal

    for file in found.missing:
        click.echo(f"missing  {terminal(file.to)}  (of {file.address}; apply fetches it again)")
    for file, how in found.changed:
        click.echo(f"changed  {terminal(file.to)}  (of {file.address}; {terminal(how)})")
    for path, why in found.extra:
        click.echo(f"extra    {terminal(path)}  ({terminal(why)})")
    click.echo(
        f"{found.intact} intact, {len(found.missing)} missing, {len(found.changed)} changed, "
        f"{len(found.extra)} extra.",
        err=True,
    )


def _verified_document(found: Verified) -> dict[str, object]:
    return {
        "intact": found.intact,
        "missing": [{"address": f.address, "to": f.to, "path": f.path} for f in found.missing],
        "changed": [
            {"address": f.address, "to": f.to, "path": f.path, "how": how}
            for f, how in found.changed
        ],
        "extra": [{"to": path, "why": why} for path, why in found.extra],
    }
