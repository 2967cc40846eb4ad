"""``jobsync auth``: log in, log out, and see which credentials are used."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from jobsync.cli import connect
from jobsync.cli.files import FilePath
from jobsync.cli.target import ENVIRONMENT
from jobsync.errors import Blocked, SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.model import Target


@click.group("auth")
def command() -> None:
    """Log in, log out, and see which credentials are used.

    In CI set TAPIS_BASE_URL and TAPIS_TOKEN instead; nothing is written then.
    """


def _remote(target: str | None, manifests: str | None) -> Target:
    found = connect.somewhere(target, manifests, os.environ).target
    if found.name == connect.LOCAL:
        raise SettingsError(
            "the local service needs no login", hint="name another --target, or set TAPIS_BASE_URL"
        )
    return found


def _typed(url: str) -> Target:
    from jobsync.base_url import base_url
    from jobsync.model import Target

    return Target("typed", base_url(url))


def _confirm_host(found: Target) -> None:
    """Show where a password would go, and ask whether it may: a set may come from anybody.

    What the environment names has been typed by whoever runs this.
    """
    from jobsync.render.escape import terminal

    if found.name == ENVIRONMENT:
        click.echo(f"Log in to {terminal(found.base_url)}", err=True)
        return
    way = f"jobsync auth login --url {shlex.quote(found.base_url)}"
    if not sys.stdin.isatty():
        raise Blocked(
            f"the manifests name {found.base_url}, and there is no terminal to ask whether your "
            "password may go there",
            hint=way,
        )
    question = f"Log in to {terminal(found.base_url)}, which the manifests name? Only 'yes' counts"
    if click.prompt(question, default="no", err=True) != "yes":
        raise Blocked("not confirmed, so no password was asked for", hint=way)


@command.command("login")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@click.option("--target", metavar="NAME", help="The target to log in to.")
@click.option("--url", metavar="URL", help="The service to log in to, instead of a target.")
@click.option("--username", help="The user to log in as.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def login(
    manifests: str | None,
    target: str | None,
    url: str | None,
    username: str | None,
    password_stdin: bool,
) -> None:
    """Log in with a password, once. The password is not kept.

    Makes an API client of its own and keeps it, with its tokens, in the file that the platform's
    other clients read (~/.agave/current).
    """
    from jobsync.secret import Secret

    found = _typed(url) if url else _remote(target, manifests)
    if not sys.stdin.isatty() and not (username and password_stdin):
        raise Usage(
            "there is no terminal to ask for the user name and the password on",
            hint="jobsync auth login --username NAME --password-stdin < FILE",
        )
    if not url:
        _confirm_host(found)
    username = username or click.prompt("Username", err=True)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    saved_in = connect.connections_to(found).log_in(
        os.environ, found.base_url, username, Secret(password), connect.how(found, os.environ)
    )
    click.echo(f"Logged in to {found.base_url} as {username}; saved in {saved_in}")


@command.command("logout")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@click.option("--target", metavar="NAME", help="The target to log out of.")
def logout(manifests: str | None, target: str | None) -> None:
    """Remove the credentials that login saved; issued tokens stay valid until they expire."""
    found = _remote(target, manifests)
    saved_in, removed = connect.connections_to(found).log_out(os.environ, found.base_url)
    if removed:
        click.echo(f"Removed the credentials for {found.base_url}")
    else:
        click.echo(f"{saved_in} has no credentials for {found.base_url}")


@command.command("status")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@click.option("--target", metavar="NAME", help="The target to ask.")
def status(manifests: str | None, target: str | None) -> None:
    """Show who you are to the target, and where that was found. Never shows a token."""
    place = connect.somewhere(target, manifests, os.environ)
    with (
        connect.account(place, os.environ) as account,
        account.reader(connect.how(place.target, os.environ)) as reader,
    ):
        user, url = reader.whoami(), reader.base_url
    is_local = place.target.name == connect.LOCAL
    source = f"the users of {place.state}" if is_local else account.source
    click.echo(f"{user} at {url}, credentials from {source}")
