"""The logins that ``jobsync auth login`` saves: ``~/.config/jobsync/tapis.json``, by base URL.

The file is its owner's alone. No other program reads it, and jobsync writes no other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobsync.atomic_files import replace_file_durably
from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError
from jobsync.locks import LockTaken, file_lock
from jobsync.model import JsonValue
from jobsync.private_files import open_private_folder, read_private_file
from jobsync.secret import Secret
from jobsync.structs import Struct

_LARGEST_FILE = 1024 * 1024
_LOCK_PATIENCE = 60.0
_VERSION = 1
_NONE = Secret("")


class Client(Struct, frozen=True):
    """An API client, which a service asks for before it renews a token."""

    id: str
    key: Secret


class Login(Struct, frozen=True):
    """One user on one service. Only a login with a client has a refresh token."""

    base_url: str
    username: str
    token: Secret
    refresh_token: Secret = _NONE
    client: Client | None = None


class LoginStore(Struct, frozen=True):
    """The file at *path*, and the lock under which it is changed."""

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> LoginStore:
        """The store of whoever runs the command."""
        folder = environ.get("XDG_CONFIG_HOME", "")
        home = Path(environ.get("HOME") or "/nonexistent")
        above = Path(folder) if folder.startswith("/") else home / ".config"
        return cls(above / "jobsync" / "tapis.json")

    def find(self, base_url: str) -> Login | None:
        """The login on *base_url*. Raises :class:`SettingsError` for a file that is not ours."""
        entry = self._read().get(base_url)
        return _login(base_url, entry) if isinstance(entry, dict) else None

    def check_free(self, base_url: str, username: str) -> None:
        """Raise when another user is logged in on *base_url*."""
        found = self.find(base_url)
        if found is not None and found.username != username:
            raise SettingsError(
                f"{self.path} has {found.username}'s login at {base_url}",
                hint="log out of that first: jobsync auth logout",
            )

    def keep(self, login: Login) -> None:
        """Save *login* in place of the one on its base URL. Call it in :meth:`locked`."""
        self._write({**self._read(), login.base_url: _entry(login)})

    def forget(self, base_url: str) -> bool:
        """Remove the login on *base_url*; whether there was one. Call it in :meth:`locked`."""
        logins = self._read()
        if logins.pop(base_url, None) is None:
            return False
        self._write(logins)
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one lock under which logins are renewed and saved.

        Raises :class:`SettingsError` where the folder cannot be written, so that no token is
        renewed that could not be saved.
        """
        try:
            os.close(open_private_folder(self.path.parent))
            with file_lock(self.path.parent / ".tapis.lock", _LOCK_PATIENCE):
                yield
        except LockTaken as error:
            raise SettingsError(f"another program is renewing the token in {self.path}") from error
        except OSError as error:
            raise self._unusable(error) from error

    def _read(self) -> dict[str, JsonValue]:
        try:
            content = read_private_file(self.path, _LARGEST_FILE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._unusable(error) from error
        try:
            document = json.loads(content)
            logins = document["logins"] if document["version"] == _VERSION else None
        except (ValueError, RecursionError, LookupError, TypeError):
            logins = None
        if not isinstance(logins, dict):
            raise SettingsError(
                f"{self.path} is not a file of logins of this jobsync",
                hint="move it away, and log in again",
            )
        return logins

    def _write(self, logins: Mapping[str, JsonValue]) -> None:
        document = {"version": _VERSION, "logins": logins}
        folder = open_private_folder(self.path.parent)
        try:
            text = json.dumps(document, indent=2).encode()
            replace_file_durably(self.path.name, [text, b"\n"], folder=folder)
        finally:
            os.close(folder)

    def _unusable(self, error: OSError) -> SettingsError:
        place = error.filename or self.path
        return SettingsError(
            f"the logins in {self.path} cannot be used: {place}: {error.strerror}",
            hint="make the folder and the file yours alone (chmod 700 and 600), or set "
            "TAPIS_BASE_URL and TAPIS_ACCESS_TOKEN",
        )


def _login(base_url: str, entry: Mapping[str, JsonValue]) -> Login | None:
    def text(name: str) -> str:
        value = entry.get(name)
        return value if isinstance(value, str) else ""

    try:
        where = one_spelling(base_url)
    except SettingsError:
        return None
    client = Client(text("client_id"), Secret(text("client_key")))
    return Login(
        base_url=where,
        username=text("username"),
        token=Secret(text("access_token")),
        refresh_token=Secret(text("refresh_token")),
        client=client if client.id and client.key else None,
    )


def _entry(login: Login) -> dict[str, JsonValue]:
    entry: dict[str, JsonValue] = {
        "username": login.username,
        "access_token": login.token.reveal(),
    }
    if login.client is not None:
        entry |= {
            "refresh_token": login.refresh_token.reveal(),
            "client_id": login.client.id,
            "client_key": login.client.key.reveal(),
        }
    return entry
