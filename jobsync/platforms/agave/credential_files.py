"""The credential files that people have from other clients of the service (clients §1.1).

``current`` is one object or a list of them, ``config.json`` holds sessions in one of two shapes,
``.agpy`` is a list in older names. Numbers may be strings and base URLs end in a slash or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from jobsync.base_url import base_url as one_spelling
from jobsync.errors import SettingsError
from jobsync.locks import LockTaken, file_lock
from jobsync.model import JsonValue
from jobsync.platforms.agave.token_store import (
    Fresh,
    Old,
    cannot_keep,
    check_writable,
    rotate,
    write,
)
from jobsync.secret import Secret
from jobsync.structs import Struct

_LARGEST_FILE = 1024 * 1024
_LOCK_PATIENCE = 60.0
_SYSTEM_AGPY = ("/etc/.agpy", "/root/.agpy", "/.agpy")
"""Where the platform's own Python client looks after ``~/.agpy``, on any machine."""


class StoredLogin(Struct, frozen=True):
    """One client's credentials in one of the files. ``session`` is ``tenant/user/client``,
    ``expires`` when the token ends, in seconds since 1970; 0 where the file does not say."""

    path: Path
    base_url: str
    token: Secret
    refresh_token: Secret
    api_key: str
    api_secret: Secret
    username: str
    tenant: str
    session: str = ""
    expires: float = 0.0


class CredentialFiles(Struct, frozen=True):
    """The folder with ``current`` and ``config.json``, and the ``.agpy`` files after them."""

    folder: Path
    agpy: tuple[Path, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CredentialFiles:
        """The files that *environ* points to."""
        home = Path(environ.get("HOME") or "/nonexistent")
        chosen = environ.get("TAPIS_CACHE_DIR") or environ.get("AGAVE_CACHE_DIR")
        folder = Path(chosen) if chosen else home / ".agave"
        return cls(folder, (home / ".agpy", *map(Path, _SYSTEM_AGPY)))

    @property
    def current(self) -> Path:
        """The file with the entry that the user is logged in with."""
        return self.folder / "current"

    @property
    def config(self) -> Path:
        """The file with the sessions of the newer client."""
        return self.folder / "config.json"

    def find(self, base_url: str | None) -> StoredLogin | None:
        """The entry to use for *base_url*, or the one that the user is logged in with."""
        plain = _entries(self.current)
        if entry := _first(plain, base_url):
            return entry
        sessions = self.sessions()
        chosen = [entry for entry in sessions if not entry.session]
        if entry := _first(chosen, base_url):
            return entry
        fitting = _for(sessions, base_url)
        if len({entry.session for entry in fitting}) > 1:
            names = ", ".join(sorted({entry.session for entry in fitting}))
            raise SettingsError(
                f"several sessions in {self.config}: {names}",
                hint="log in to the one to use: jobsync auth login",
            )
        if fitting:
            return fitting[0]
        if plain:
            return None
        for path in self.agpy:
            if entry := _first(_entries(path), base_url):
                return entry
        return None

    def session(self, name: str, base_url: str | None) -> StoredLogin:
        """The entry of the session *name*, or of the only session whose name begins with it."""
        named = [entry for entry in self.sessions() if entry.session]
        fitting = [entry for entry in named if f"{entry.session}/".startswith(f"{name}/")]
        if len(fitting) != 1:
            known = ", ".join(entry.session for entry in named) or "none"
            many = "no such session" if not fitting else "several sessions begin with that"
            raise SettingsError(f"{many}: {name!r}", hint=f"sessions in {self.config}: {known}")
        if base_url is not None and fitting[0].base_url != base_url:
            raise SettingsError(f"session {name} is for {fitting[0].base_url}, not for {base_url}")
        return fitting[0]

    def sessions(self) -> list[StoredLogin]:
        """The entries of ``config.json`` in either of its shapes; its own current one first."""
        document = _load(self.config)
        if not isinstance(document, dict):
            return []
        found = [
            entry
            for context in _objects(document.get("current"))
            if (entry := _entry(context, self.config))
        ]
        for tenant, users in _items(document.get("sessions")):
            for user, clients in _items(users):
                for client, context in _items(clients):
                    name = f"{tenant}/{user}/{client}"
                    if isinstance(context, dict) and (
                        entry := _entry(context, self.config, session=name, tenant=tenant)
                    ):
                        found.append(entry)
        return found

    def same(self, base_url: str, api_key: str, username: str) -> StoredLogin | None:
        """The entry of this client and user as it stands in the files now."""
        places = [*_entries(self.current), *self.sessions()]
        places += [entry for path in self.agpy for entry in _entries(path)]
        for entry in places:
            if (entry.base_url, entry.api_key, entry.username) == (base_url, api_key, username):
                return entry
        return None

    def check_free(self, base_url: str, username: str) -> None:
        """Raise when ``current`` holds the login of another service or user."""
        for entry in _entries(self.current):
            if (entry.base_url, entry.username) != (base_url, username):
                raise SettingsError(
                    f"{self.current} is {entry.username}'s login at {entry.base_url}",
                    hint="log out of that first, or set TAPIS_CACHE_DIR to another folder",
                )

    def keep(self, context: JsonValue) -> None:
        """Save *context* as the login, readable by its owner only."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_keep(self.folder, error) from error
        with self.locked():
            write(self.current, json.dumps(context).encode())

    def forget(self, base_url: str) -> bool:
        """Remove ``current`` when it is for *base_url*; returns whether it was."""
        if not any(entry.base_url == base_url for entry in _entries(self.current)):
            return False
        try:
            self.current.unlink()
        except OSError as error:
            raise SettingsError(f"{self.current} cannot be removed: {error.strerror}") from error
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one lock under which tokens in this folder are renewed."""
        place = self.folder if self.folder.is_dir() else self.agpy[0].parent
        with ExitStack() as stack:
            try:
                stack.enter_context(file_lock(place / ".jobsync-renew.lock", _LOCK_PATIENCE))
            except LockTaken as error:
                raise SettingsError(f"another program is renewing the token in {place}") from error
            except OSError as error:
                raise cannot_keep(place, error) from error
            yield

    def check_writable(self, old: Old) -> None:
        """Raise, before a token is renewed, when the new one could not be saved."""
        for path in self._files():
            if rotate(_load(path), old, None):
                check_writable(path)

    def rotate(self, old: Old, fresh: Fresh) -> None:
        """Put the new pair in every place that has the old refresh token (or else the old
        token)."""
        for path in self._files():
            document = _load(path)
            if rotate(document, old, fresh):
                write(path, json.dumps(document).encode())

    def _files(self) -> tuple[Path, ...]:
        return (self.current, self.config, *self.agpy)


def _load(path: Path) -> JsonValue:
    """The JSON in *path*, None when there is no such file. Never shows the content in an error."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if path.name == ".agpy":  # one of several places, some of which are other users'
            return None
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    try:
        if len(content) > _LARGEST_FILE:
            raise ValueError
        return cast(JsonValue, json.loads(content)) if content.strip() else None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path} is not a file of credentials: it is not JSON") from None


def _entries(path: Path) -> list[StoredLogin]:
    return [entry for context in _objects(_load(path)) if (entry := _entry(context, path))]


def _entry(
    context: dict[str, JsonValue], path: Path, *, session: str = "", tenant: str = ""
) -> StoredLogin | None:
    """One set of credentials under either naming; None when it is for no place at all."""

    def text(*names: str) -> str:
        values = (context.get(name) for name in names)
        return next((str(value).strip() for value in values if value not in (None, "")), "")

    try:
        where = one_spelling(text("baseurl", "api_server"))
    except SettingsError:
        return None
    return StoredLogin(
        path=path,
        base_url=where,
        token=Secret(text("access_token", "token")),
        refresh_token=Secret(text("refresh_token")),
        api_key=text("apikey", "api_key"),
        api_secret=Secret(text("apisecret", "api_secret")),
        username=text("username"),
        tenant=text("tenantid", "tenant_id") or tenant,
        session=session,
        expires=_number(context.get("created_at")) + _number(context.get("expires_in"))
        if _number(context.get("created_at"))
        else 0.0,
    )


def _number(value: JsonValue) -> float:
    text = str(value).strip()
    return float(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text) else 0.0


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """The sets of credentials in a value: itself, those in a list, or those by client name."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
    elif isinstance(value, dict):
        inner = [item for item in value.values() if isinstance(item, dict) and item]
        bare = "baseurl" in value or "api_server" in value
        yield from [value] if bare else inner


def _items(value: JsonValue) -> list[tuple[str, JsonValue]]:
    return list(value.items()) if isinstance(value, dict) else []


def _for(entries: Sequence[StoredLogin], base_url: str | None) -> list[StoredLogin]:
    usable = [entry for entry in entries if entry.token or entry.refresh_token]
    return [entry for entry in usable if base_url is None or entry.base_url == base_url]


def _first(entries: Sequence[StoredLogin], base_url: str | None) -> StoredLogin | None:
    return next(iter(_for(entries, base_url)), None)
