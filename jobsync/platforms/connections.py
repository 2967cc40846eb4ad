"""How the services of a platform are reached: the part of it that sends.

Each folder beside this module has a value of this kind as ``connections.CONNECTIONS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from jobsync.backend import Backend, Reader
from jobsync.errors import SettingsError
from jobsync.secret import Secret
from jobsync.structs import Struct

if TYPE_CHECKING:
    from jobsync.http.connection import Connection

_Reader = TypeVar("_Reader", bound=Reader)


class Account(Protocol):
    """The user to be on one service. No request is sent before a reader or backend is opened."""

    @property
    def source(self) -> str:
        """Where the credentials were found, in words for people."""

    @property
    def saved(self) -> bool:
        """Whether it was read from files that a login writes."""

    @property
    def expires(self) -> float | None:
        """When its token ends, in seconds since 1970; None where that is not known, and for one
        that is renewed without asking anybody."""

    def reader(self, how: Connection) -> AbstractContextManager[Reader]:
        """The service to plan with: it is only ever sent what changes nothing.

        Raises :class:`~jobsync.errors.SettingsError` when the settings name another user than the
        one whom the service takes this account for.
        """

    def backend(self, how: Connection) -> AbstractContextManager[Backend]:
        """The service to apply with. Raises like :meth:`reader`."""


class Lasting(Enum):
    """How long a login is to last: until its token ends, or until a logout.

    For the latter jobsync makes itself known to the service, so that it can renew the token.
    """

    UNTIL_EXPIRY = "until expiry"
    UNTIL_LOGOUT = "until logout"


class LoggedOut(Struct, frozen=True):
    """The place in which a login was saved, whether one was there, and what a person should know of
    what the service still has; empty for nothing."""

    place: str
    found: bool
    left: str = ""


class Connections(Protocol):
    """The services of one platform, and the accounts of the person who runs jobsync.

    *environ* is the environment of the command: the variables that the platform names are read, and
    the folders in which people keep credentials are found.
    """

    def account(self, environ: Mapping[str, str], base_url: str) -> Account:
        """The account for *base_url*.

        Raises :class:`~jobsync.errors.SettingsError` when there is none, or when several are there
        and nothing says which.
        """

    def has_login(self, environ: Mapping[str, str], base_url: str) -> bool:
        """Whether files have credentials for *base_url*, whether they can be used or not."""

    def account_of(self, base_url: str, token: str, user: str = "") -> Account:
        """The account on *base_url* to which *token* belongs.

        With *user*, it is what a service of this machine gave that user: a token, or the password
        for one where tokens are only got by a login.
        """

    def log_in(
        self,
        environ: Mapping[str, str],
        base_url: str,
        username: str,
        password: Secret,
        lasting: Lasting,
        how: Connection,
    ) -> str:
        """Get credentials for a user and save them. Returns where, for people.

        On a service that gives no token for less than ``UNTIL_LOGOUT``, *lasting* means nothing.
        """

    def log_out(self, environ: Mapping[str, str], base_url: str, how: Connection) -> LoggedOut:
        """Remove the saved credentials, and what the login made on the service if it can be."""


@contextmanager
def acting_as(
    user: str, variable: str, opening: AbstractContextManager[_Reader]
) -> Iterator[_Reader]:
    """What *opening* opens, once the service has said that it takes us for *user*; empty: anybody.

    Raises :class:`~jobsync.errors.SettingsError` where it takes us for somebody else. *variable*
    is the setting that names *user*.
    """
    with opening as opened:
        if user and (acting := opened.whoami()) != user:
            raise SettingsError(
                f"{variable} is {user}, but the token is {acting}'s",
                hint=f"correct or unset {variable}, or use the token of that user",
            )
        yield opened
