"""``jobsync init``: write a small commented set to start from."""

from __future__ import annotations

from pathlib import Path

import click

from jobsync.cli.files import FilePath
from jobsync.errors import ExitCode, JobsyncError


@click.command("init")
@click.argument("folder", default=".", type=FilePath(file_okay=False))
def command(folder: str) -> ExitCode:
    """Write a small commented manifest and its data into FOLDER. Nothing is overwritten."""
    from jobsync.manifest import schema
    from jobsync.manifest.keys import project_of
    from jobsync.platforms import PLATFORMS

    root = Path(folder)
    first = next(iter(PLATFORMS.values()))
    files = {**first.starter(project_of(root.resolve().name, first))}
    files["jobsync.schema.json"] = schema.text(PLATFORMS)
    for name in files:
        if (root / name).exists() or (root / name).is_symlink():
            hint = "choose another folder: jobsync init FOLDER"
            raise JobsyncError(f"{root / name} exists already; nothing was written", hint=hint)
    for name, text in files.items():
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with (root / name).open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise JobsyncError(f"{root / name} cannot be written: {error.strerror}") from error
        click.echo(f"Wrote {root / name}", err=True)
    where = "" if folder == "." else f" {folder}"
    click.echo(f"Next: jobsync plan{where}", err=True)
    return ExitCode.OK
