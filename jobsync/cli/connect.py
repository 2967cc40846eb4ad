"""Connections: from a target to something that answers, whatever the target's platform.

The embedded service is reached like any other, over HTTP; this is the only module that starts it.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
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
    from jobsync.local.embedded import Embedded as LocalService
    from jobsync.platforms.connections import Account, Connections

LOCAL = "local"
NAMELESS = "local-user"
STATE_FOLDER = ".jobsync"
"""Everything the local service keeps, in the folder of the manifests."""


class ServicePlace(Struct, frozen=True):
    """A target, and the folder of the set: the workspace of the local service."""

    root: str
    target: Target

    @property
    def state(self) -> Path:
        """The folder in which the service keeps its state."""
        return Path(self.root) / STATE_FOLDER


@contextmanager
def reader(place: ServicePlace, environ: Mapping[str, str]) -> Iterator[Reader]:
    """A connection to plan with: its transport sends nothing but GET."""
    with (
        account(place, environ) as found,
        found.reader(how(place.target, environ)) as opened,
    ):
        yield opened


@contextmanager
def backend(place: ServicePlace, environ: Mapping[str, str]) -> Iterator[tuple[Backend, Embedded]]:
    """A connection to apply with, and the embedded service if there is one.

    No job that is queued here starts before the embedded service is asked to start jobs. Raises
    :class:`~jobsync.errors.SettingsError` when only somebody else than who is acting applies.
    """
    with (
        reached(place, environ) as (found, service),
        found.backend(how(place.target, environ)) as opened,
    ):
        refuse_others(opened, place.target)
        yield opened, service


def refuse_others(reader: Reader, target: Target) -> None:
    """Raise :class:`~jobsync.errors.SettingsError` when *target* has an owner who is not acting."""
    if target.owner:
        from jobsync.observe import refuse_others

        refuse_others(reader.whoami(), target)


@contextmanager
def account(place: ServicePlace, environ: Mapping[str, str]) -> Iterator[Account]:
    """The account on a target. Starts the embedded service when the target is that one."""
    with reached(place, environ) as (found, _):
        yield found


class Embedded:
    """The embedded service of a command, where there is one: what it still waits for.

    ``login_ends`` is when the login to any other service ends, in seconds since 1970; None where
    that is not known, or where it is renewed.
    """

    def __init__(self, service: LocalService | None, login_ends: float | None = None) -> None:
        self._service = service
        self.login_ends = login_ends

    @property
    def is_held(self) -> bool:
        """Whether jobs that were queued before the folder was adopted wait for an apply."""
        return self._service is not None and self._service.is_held

    def start_jobs(self, *, all_of_them: bool = True) -> None:
        """Start the jobs that are queued from now on.

        With *all_of_them*, also those that have waited since the folder was adopted; for that, a
        person must have confirmed an apply.
        """
        if self._service is not None:
            self._service.start_jobs(all_of_them=all_of_them)


@contextmanager
def reached(place: ServicePlace, environ: Mapping[str, str]) -> Iterator[tuple[Account, Embedded]]:
    """The account on a target, and the embedded service when the target is that one."""
    if place.target.name != LOCAL:
        found = connections_to(place.target).account(environ, place.target.base_url)
        with _advice(place.target, found, environ):
            yield found, Embedded(None, found.expires)
        return
    from jobsync.cli.state import open_state, owner
    from jobsync.local.drive import Drive
    from jobsync.local.embedded import embedded

    whose, user = owner(environ), local_user()
    open_state(place.state, whose)
    with embedded(
        place.state,
        Path(place.root),
        user,
        drive=Drive.OBSERVE,
        environment=environ,
        owner=whose,
        meanwhile=partial(connections_to, place.target),  # which imports the client
    ) as service:
        found = connections_to(place.target).account_of(service.url, service.token, user)
        yield found, Embedded(service)


def connections_to(target: Target) -> Connections:
    """How services of the platform of *target* are reached."""
    from jobsync.platform import platform_of
    from jobsync.platforms import PLATFORMS, connections_of

    return connections_of(platform_of(target, PLATFORMS))


@contextmanager
def _advice(target: Target, account: Account, environ: Mapping[str, str]) -> Iterator[None]:
    """Say what to do about an error in the words of the command line."""
    try:
        yield
    except Unauthorized as error:
        error.hint = _new_token(target, account, environ)
        if error.status:  # 0: nobody has refused it, no new one could be got
            token = f"the token in {account.source}" if account.saved else account.source
            error.args = (f"{token} is refused (expired or revoked): {error}",)
        raise
    except NotFound as error:
        if not error.hint and re.search(r"\bjob\b", error.said, re.IGNORECASE):
            listing = f"jobsync jobs list --target {target.name}"
            error.hint = f"the jobs that you can see: {listing}"
        raise


def _new_token(target: Target, account: Account, environ: Mapping[str, str]) -> str:
    if account.saved:
        return f"the token is from {account.source}: jobsync auth login --target {target.name}"
    if environ.get("CI"):
        return f"put a new one into the secret that CI gives as {account.source}"
    return f"the token is from {account.source}: set a valid one"


def local_user() -> str:
    """Who acts on the local service: the name of the account, where that is a user name there."""
    from jobsync.local.users import NAME

    try:
        name = getpass.getuser().lower()
    except (OSError, KeyError):  # a container may run under a number without a name
        return NAMELESS
    return name if NAME.fullmatch(name) and name not in ("world", "me") else NAMELESS


def how(target: Target, environ: Mapping[str, str]) -> Connection:
    """The proxy and the certificates that the environment names for the way to *target*."""
    from jobsync.http.connection import Connection
    from jobsync.http.proxies import certificates, proxy_for

    return Connection(
        concurrency=target.concurrency,
        certificates=certificates(environ),
        proxy=proxy_for(target.base_url, environ),
    )


def somewhere(
    target: str | None, manifests: str | None, environ: Mapping[str, str]
) -> ServicePlace:
    """A place for a command that needs no set.

    The set that this folder is in counts where it is named, or where nothing else says which
    target is meant; a built-in target that is named needs none, whatever YAML lies here.
    """
    from jobsync import manifest

    here = "." if manifest.holds_set(".") else manifest.find_above(".")
    if manifests is not None or (here and named_target(target, environ) not in BUILT_IN):
        desired = read_set((manifests or here or ".",), target, {}, environ)
        return ServicePlace(desired.root, choose(desired, target, environ))
    return ServicePlace(str(Path(here or ".").resolve()), choose_without_set(target, environ))
