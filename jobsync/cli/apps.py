"""``jobsync apps``: what the target offers to run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from jobsync.cli.files import FilePath
from jobsync.cli.options import format_option, log_options, target_option, unknown

if TYPE_CHECKING:
    from jobsync.model import App, AppField, JsonValue


@click.command("apps")
@click.argument("name", required=False)
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@target_option("The target to ask.")
@log_options
@format_option
def command(name: str | None, manifests: str | None, target: str | None, format_name: str) -> None:
    """List the apps of the target; with NAME show what that app takes.

    NAME may be a glob: then its matches are listed.
    """
    from jobsync.cli import connect
    from jobsync.errors import NotFound
    from jobsync.globs import is_glob, matches
    from jobsync.render.escape import in_json, terminal

    place = connect.somewhere(target, manifests, os.environ)
    with connect.reader(place, os.environ) as reader:
        ids = reader.app_ids()
        found = [one for one in ids if name is None or matches(one, name)]
        if name is not None and (found == [name] or not (found or is_glob(name))):
            try:
                app = reader.app(name)
            except NotFound as error:
                raise unknown(f"the target has no app {name!r}", name, ids) from error
            if app is not None:
                _show(app, format_name)
                return
    if name is not None and not found:
        raise unknown(f"the target has no app that matches {name!r}", name, ids)
    if format_name == "json":
        click.echo(in_json(json.dumps(found, indent=2)))
        return
    for one in found:
        click.echo(terminal(one))


def _show(app: App, format_name: str) -> None:
    from jobsync.cli.tables import fields_text, table_text
    from jobsync.render.escape import in_json, terminal

    groups = {
        "inputs": _fields(app.inputs.values()),
        "parameters": _fields(app.parameters.values()),
    }
    if format_name == "json":
        document = {"id": app.id, **groups, "defaults": dict(app.defaults)}
        click.echo(in_json(json.dumps(document, indent=2)))
        return
    click.echo(terminal(app.id))
    for heading, rows in groups.items():
        click.echo(f"\n{heading}:" if rows else f"\n{heading}: none")
        if rows:
            click.echo(table_text(("id", "type", "values", "choices", "pattern"), rows))
    if app.defaults:
        click.echo(f"\ndefaults:\n{fields_text(app.defaults)}")


def _fields(fields: Iterable[AppField]) -> list[dict[str, JsonValue]]:
    """What a job may set: a field that the app fixes itself is left out."""
    return [
        {
            "id": field.id,
            "type": field.type,
            "values": _values(field),
            "choices": ", ".join(field.choices),
            "pattern": field.validator,
        }
        for field in fields
        if field.visible
    ]


def _values(field: AppField) -> str:
    """How many values the field takes: ``1``, ``0 to 3``, ``1 or more``."""
    least = max(field.minimum, int(field.required))
    if field.maximum is None:
        return f"{least} or more"
    return str(least) if least == field.maximum else f"{least} to {field.maximum}"
