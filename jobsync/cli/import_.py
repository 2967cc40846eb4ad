"""``jobsync import JOB_ID...``: manifests for jobs that exist."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from jobsync.cli.files import FilePath, holds_file, write_file
from jobsync.cli.options import target_option
from jobsync.errors import JobsyncError, SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.backend import Reader
    from jobsync.manifest.digests import Workspace
    from jobsync.manifest.writer import Writable
    from jobsync.model import Access, Run, Target, Value
    from jobsync.platform import Platform


@click.command("import")
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@click.option("--project", default="imported", help="The project of the new set.")
@click.option(
    "-o",
    "--out",
    type=FilePath(dir_okay=False),
    help="Write to this file. Default: standard output.",
)
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@target_option("The target to use.")
def command(
    job_ids: tuple[str, ...],
    project: str,
    out: str | None,
    manifests: str | None,
    target: str | None,
) -> None:
    """Write a set that pins existing jobs by their ids, with their permissions.

    The set names the target, and its first plan is empty. Warnings about what to check go to
    stderr.
    """
    from jobsync.cli import connect
    from jobsync.identity import KEY
    from jobsync.manifest import writer
    from jobsync.manifest.digests import Workspace
    from jobsync.render.escape import in_yaml

    if not KEY.fullmatch(project):
        raise Usage(f"{project!r} is not a project name", hint="a letter, then a-z, 0-9, _ and -")
    if out and holds_file(Path(out)):
        raise SettingsError(f"{out} exists already", hint="name another file with --out")
    place = connect.somewhere(target, manifests, os.environ)
    with connect.reader(place, os.environ) as reader:
        runs = [(reader.run(job_id), _access(reader, job_id)) for job_id in dict.fromkeys(job_ids)]
    folder = str(Path(out).parent) if out else "."
    platform = reader.platform
    jobs = _jobs(project, runs, Workspace(folder, platform), platform)
    head = {"apiVersion": "jobsync/v1", **_api(platform), "project": project}
    head |= _target(place.target)
    text = in_yaml(writer.dump({**head, "jobs": jobs}))
    if out:
        write_file(Path(out), text)
        click.echo(f"Wrote {out}. Look at it with: jobsync plan {out}", err=True)
    else:
        click.echo(text, nl=False)


def _access(reader: Reader, run_id: str) -> dict[str, Access] | None:
    """Who may see a run; None where the service does not tell whoever asks."""
    from jobsync.errors import Forbidden

    try:
        return reader.access(run_id)
    except Forbidden as error:
        _teller(run_id)(f"permissions left out, which the service does not show you: {error}")
        return None


def _api(platform: Platform) -> dict[str, Writable]:
    """The platform, where it is not the one of a set that names none."""
    from jobsync.platforms import PLATFORMS

    return {} if platform is next(iter(PLATFORMS.values())) else {"api": platform.name}


def _target(target: Target) -> dict[str, Writable]:
    """What makes the new set go to the service that the jobs are on."""
    if not target.base_url or target.name in ("local", "env"):
        return {"target": target.name}
    declared: dict[str, Writable] = {"api": target.api} if target.api else {}
    declared["baseUrl"] = target.base_url
    if target.owner:
        declared["owner"] = target.owner
    declared["concurrency"] = target.concurrency
    return {"target": target.name, "targets": {target.name: declared}}


def _jobs(
    project: str,
    runs: list[tuple[Run, dict[str, Access] | None]],
    workspace: Workspace,
    platform: Platform,
) -> dict[str, Writable]:
    from jobsync.manifest.keys import free_key, key_of

    jobs: dict[str, Writable] = {}
    for run, access in runs:
        key = key_of(run.name, platform)
        key = free_key(key, jobs, platform.address_limit - len(project))
        jobs[key] = _job(platform, run, access, workspace, _teller(run.id))
    return jobs


def _teller(run_id: str) -> Callable[[str], None]:
    from jobsync.render.escape import terminal

    return lambda message: click.echo(f"Warning: {run_id}: {terminal(message)}", err=True)


def _job(
    platform: Platform,
    run: Run,
    access: Mapping[str, Access] | None,
    workspace: Workspace,
    say: Callable[[str], None],
) -> dict[str, Writable]:
    from jobsync.model import NO_ACCESS
    from jobsync.platforms import converter_of
    from jobsync.platforms.converting import NotConvertible

    try:
        described = converter_of(platform).described(run, say)
    except NotConvertible as error:
        raise JobsyncError(str(error)) from error
    _leave_out_absent(platform, described, workspace, say)
    job: dict[str, Writable] = {"id": run.id, **described}
    if access is not None:
        written = platform.permissions.written
        job["permissions"] = {
            name: cast("Writable", written(one))
            for name, one in sorted(access.items())
            if one != NO_ACCESS
        }
    return job


def _leave_out_absent(
    platform: Platform,
    job: dict[str, Writable],
    workspace: Workspace,
    say: Callable[[str], None],
) -> None:
    """Take out of *job* what are files beside a set and not in this folder: the planner reads them,
    and a set that lacks them cannot be planned."""
    from jobsync.manifest.digests import Unusable

    absent: dict[tuple[str, str | int], str] = {}
    for (field, key, *_), uri in platform.workspace_inputs(cast("dict[str, Value]", job)):
        try:
            workspace.digest(uri)
        except Unusable as error:
            absent[str(field), key] = error.message
    said: list[str] = []
    # From the last to the first, so that the places of a list stay right.
    for (field, key), message in reversed(absent.items()):
        given = job[field]
        if isinstance(given, dict):
            value = given.pop(str(key))
            place, written = f"{field}.{key}", f"{key}: {_on_one_line(value)}"
        else:
            value = cast("list[Writable]", given).pop(int(key))
            place, written = f"{field}[{key}]", f"- {_on_one_line(value)}"
        said.append(
            f"{place} left out: {message} in the folder of the set; once it is there, write under "
            f"{field}: {written}"
        )
        if not given:
            del job[field]
    for line in reversed(said):
        say(line)


def _on_one_line(value: Writable) -> str:
    from jobsync.manifest import writer

    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_on_one_line(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_on_one_line, value))}]"
    return writer.text(value.strip()) if isinstance(value, str) else writer.scalar(value)
