"""``jobsync auth``: log in, log out, and see which credentials are used."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from jobsync.cli import connect
from jobsync.cli.files import FilePath
from jobsync.cli.options import target_option
from jobsync.cli.suggesting import Suggesting
from jobsync.cli.target import ENVIRONMENT
from jobsync.errors import Blocked, SettingsError, Usage

if TYPE_CHECKING:
    from jobsync.model import Target


@click.group("auth", cls=Suggesting)
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


def _typed(url: str, api: str | None) -> Target:
    """The service at a URL of which nothing but ``--api`` or ``TAPIS_API`` says what it speaks."""
    from jobsync.base_url import base_url
    from jobsync.model import Target
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS

    named = api or os.environ.get("TAPIS_API", "").strip()
    if not named:
        raise _which_api("--url does not say which service it is")
    target = Target("typed", base_url(url), api=named)
    platform_of(target, PLATFORMS)  # which raises for an unknown one
    return target


def _of_api(found: Target, api: str | None) -> Target:
    """*found* if something says what its service speaks, or as *api* says.

    For anything but a password the platform that is assumed would do: another one only refuses.
    """
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS
    from jobsync.platforms.environment import told_in_environment
    from jobsync.structs import replace

    if api:
        found = replace(found, api=api)
    elif found.name == ENVIRONMENT:
        assumed = found.api == next(iter(PLATFORMS))
        if assumed and told_in_environment(os.environ) is None:
            raise _which_api("TAPIS_BASE_URL does not say which service it is")
    platform_of(found, PLATFORMS)  # which raises for an unknown one
    return found


def _which_api(message: str) -> Usage:
    from jobsync.platforms import PLATFORMS

    apis = " or ".join(f"--api {name}" for name in PLATFORMS)
    return Usage(message, hint=f"add {apis}, or set TAPIS_API")


def _confirm_host(found: Target) -> None:
    """Show where a password would go, and ask whether it may: a set may come from anybody.

    What the environment names has been typed by whoever runs this.
    """
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS
    from jobsync.render.escape import terminal

    if found.name == ENVIRONMENT:
        click.echo(f"Log in to {terminal(found.base_url)}", err=True)
        return
    api = platform_of(found, PLATFORMS).name
    way = f"jobsync auth login --url {shlex.quote(found.base_url)} --api {api}"
    if not sys.stdin.isatty():
        raise Blocked(
            f"the manifests name {found.base_url}, and there is no terminal to ask whether your "
            "password may go there",
            hint=f"if it may: {way}",
        )
    question = f"Log in to {terminal(found.base_url)}, which the manifests name?"
    question = f"{question} Only 'yes' will be accepted"
    if click.prompt(question, default="no", err=True) != "yes":
        raise Blocked("not confirmed, so no password was asked for", hint=way)


@command.command("login")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@target_option("The target to log in to.")
@click.option("--url", metavar="URL", help="The service to log in to, instead of a target.")
@click.option("--api", metavar="NAME", help="The api of the service, such as tapis/v3. [TAPIS_API]")
@click.option("--username", help="The user to log in as.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--client",
    "with_client",
    is_flag=True,
    help="Make an API client too, with which the token is renewed until you log out.",
)
def login(
    manifests: str | None,
    target: str | None,
    url: str | None,
    api: str | None,
    username: str | None,
    password_stdin: bool,
    with_client: bool,
) -> None:
    """Log in with a password, once. The password is not kept.

    On Tapis v3 the token is kept in ~/.config/jobsync/tapis.json; it lasts some hours, with
    --client until you log out. On Agave v2 a login always makes an API client, and keeps it with
    its tokens in the file that the platform's other clients read (~/.agave/current).
    """
    from jobsync.platforms.connections import Lasting
    from jobsync.secret import Secret

    found = _typed(url, api) if url else _of_api(_remote(target, manifests), api)
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
        os.environ,
        found.base_url,
        username,
        Secret(password),
        Lasting.UNTIL_LOGOUT if with_client else Lasting.UNTIL_EXPIRY,
        connect.how(found, os.environ),
    )
    click.echo(f"Logged in to {found.base_url} as {username}; saved in {saved_in}")


@command.command("logout")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@target_option("The target to log out of.")
def logout(manifests: str | None, target: str | None) -> None:
    """Remove the credentials that login saved, and the API client that it made on Tapis v3.

    Tokens of Agave v2 stay valid until they expire.
    """
    from jobsync.render.escape import terminal

    found = _remote(target, manifests)
    how = connect.how(found, os.environ)
    done = connect.connections_to(found).log_out(os.environ, found.base_url, how)
    if done.found:
        click.echo(f"Removed the credentials for {found.base_url}")
    else:
        click.echo(f"{done.place} has no credentials for {found.base_url}")
    if done.left:
        click.echo(f"Note: {terminal(done.left)}", err=True)


@command.command("status")
@click.option("-m", "--manifests", type=FilePath(), help="The set that names the target.")
@target_option("The target to ask.")
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
