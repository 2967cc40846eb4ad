"""``jobsync schema``: print the definition of the manifest language."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the manifest language, for editors and other tools.

    Save it, and begin a manifest with: # yaml-language-server: $schema=FILE
    """
    from jobsync.manifest import schema
    from jobsync.platforms import PLATFORMS

    click.echo(schema.text(PLATFORMS), nl=False)
