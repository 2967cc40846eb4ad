"""``jobsync validate``: check manifests without asking a service, or with ``--online`` its apps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from jobsync.cli.options import format_option, paths_argument, target_options
from jobsync.cli.reporting import all_option, report_option, reporting
from jobsync.cli.sets import read_each
from jobsync.errors import ExitCode, ManifestError

if TYPE_CHECKING:
    from jobsync.model import DesiredState


@click.command("validate")
@paths_argument
@target_options
@click.option("--online", is_flag=True, help="Also check against the apps on the target.")
@all_option
@report_option
@format_option
def command(
    paths: tuple[str, ...],
    target: str | None,
    variables: dict[str, str],
    online: bool,
    every: bool,
    format_name: str,
) -> ExitCode:
    """Check manifests and report all problems."""
    from jobsync.cli.source_lines import listed
    from jobsync.render.failure import validated

    def one(paths: tuple[str, ...]) -> ExitCode:
        try:
            states = read_each(paths, target, variables, os.environ)
            told.knows(states[0])
            checked = _check_online(states[0], target) if online else ""
            for desired in states if not online else ():
                _check_on_disk(desired, target)
        except ManifestError as error:
            for line in listed(error.problems):
                click.echo(line, err=True)
            _say(str(error).splitlines()[-1])
            return told.failed(error)
        if format_name == "json":
            click.echo(validated(states, (), paths), nl=False)
        else:
            _say_what_is_valid(states, checked)
        return told.ended(ExitCode.OK)

    with reporting("validate", paths, target, format_name) as told:
        return told.each(paths, every, one)


def _say_what_is_valid(states: list[DesiredState], checked: str) -> None:
    from jobsync.plan.doubts import doubtful_outputs

    for number, desired in enumerate(states):
        for note in doubtful_outputs(desired):
            _say(f"Note: {note}")
        count = len(desired.jobs)
        noun, verb = ("job", "is") if count == 1 else ("jobs", "are")
        api = f" for {desired.platform.name}" if len(states) > 1 else ""
        online = "" if number else checked
        click.echo(f"{count} {noun} of {desired.project} {verb} valid{api}{online}")


def _check_on_disk(desired: DesiredState, target: str | None) -> None:
    """Check against the apps that the local service would have, where that is the target.

    Raises :class:`ManifestError`.
    """
    from pathlib import Path

    from jobsync import manifest
    from jobsync.cli.app_folders import WHERE_ONE_GOES
    from jobsync.cli.connect import LOCAL
    from jobsync.cli.target import choose, named_target
    from jobsync.errors import SettingsError
    from jobsync.local.apps.on_disk import apps_on_disk

    try:
        if choose(desired, target, os.environ).name != LOCAL:
            return
    except SettingsError:  # no target is named: manifests can be checked all the same
        return
    platform = desired.platform
    found = apps_on_disk(
        Path(desired.root),
        platform.name,
        sorted({platform.app_id(job.request) for job in desired.jobs.values()}),
    )
    missing = found.missing
    if not (named_target(target, os.environ) or desired.default_target):
        # Nobody has said that this service is meant: only a file that is to blame is wrong.
        missing = {name: why for name, why in missing.items() if why}
    apps = {name: platform.described_app(one) for name, one in found.definitions.items()}
    problems = manifest.check_apps(desired, apps, missing, found.ids, WHERE_ONE_GOES)
    if problems:
        raise ManifestError(problems)


def _check_online(desired: DesiredState, target: str | None) -> str:
    """What could be checked, in words. Raises :class:`ManifestError` for what an app refuses."""
    from jobsync import manifest
    from jobsync.cli import connect
    from jobsync.cli.target import choose
    from jobsync.observe import ask_apps, known_apps

    names = sorted({desired.platform.app_id(job.request) for job in desired.jobs.values()})
    place = connect.ServicePlace(desired.root, choose(desired, target, os.environ))
    with connect.reader(place, os.environ) as reader:
        apps, missing = ask_apps(reader, names)
        there = known_apps(reader) if missing else ()
    problems = manifest.check_apps(desired, apps, missing, there)
    if problems:
        raise ManifestError(problems)
    for note in manifest.unchecked(desired, apps):
        _say(f"Note: {note}")
    for name in names:
        if apps[name] is None:
            _say(f"Not checked against {name}: the service did not provide it.")
    known = sum(1 for app in apps.values() if app is not None)
    return f", checked against {known} of {len(names)} apps"


def _say(text: str) -> None:
    from jobsync.render.escape import terminal

    click.echo(terminal(text), err=True)
