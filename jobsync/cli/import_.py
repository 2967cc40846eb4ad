"""``jobsync import JOB_ID...``: manifests for jobs that exist."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.files import FilePath, holds_file, write_file
from jobsync.errors import SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.manifest.writer import Writable
    from jobsync.model import Access, JsonValue, Run

_FIELDS = (
    "appId",
    "inputs",
    "parameters",
    "archive",
    "batchQueue",
    "nodeCount",
    "processorsPerNode",
    "memoryPerNode",
    "maxRunTime",
)
"""What is written of a record; where outputs went (``archivePath``) is the service's choice."""


@click.command("import")
@click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True)
@click.option("--project", default="imported", help="The project of the new set.")
@click.option("-o", "--out", type=FilePath(dir_okay=False), help="Write here. Default: stdout.")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@click.option("--target", metavar="NAME", help="The target to use.")
def command(
    job_ids: tuple[str, ...],
    project: str,
    out: str | None,
    manifests: str | None,
    target: str | None,
) -> None:
    """Write a set that pins jobs which exist, by their ids, with their permissions.

    The first plan of that set is empty.
    """
    from jobsync.cli import connect
    from jobsync.identity import KEY
    from jobsync.manifest import writer

    if not KEY.fullmatch(project):
        raise Usage(f"{project!r} is not a project name", hint="a letter, then a-z, 0-9, _ and -")
    if out and holds_file(Path(out)):
        raise SettingsError(f"{out} exists already", hint="name another file with --out")
    place = connect.somewhere(target, manifests, os.environ)
    with connect.reader(place, os.environ) as reader:
        runs = [(reader.run(job_id), reader.access(job_id)) for job_id in dict.fromkeys(job_ids)]
    text = writer.dump(_document(project, runs))
    if out:
        write_file(Path(out), text)
        click.echo(f"Wrote {out}. Look at it with: jobsync plan {out}", err=True)
    else:
        click.echo(text, nl=False)


def _document(project: str, runs: list[tuple[Run, dict[str, Access]]]) -> dict[str, Writable]:
    from jobsync.manifest.convert import key_of

    jobs: dict[str, Writable] = {}
    for run, access in runs:
        key = key_of(run.name)
        number = 2
        while key in jobs:
            key, number = f"{key_of(run.name)}-{number}", number + 1
        jobs[key] = _job(run, access)
    return {"apiVersion": "jobsync/v1", "project": project, "jobs": jobs}


def _job(run: Run, access: Mapping[str, Access]) -> dict[str, Writable]:
    record = run.request or {}
    job: dict[str, Writable] = {"id": run.id}
    for field in _FIELDS:
        value = record.get(field)
        if _is_nothing(value):
            continue
        if field == "memoryPerNode" and isinstance(value, (int, float)):
            value = f"{value:g}GB"
        job[field] = _literal(value)
    job["permissions"] = {
        user: str(level) for user, level in sorted(access.items()) if level.read or level.write
    }
    return job


def _is_nothing(value: JsonValue) -> bool:
    """Whether the service has no value here: it says 0 for what neither app nor queue limits."""
    return not value and value is not False


def _literal(value: JsonValue) -> Writable:
    """*value* so that nothing in it is taken for a reference."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    return value
