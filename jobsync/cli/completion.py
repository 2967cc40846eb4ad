"""``jobsync completion SHELL``: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for a shell.

    It completes commands, options, addresses, targets, hazards and variables; the names come from
    the manifests, and no service is asked.

    \b
    bash: jobsync completion bash > ~/.local/share/bash-completion/completions/jobsync
    zsh:  jobsync completion zsh > DIR/_jobsync, where DIR is a folder of $fpath
    fish: jobsync completion fish > ~/.config/fish/completions/jobsync.fish
    """
    from click.shell_completion import get_completion_class

    from jobsync.cli.main import cli

    completion = get_completion_class(shell)
    if completion is None:
        raise click.ClickException(f"there is no completion for {shell}")
    click.echo(completion(cli, {}, "jobsync", "_JOBSYNC_COMPLETE").source())
