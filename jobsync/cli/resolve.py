"""``jobsync resolve ADDRESS``: settle a submit whose outcome is unknown."""

from __future__ import annotations

import os
import sys

import click

from jobsync.cli import completing
from jobsync.cli.options import manifests_option, target_options
from jobsync.errors import Blocked, Usage


@click.command("resolve")
@click.argument("address", shell_complete=completing.addresses)
@manifests_option
@target_options
@click.option("--submitted", metavar="JOB_ID", help="It was submitted: this is its job.")
@click.option(
    "--not-submitted",
    is_flag=True,
    help="It was not submitted and cannot arrive later: jobsync may send it again.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --not-submitted: also within 15 minutes of the claim. Asks for confirmation.",
)
def command(
    address: str,
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    submitted: str | None,
    not_submitted: bool,
    force: bool,
) -> None:
    """Settle a submit of ADDRESS whose outcome is unknown (exit code 6), after looking yourself.

    ADDRESS may be an exact run name or, with --not-submitted, a glob. With a shared journal this
    works in any clone.
    """
    from jobsync.apply import Binding, NotSubmitted, Submitted, resolve_submits
    from jobsync.cli import connect, pipeline, shared_journal
    from jobsync.observe import service_name

    if bool(submitted) == not_submitted:
        raise Usage("pass either --submitted JOB_ID or --not-submitted")
    if force and submitted:
        raise Usage("--force goes with --not-submitted")
    desired, chosen = pipeline.load(paths, target, variables, os.environ)
    place = connect.ServicePlace(desired.root, chosen)
    verdict = Submitted(submitted) if submitted else NotSubmitted()
    with connect.reader(place, os.environ) as reader:
        connect.refuse_others(reader, chosen)
        folder, user = pipeline.state_dir(place, os.environ), reader.whoami()
        # A run may have been submitted under a former project, whose journal is another one.
        mark = desired.platform.read_mark(address)
        former = shared_journal.former_projects(desired)
        project = mark.project if mark and mark.project in former else desired.project
        binding = Binding(service_name(chosen), user, project, desired.platform.journal_mark)
        if force:
            _confirm(address)
        with shared_journal.opened(desired, place, folder, binding, reader, os.environ) as shared:
            settled = resolve_submits(
                address, verdict, reader, folder, binding, shared=shared, is_certain=force
            )
    for entry in settled:
        click.echo(f"{entry.name}: {entry.state}")


def _confirm(address: str) -> None:
    if not sys.stdin.isatty():
        raise Blocked("there is no terminal to confirm --force on, so nothing was settled")
    question = f"Has every process that may send {address} ended? Only 'yes' will be accepted"
    if click.prompt(question, default="no", err=True) != "yes":
        raise Blocked("not confirmed, so nothing was settled")
