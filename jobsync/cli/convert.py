"""``jobsync convert``: a manifest from the job files that people have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.files import FilePath
from jobsync.errors import ExitCode, JobsyncError, Usage

if TYPE_CHECKING:
    from jobsync.platform import Platform

_LIMIT = 32 * 1024 * 1024


@click.command("convert")
@click.argument("files", nargs=-1, type=FilePath(), metavar="FILE...")
@click.option("--project", metavar="NAME", help="The project of the set. Default: the folder.")
@click.option("--api", metavar="NAME", help="The api of the manifest. Default: that of the files.")
def command(files: tuple[str, ...], project: str | None, api: str | None) -> ExitCode:
    """Print a manifest made from job files; warnings about what to check go to stderr.

    A FILE is a job.json, a request of a job, or, with --api, a manifest or a folder of manifests
    for another api, of which a first draft is made. Each line of a draft that a person must look at
    has TODO.
    """
    from jobsync.identity import KEY
    from jobsync.manifest.keys import project_of
    from jobsync.platforms import converter_of
    from jobsync.platforms.converting import NotConvertible
    from jobsync.render.escape import in_yaml

    if not files:
        raise Usage("convert needs at least one file")
    if project is not None and not KEY.fullmatch(project):
        raise Usage(f"--project {project}: lower-case letters, digits, _ and -")
    given = [(name, _read(name)) for file in files for name in _manifests_in(file)]
    if api is None:
        _refuse_manifests(given)
    platform = _platform([data for _, data in given], api)
    name = project or project_of(Path.cwd().name, platform)
    try:
        converted = converter_of(platform).convert(given, name)
    except NotConvertible as error:
        raise JobsyncError(str(error)) from error
    _say(converted.warnings)
    click.echo(in_yaml(converted.text), nl=False)
    return ExitCode.OK


def _platform(contents: list[bytes], api: str | None) -> Platform:
    """The platform that is named, else the one whose jobs the files are; the first for others."""
    from jobsync.model import Target
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS, converter_of

    if api is not None:
        return platform_of(Target("", api=api), PLATFORMS)
    fitting = (
        platform
        for platform in PLATFORMS.values()
        if all(converter_of(platform).recognises(data) for data in contents)
    )
    return next(fitting, next(iter(PLATFORMS.values())))


def _refuse_manifests(given: list[tuple[str, bytes]]) -> None:
    """Only a draft for another api is made of a manifest, and that has to be named."""
    from jobsync.manifest.merge import is_manifest
    from jobsync.manifest.yaml_reader import read

    for file, data in given:
        if file.endswith((".yaml", ".yml")) and is_manifest(read(data, file).value):
            raise Usage(f"{file} is a manifest", hint="for a draft for another api, add --api NAME")


def _manifests_in(file: str) -> list[str]:
    """The manifests in a folder; *file* itself where it is none."""
    from jobsync.manifest.files import discover

    if not Path(file).is_dir():
        return [file]
    found = [source.path for source in discover([file]).sources]
    if not found:
        raise JobsyncError(f"{file}: no manifest in this folder")
    return found


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
