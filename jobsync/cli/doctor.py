"""``jobsync doctor``: check what a command needs before it can work, and say what to do."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import format_option, manifests_option, target_options
from jobsync.errors import ExitCode, worst

if TYPE_CHECKING:
    from jobsync.cli.findings import Finding


@click.command("doctor")
@manifests_option
@target_options
@format_option
def command(
    paths: tuple[str, ...], target: str | None, variables: dict[str, str], format_name: str
) -> ExitCode:
    """Check settings, folders, credentials, service, clock, journal and lock.

    Each line is ok, a note or a problem, with what to do next. Only reads: nothing is changed, here
    or on the service. The exit code is that of the worst problem.
    """
    from jobsync.cli.findings import findings
    from jobsync.render.escape import in_json

    found: list[Finding] = []
    for finding in findings(paths, target, variables, os.environ):
        found.append(finding)
        if format_name == "text":
            _print(finding)
    if format_name == "json":
        document = [{**one.document, "level": one.level} for one in found]
        click.echo(in_json(json.dumps({"format_version": "1.0", "findings": document}, indent=2)))
    else:
        click.echo(f"\n{_summary(found)}")
    return worst(one.code for one in found)


def _print(finding: Finding) -> None:
    from jobsync.render.escape import terminal

    said = [terminal(line) for line in finding.said.splitlines()]
    click.echo(f"{finding.level:<8} {finding.what:<12} {said[0]}")
    for line in said[1:]:
        click.echo(f"{'':<22}{line}")
    for line in finding.next.splitlines():
        click.echo(f"{'':<22}-> {terminal(line)}")


def _summary(found: list[Finding]) -> str:
    from jobsync.render.values import counted

    levels = Counter(one.level for one in found)
    notes = f", {counted(levels['note'], 'note')}" if levels["note"] else ""
    if problems := levels["problem"]:
        return f"{counted(problems, 'problem')}{notes}."
    return f"No problem found{notes}."
