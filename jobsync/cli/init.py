"""``jobsync init``: write a small commented set to start from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobsync.cli.files import FilePath
from jobsync.cli.options import unknown
from jobsync.errors import ExitCode, JobsyncError

if TYPE_CHECKING:
    from jobsync.platform import Platform


def _templates() -> Mapping[str, tuple[Platform, str]]:
    """Every template: whose it is, and what it shows. The first is the default."""
    from jobsync.platforms import PLATFORMS

    return {
        name: (platform, text)
        for platform in PLATFORMS.values()
        for name, text in platform.templates.items()
    }


def _completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _templates() if name.startswith(incomplete)]


class _Listing(click.Command):
    """A command whose help lists the templates."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Templates"):
            formatter.write_dl([(name, text) for name, (_, text) in _templates().items()])


@click.command("init", cls=_Listing)
@click.argument("folder", default=".", type=FilePath(file_okay=False))
@click.option(
    "--template",
    metavar="NAME",
    shell_complete=_completed,
    help="Which of the templates below to write. [default: the first]",
)
def command(folder: str, template: str | None) -> ExitCode:
    """Write a small commented set, with its apps and data, into FOLDER. Nothing is overwritten."""
    from jobsync.manifest import schema
    from jobsync.manifest.keys import project_of
    from jobsync.platforms import PLATFORMS

    root, known = Path(folder), _templates()
    name = next(iter(known)) if template is None else template
    if name not in known:
        raise unknown(f"there is no template {name!r}", name, known)
    platform, _ = known[name]
    files = {**platform.starter(project_of(root.resolve().name, platform), name)}
    files["jobsync.schema.json"] = schema.text(PLATFORMS)
    for path in files:
        if (root / path).exists() or (root / path).is_symlink():
            hint = "choose another folder: jobsync init FOLDER"
            raise JobsyncError(f"{root / path} exists already; nothing was written", hint=hint)
    for path, text in files.items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise JobsyncError(f"{root / path} cannot be written: {error.strerror}") from error
        click.echo(f"Wrote {root / path}", err=True)
    where = "" if folder == "." else f" {shlex.quote(folder)}"
    click.echo(f"Next: jobsync plan{where}, then: jobsync apply{where} --wait", err=True)
    return ExitCode.OK
