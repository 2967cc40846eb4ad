"""``jobsync serve``: the local Jobs service in the foreground."""

from __future__ import annotations

import json
import os
import shlex
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from jobsync.cli.connect import STATE_FOLDER, local_user
from jobsync.cli.files import FilePath
from jobsync.cli.state import open_state, owner
from jobsync.structs import replace

if TYPE_CHECKING:
    from jobsync.local.service import Service, ServiceSettings
    from jobsync.local.tie import Owner
    from jobsync.local.tls import Certificate

_LOOK_SECONDS = 0.5


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=int, help="Port; 0 chooses a free one. Default: the last one, or a free one."
)
@click.option(
    "--workspace",
    default=".",
    type=FilePath(exists=True, file_okay=False),
    help="The storage system `local`. Default: this folder.",
)
@click.option(
    "--state",
    type=FilePath(file_okay=False),
    help="Folder for the service's data. [WORKSPACE/.jobsync]",
)
@click.option(
    "--user", "users", multiple=True, metavar="NAME", help="Create this user; may be repeated."
)
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    type=click.Choice(["agave", "aloe", "tapis-25Q4", "tapis-1.7"]),
    help="Which service to imitate; may be repeated, once for each api. [agave, tapis-25Q4]",
)
@click.option(
    "--apps",
    multiple=True,
    type=FilePath(exists=True, file_okay=False),
    help="A folder with apps, in addition to WORKSPACE/apps; may be repeated.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="Simulate a fault (docs/testing.md) and answer /_faults on loopback; `none` simulates "
    "nothing.",
)
@click.option(
    "--keep-tokens",
    is_flag=True,
    help="Keep the tokens of the last start. Default: each start gives every user a new one.",
)
@click.option(
    "--adopt-state",
    is_flag=True,
    help="Adopt a state folder that an earlier version made, say what is in it, and end.",
)
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Also answer requests to this host name, besides loopback; may be repeated.",
)
@click.option(
    "--i-am-behind-tls",
    "behind_tls",
    is_flag=True,
    help="A proxy in front of this service provides TLS.",
)
@click.option(
    "--tls-cert",
    type=FilePath(exists=True, dir_okay=False),
    help="PEM file of a certificate chain: the service speaks TLS. Needs --tls-key.",
)
@click.option(
    "--tls-key",
    type=FilePath(exists=True, dir_okay=False),
    help="PEM file of the key of --tls-cert.",
)
def command(
    host: str,
    port: int | None,
    workspace: str,
    state: str | None,
    users: tuple[str, ...],
    dialects: tuple[str, ...],
    apps: tuple[str, ...],
    faults: tuple[str, ...],
    keep_tokens: bool,
    adopt_state: bool,
    allowed: tuple[str, ...],
    behind_tls: bool,
    tls_cert: str | None,
    tls_key: str | None,
) -> None:
    """Run the local Jobs service until Ctrl-C or SIGTERM.

    The first line on standard output is its URL. The users' tokens are in STATE/users.json.
    """
    from jobsync.local.service import ServiceSettings, with_dialect

    # One dialect of each of the two apis: two of one api would answer under the same paths.
    if len({dialect.startswith("tapis-") for dialect in dialects}) < len(dialects):
        raise click.UsageError(
            "--dialect: once for each api, e.g. --dialect aloe --dialect tapis-1.7"
        )
    root = Path(workspace).absolute()
    folder, whose = Path(state).absolute() if state else root / STATE_FOLDER, owner(os.environ)
    if adopt_state:
        _adopt(folder, whose)
        return
    open_state(folder, whose)
    settings = ServiceSettings(
        state_dir=folder,
        workspace=root,
        owner=whose,
        renew=not keep_tokens,
        host=host,
        users=users or (local_user(),),
        apps=(*(Path(folder).absolute() for folder in apps), root / "apps"),
        faults=tuple(fault for fault in faults if fault != "none") if faults else None,
        environment=dict(os.environ),
        names=allowed,
        behind_tls=behind_tls,
        certificate=_certificate(tls_cert, tls_key),
    )
    for dialect in dialects:
        settings = with_dialect(settings, dialect)
    _run(settings, port)


def _certificate(chain: str | None, key: str | None) -> Certificate | None:
    from jobsync.local.tls import Certificate

    if chain and key:
        return Certificate(Path(chain).absolute(), Path(key).absolute())
    if chain or key:
        missing = "--tls-key" if chain else "--tls-cert"
        raise click.UsageError(f"--tls-cert and --tls-key belong together: {missing} is missing")
    return None


def _run(settings: ServiceSettings, port: int | None) -> None:
    from jobsync.local.port import keep_port
    from jobsync.local.serve_lock import hold_serve_lock
    from jobsync.local.service import Service

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with ExitStack() as stack:
        stack.enter_context(hold_serve_lock(settings.state_dir, settings.owner))
        chosen = _port_it_had(settings) if port is None else port
        service = stack.enter_context(Service(replace(settings, port=chosen)))
        keep_port(settings.state_dir, urlsplit(service.url).port or 0)
        click.echo(service.url)
        _introduce(service)
        # The kernel may hand a signal to another thread, which wakes nobody here: look again.
        while not ended.wait(_LOOK_SECONDS):
            pass
        click.echo(
            "Stopping: the service answers open requests and ends; running jobs continue.", err=True
        )


def _adopt(folder: Path, whose: Owner) -> None:
    from jobsync.local.state import adopt
    from jobsync.render.escape import terminal

    found = adopt(folder, whose)
    held = "; these start when an apply is confirmed" if found.open else ""
    click.echo(f"Adopted {terminal(str(folder))}: {found}{held}.")


def _port_it_had(settings: ServiceSettings) -> int:
    from jobsync.local.port import can_listen, last_port

    port = last_port(settings.state_dir)
    if port and not can_listen(settings.host, port):
        click.echo(
            f"Warning: port {port}, which this service used before, is in use, so its URL "
            "changes.\n"
            f"  jobsync finds an open submit only under the old URL: free that port, or pass"
            " --port with one of your own.",
            err=True,
        )
        return 0
    return port


def _introduce(service: Service) -> None:
    """Who there is, which apps cannot be read, and the next command to type."""
    from jobsync.render.escape import terminal

    state = service.settings.state_dir
    names = ", ".join(sorted(service.tokens))
    spoken = f"{service.settings.dialect}, tapis-{service.settings.profile}"
    click.echo(f"Local Jobs service ({spoken}). Users: {names}.", err=True)
    if service.store.migrated:
        click.echo(
            "Note: the database was converted for a second api; an earlier jobsync cannot read it.",
            err=True,
        )
    if allowed := service.settings.names:
        click.echo(f"Answers as: {terminal(', '.join(allowed))}, and on loopback.", err=True)
    kept = "" if service.settings.renew is False else " (new; --keep-tokens keeps them)"
    click.echo(f"Tokens: {state / 'users.json'}{kept}", err=True)
    if service.is_held:
        click.echo(
            "Warning: the jobs that had not finished when this folder was adopted wait until an "
            "apply is confirmed: jobsync apply --target local",
            err=True,
        )
    first = next(iter(service.settings.users))
    path = json.dumps(str(state / "users.json"))
    read = f"import json; print(json.load(open({path}))[{json.dumps(first)}])"
    token = f"$(python3 -c {shlex.quote(read)})"
    for trouble in filter(None, (service.apps.trouble(), service.tapis_apps.trouble())):
        click.echo(f"Warning: an app cannot be read: {terminal(trouble)}", err=True)
    click.echo("Next, in another terminal:", err=True)
    click.echo(f"  export TAPIS_BASE_URL={service.url} TAPIS_TOKEN={token}", err=True)
    click.echo("  jobsync jobs list --target env", err=True)
