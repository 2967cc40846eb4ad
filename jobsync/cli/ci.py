"""``jobsync ci``: what a CI job does around plan and apply: run them, comment, open an issue."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jobsync.cli.ci_run import command_of, start
from jobsync.cli.files import FilePath
from jobsync.cli.forges import forge_of, github_of, merged, reviewed, started_by
from jobsync.cli.options import paths_argument, target_option
from jobsync.cli.reporting import marker_for, marker_option
from jobsync.cli.suggesting import Suggesting
from jobsync.errors import ExitCode, SettingsError, Usage

RESULTS = click.Choice(["no-changes", "changes", "destroy", "failed"])


@click.group("ci", cls=Suggesting)
def command() -> None:
    """Steps of a CI job: run a command, keep one comment or issue up to date."""


@command.command("run")
def run() -> ExitCode:
    """Run the command that the inputs of the action describe (JOBSYNC_INPUTS)."""
    start(command_of(os.environ), os.environ)
    return ExitCode.OK


@command.command("comment")
@click.argument("file", type=FilePath(dir_okay=False))
@click.option(
    "--number", type=int, help="Number of the pull or merge request. Default: that of this run."
)
@click.option(
    "--label", metavar="PREFIX", default="", help="Also set a label that begins with this prefix."
)
@click.option(
    "--result", type=RESULTS, default="no-changes", help="The result that the label names."
)
def comment(file: str, number: int | None, label: str, result: str) -> ExitCode:
    """Write FILE as a comment, or replace the one with the same first line."""
    from jobsync.forge.comments import put

    text = _text(file)
    with forge_of(os.environ) as forge:
        started = started_by(os.environ)
        number = number or started or merged(forge, os.environ)
        if number is None:
            click.echo("This run belongs to no pull request, so nothing is written.", err=True)
            return ExitCode.OK
        # A run that somebody starts again must not replace the plan that was reviewed.
        if number == started and forge.is_merged(number):
            click.echo(f"{number} was merged: its comment stays as it was reviewed.", err=True)
            return ExitCode.OK
        was = put(forge, number, text)
        if label:
            forge.label(number, f"{label}:", f"{label}: {result}")
    click.echo(f"{'Replaced' if was else 'Wrote'} the comment on {number}.", err=True)
    return ExitCode.OK


@command.command("issue")
@click.argument("file", type=FilePath(dir_okay=False))
@click.option("--title", required=True, help="Title of the issue, when it is opened.")
@click.option(
    "--close", "is_closed", is_flag=True, help="Close the issue: everything is as declared again."
)
def issue(file: str, title: str, is_closed: bool) -> ExitCode:
    """Keep one issue with the text of FILE open, or close it."""
    from jobsync.forge.comments import find, fitted, marker_of

    text = _text(file)
    with github_of(os.environ) as forge:
        found = find(forge.issues(), marker_of(text))
        text = fitted(text, forge.limit)
        if is_closed:
            if found:
                forge.create(found.id, "Everything is as declared again.")
                forge.change_issue(found.id, state="closed", state_reason="completed")
                click.echo(f"Closed issue {found.id}.", err=True)
            return ExitCode.OK
        if found:
            forge.change_issue(found.id, body=text)
            click.echo(f"Issue {found.id} is up to date.", err=True)
        else:
            click.echo(f"Opened issue {forge.open_issue(title, text)}.", err=True)
    return ExitCode.OK


@command.command("digest")
@paths_argument
@target_option("The target to use.")
@marker_option
def digest(paths: tuple[str, ...], target: str | None) -> ExitCode:
    """Print the digest of the plan that was reviewed, or none.

    It is taken from the comment of this job's own user on the pull or merge request that this
    commit merged. Exit 3 when the commit is not the head of its branch any more.
    """
    with forge_of(os.environ) as forge:
        found = reviewed(forge, marker_for(paths, target), os.environ)
    click.echo(found or "none")
    return ExitCode.OK


def _text(file: str) -> str:
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{file}: cannot be read: {said}") from error
    if not text.strip():
        raise Usage(f"{file} is empty", hint="make it with: jobsync plan --format markdown")
    return text
