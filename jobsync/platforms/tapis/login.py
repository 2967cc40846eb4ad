"""Logging in and out: a token for a password, and a client that renews it where that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobsync.errors import JobsyncError, ServiceError, Unreadable
from jobsync.platforms.connections import Lasting, LoggedOut
from jobsync.platforms.tapis.credentials import Credentials, TokenKeeper
from jobsync.platforms.tapis.login_store import Client, Login, LoginStore
from jobsync.platforms.tapis.token_endpoint import Authenticator
from jobsync.secret import Secret


def log_in(
    endpoint: Authenticator,
    store: LoginStore,
    base_url: str,
    username: str,
    password: Secret,
    lasting: Lasting,
) -> None:
    """Get a token and save it; the password is not kept.

    With ``UNTIL_LOGOUT`` a client is made as well. Raises
    :class:`~jobsync.errors.SettingsError` when somebody else is logged in, before anything is
    asked, and the service's own refusal otherwise.
    """
    store.check_free(base_url, username)
    with store.locked():
        before = store.find(base_url)
        granted = endpoint.by_password(username, password, None)
        login = Login(base_url, username, granted.token)
        if lasting is Lasting.UNTIL_EXPIRY:
            store.keep(login)
        else:
            with _new_client(endpoint, granted.token) as client:
                pair = endpoint.by_password(username, password, client)
                if not pair.refresh_token:
                    raise Unreadable(f"{base_url} gave a client no refresh token")
                store.keep(Login(base_url, username, pair.token, pair.refresh_token, client))
    if before is not None and before.client is not None:
        with suppress(ServiceError):  # of no use to anybody now
            endpoint.delete_client(granted.token, before.client.id)


@contextmanager
def _new_client(endpoint: Authenticator, token: Secret) -> Iterator[Client]:
    """A client, which is deleted again when what follows fails: nobody would know of it."""
    client = endpoint.make_client(token)
    try:
        yield client
    except JobsyncError:
        with suppress(ServiceError):
            endpoint.delete_client(token, client.id)
        raise


def log_out(endpoint: Authenticator, store: LoginStore, base_url: str) -> LoggedOut:
    """Delete the client of the saved login, revoke its token, and remove it from the store.

    It is removed whatever the service says; what could not be taken back is told.
    """
    login = store.find(base_url)
    if login is None:
        return LoggedOut(str(store.path), found=False)
    left = _taken_back(endpoint, login)
    with store.locked():
        store.forget(base_url)
    return LoggedOut(str(store.path), found=True, left=left)


def _taken_back(endpoint: Authenticator, login: Login) -> str:
    """Delete the client and revoke the token of *login*; what is left of them, for people."""
    token = login.token
    if login.client is not None:
        mine = Credentials(
            login.base_url,
            token,
            login.username,
            refresh_token=login.refresh_token,
            client=login.client,
        )
        keeper = TokenKeeper(mine, endpoint)
        try:
            try:
                endpoint.delete_client(token, login.client.id)
            except ServiceError:
                token = keeper.renew(token) or token
                endpoint.delete_client(token, login.client.id)
        except ServiceError as error:
            return f"the API client {login.client.id} could not be deleted: {error}"
    try:
        endpoint.revoke(token)
    except ServiceError as error:
        return f"the token stays valid until it expires: {error}"
    return ""
