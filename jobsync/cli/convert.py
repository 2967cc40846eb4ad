"""``jobsync convert``: a manifest from the job.json files that people have."""

from __future__ import annotations

from pathlib import Path

import click

from jobsync.cli.files import FilePath
from jobsync.errors import ExitCode, JobsyncError, Usage

_LIMIT = 32 * 1024 * 1024


@click.command("convert")
@click.argument("files", nargs=-1, type=FilePath(), metavar="FILE.json...")
@click.option("--project", metavar="NAME", help="The project of the set. Default: the folder.")
def command(files: tuple[str, ...], project: str | None) -> ExitCode:
    """Print a manifest made from job.json files; warnings about what to check go to stderr."""
    from jobsync.identity import KEY
    from jobsync.manifest.keys import project_of
    from jobsync.platforms import PLATFORMS, converter_of
    from jobsync.platforms.converting import NotConvertible
    from jobsync.render.escape import in_yaml

    if not files:
        raise Usage("convert needs at least one job.json file")
    if project is not None and not KEY.fullmatch(project):
        raise Usage(f"--project {project}: lower-case letters, digits, _ and -")
    platform = next(iter(PLATFORMS.values()))
    name = project or project_of(Path.cwd().name, platform)
    try:
        converted = converter_of(platform).convert([(file, _read(file)) for file in files], name)
    except NotConvertible as error:
        raise JobsyncError(str(error)) from error
    _say(converted.warnings)
    click.echo(in_yaml(converted.text), nl=False)
    return ExitCode.OK


def _read(file: str) -> bytes:
    path = Path(file)
    try:
        if not path.is_file():
            raise JobsyncError(f"{file}: there is no such file")
        with path.open("rb") as opened:
            data = opened.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        raise JobsyncError(f"{file}: cannot be read: {error}") from error
    if len(data) > _LIMIT:
        raise JobsyncError(f"{file}: larger than 32 MiB")
    return data


def _say(warnings: list[str]) -> None:
    from jobsync.render.escape import terminal

    for warning in warnings:
        click.echo(f"Warning: {terminal(warning)}", err=True)
