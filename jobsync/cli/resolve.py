"""``jobsync resolve ADDRESS``: settle a submit whose outcome is unknown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import manifests_option, target_options
from jobsync.errors import Usage
from jobsync.plan.history import former_names

if TYPE_CHECKING:
    from jobsync.model import DesiredState


@click.command("resolve")
@click.argument("address")
@manifests_option
@target_options
@click.option("--submitted", metavar="JOB_ID", help="It was submitted: this is the job.")
@click.option(
    "--not-submitted",
    is_flag=True,
    help="It was not submitted and cannot arrive later: jobsync may send it again.",
)
def command(
    address: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    submitted: str | None,
    not_submitted: bool,
) -> None:
    """Settle a submit of ADDRESS whose outcome is unknown (exit code 6), after looking yourself."""
    from jobsync.apply import Binding, NotSubmitted, Submitted, resolve
    from jobsync.cli import connect, pipeline
    from jobsync.observe import service_name

    if bool(submitted) == not_submitted:
        raise Usage("pass either --submitted JOB_ID or --not-submitted")
    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    place = connect.Place(desired.root, chosen)
    verdict = Submitted(submitted) if submitted else NotSubmitted()
    with connect.reader(place, os.environ) as reader:
        folder, user = pipeline.state_dir(place, os.environ), reader.whoami()
        # A run may have been submitted under a former project, whose journal is another one.
        mark = desired.platform.read_mark(address)
        project = mark.project if mark and mark.project in _projects(desired) else desired.project
        binding = Binding(service_name(chosen), user, project)
        entry = resolve(address, verdict, reader, folder, binding)
    click.echo(f"{entry.name}: {entry.state}")


def _projects(desired: DesiredState) -> frozenset[str]:
    former = (former_names(desired.project, job) for job in desired.jobs.values())
    return frozenset(project for pairs in former for project, _ in pairs)
