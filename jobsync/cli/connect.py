"""Connections: from a target to something that answers, whatever the target's platform.

The embedded service is reached like any other, over HTTP; this is the only module that starts it.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jobsync.cli.sets import read_set
from jobsync.cli.target import BUILT_IN, choose, choose_without_set, named_target
from jobsync.errors import NotFound, Unauthorized
from jobsync.model import Target
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.backend import Backend, Reader
    from jobsync.http.connection import Connection
    from jobsync.platforms.connections import Account, Connections

LOCAL = "local"
NAMELESS = "local-user"
STATE_FOLDER = ".jobsync"
"""Everything the local service keeps, in the folder of the manifests."""


class Place(Struct, frozen=True):
    """A target, and the folder of the set: the workspace of the local service."""

    root: str
    target: Target

    @property
    def state(self) -> Path:
        return Path(self.root) / STATE_FOLDER


@contextmanager
def reader(place: Place, environ: Mapping[str, str]) -> Iterator[Reader]:
    """Something to plan with: its transport sends nothing but GET."""
    with (
        account(place, environ, drive=False) as found,
        found.reader(how(place.target, environ)) as opened,
    ):
        yield opened


@contextmanager
def backend(place: Place, environ: Mapping[str, str]) -> Iterator[Backend]:
    """Something to apply with."""
    with (
        account(place, environ, drive=True) as found,
        found.backend(how(place.target, environ)) as opened,
    ):
        yield opened


@contextmanager
def account(place: Place, environ: Mapping[str, str], *, drive: bool) -> Iterator[Account]:
    """The account on a target; starts the embedded service when it is that one.

    With *drive* the embedded service starts queued jobs.
    """
    connections = connections_to(place.target)
    if place.target.name != LOCAL:
        found = connections.account(environ, place.target.base_url)
        with _advice(place.target, found):
            yield found
        return
    from jobsync.local.in_process import embedded
    from jobsync.local.service import Drive

    with embedded(
        place.state,
        Path(place.root),
        local_user(),
        drive=Drive.STEP if drive else Drive.OBSERVE,
        environment=environ,
    ) as (url, token):
        yield connections.account_of(url, token)


def connections_to(target: Target) -> Connections:
    """How services of the platform of *target* are reached."""
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS, connections_of

    return connections_of(platform_of(target, PLATFORMS))


@contextmanager
def _advice(target: Target, account: Account) -> Iterator[None]:
    """Say what to do about an error in the words of the command line."""
    try:
        yield
    except Unauthorized as error:
        way = f"jobsync auth login --target {target.name}" if account.saved else "set a valid one"
        error.hint = f"the token is from {account.source}: {way}"
        raise
    except NotFound as error:
        if not error.hint and re.search(r"\bjob\b", error.said, re.IGNORECASE):
            listing = f"jobsync jobs list --target {target.name}"
            error.hint = f"the jobs that you can see: {listing}"
        raise


def local_user() -> str:
    """Who acts on the local service: the name of the account, where that is a user name there."""
    from jobsync.local.users import NAME

    try:
        name = getpass.getuser().lower()
    except (OSError, KeyError):  # a container may run under a number without a name
        return NAMELESS
    return name if NAME.fullmatch(name) and name not in ("world", "me") else NAMELESS


def how(target: Target, environ: Mapping[str, str]) -> Connection:
    """What the environment says of the way there: a proxy, and certificates of one's own."""
    from jobsync.http.connection import Connection
    from jobsync.http.proxies import certificates, proxy_for

    return Connection(
        concurrency=target.concurrency,
        certificates=certificates(environ),
        proxy=proxy_for(target.base_url, environ),
    )


def somewhere(target: str | None, manifests: str | None, environ: Mapping[str, str]) -> Place:
    """A place for a command that needs no set.

    The set that this folder is in counts where it is named, or where nothing else says which
    target is meant; a built-in target that is named needs none, whatever YAML lies here.
    """
    from jobsync import manifest

    here = "." if manifest.holds_set(".") else manifest.find_above(".")
    if manifests is not None or (here and named_target(target, environ) not in BUILT_IN):
        desired = read_set((manifests or here or ".",), target, {}, environ)
        return Place(desired.root, choose(desired, target, environ))
    return Place(str(Path(here or ".").resolve()), choose_without_set(target, environ))
