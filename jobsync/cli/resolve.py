"""``jobsync resolve ADDRESS``: settle a submit whose outcome is unknown."""

from __future__ import annotations

import os

import click

from jobsync.cli.options import manifests_option, target_options
from jobsync.errors import Usage


@click.command("resolve")
@click.argument("address")
@manifests_option
@target_options
@click.option("--submitted", metavar="JOB_ID", help="It was submitted: this is the job.")
@click.option(
    "--not-submitted", is_flag=True, help="It was not, and will not arrive: it may be sent again."
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
    from jobsync.cli import connect, line
    from jobsync.observe import service_name

    if bool(submitted) == not_submitted:
        raise Usage("say either --submitted JOB_ID or --not-submitted")
    desired, chosen = line.load(paths, target, variables, os.environ)
    place = connect.Place(desired.root, chosen)
    verdict = Submitted(submitted) if submitted else NotSubmitted()
    with connect.reader(place, os.environ) as reader:
        binding = Binding(service_name(chosen), reader.whoami(), desired.project)
        folder = line.state_dir(place, os.environ)
        entry = resolve(address, verdict, reader, folder, binding)
    click.echo(f"{entry.name}: {entry.state}")
