"""Connections: from a target to something that answers. One row for each kind of target.

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
from jobsync.errors import NotFound, SettingsError, Unauthorized
from jobsync.model import Target
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.backend import Backend, Reader
    from jobsync.platforms.agave import Connection
    from jobsync.platforms.agave.credentials import Credentials
    from jobsync.platforms.agave.operations import Jobs

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
    from jobsync.platforms import agave

    with (
        _reached(place, environ, drive=False) as (url, credentials),
        agave.connect_reader(url, credentials, how=how(place.target, environ)) as opened,
    ):
        _check_user(opened, credentials, environ)
        yield opened


@contextmanager
def backend(place: Place, environ: Mapping[str, str]) -> Iterator[Backend]:
    """Something to apply with."""
    from jobsync.platforms import agave

    with (
        _reached(place, environ, drive=True) as (url, credentials),
        agave.connect(url, credentials, how=how(place.target, environ)) as opened,
    ):
        _check_user(opened, credentials, environ)
        yield opened


def _check_user(reader: Reader, credentials: Credentials, environ: Mapping[str, str]) -> None:
    """Refuse a token of somebody else than ``TAPIS_USERNAME`` says. Files may spell it otherwise.

    Raises :class:`SettingsError`.
    """
    named = environ.get("TAPIS_USERNAME", "").strip()
    if not named or credentials.username != named:
        return
    acting = reader.whoami()
    if acting != named:
        raise SettingsError(
            f"TAPIS_USERNAME is {named}, but the token is {acting}'s",
            hint="correct or unset TAPIS_USERNAME, or use the token of that user",
        )


@contextmanager
def _reached(
    place: Place, environ: Mapping[str, str], *, drive: bool
) -> Iterator[tuple[str, Credentials]]:
    """The URL and the credentials of a target; starts the embedded service when it is that one."""
    from jobsync.platforms.agave.credentials import explicit, find_credentials

    if place.target.name != LOCAL:
        url = place.target.base_url
        credentials = find_credentials(environ, url)
        with _advice(place.target, credentials):
            yield url, credentials
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
        yield url, explicit(url, token)


@contextmanager
def _advice(target: Target, credentials: Credentials) -> Iterator[None]:
    """Say what to do about an error in the words of the command line."""
    try:
        yield
    except Unauthorized as error:
        way = f"jobsync auth login --target {target.name}"
        if not credentials.files:
            way = "set a valid one"
        error.hint = f"the token is from {credentials.source}: {way}"
        raise
    except NotFound as error:
        if not error.hint and re.search(r"\bjob\b", error.said, re.IGNORECASE):
            listing = f"jobsync jobs list --target {target.name}"
            error.hint = f"the jobs that you can see: {listing}"
        raise


def local_user() -> str:
    """Who acts on the local service: the name of the account, where that is a user name there."""
    from jobsync.platforms.agave.permissions import USERNAME

    try:
        name = getpass.getuser().lower()
    except (OSError, KeyError):  # a container may run under a number without a name
        return NAMELESS
    return name if USERNAME.fullmatch(name) and name not in ("world", "me") else NAMELESS


def how(target: Target, environ: Mapping[str, str]) -> Connection:
    """What the environment says of the way there: a proxy, and certificates of one's own."""
    from jobsync.http.proxies import certificates, proxy_for
    from jobsync.platforms.agave import Connection

    return Connection(
        concurrency=target.concurrency,
        certificates=certificates(environ),
        proxy=proxy_for(target.base_url, environ),
    )


@contextmanager
def jobs_client(
    target: str | None, manifests: str | None, environ: Mapping[str, str]
) -> Iterator[Jobs]:
    """The 15 operations one by one, on the target that flags, environment or a set name."""
    from jobsync.platforms import agave

    place = somewhere(target, manifests, environ)
    with (
        _reached(place, environ, drive=False) as (url, credentials),
        agave.connect_jobs(url, credentials, how=how(place.target, environ)) as opened,
    ):
        yield opened


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
