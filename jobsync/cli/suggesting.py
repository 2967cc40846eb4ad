"""A group of commands that suggests one with a similar name."""

from __future__ import annotations

import click


class Suggesting(click.Group):
    """A group that names the nearest of its commands where there is none of a name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from jobsync.suggestions import did_you_mean

            known = self.list_commands(ctx)
            hint = did_you_mean(name, known) or f"commands: {', '.join(known)}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)
