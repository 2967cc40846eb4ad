"""Users, their tokens and their OAuth2 clients."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from jobsync.local.store.connections import Connections
from jobsync.local.store.rows import Client, Token
from jobsync.structs import astuple


class Accounts(Connections):
    """The part of the store with users, tokens and OAuth2 clients."""

    def add_user(self, name: str, token_hash: str) -> None:
        """Create *name* or give it a new token (its SHA-256, hexadecimal)."""
        with self._write() as db:
            db.execute(
                "INSERT INTO users VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET token_sha256 = ?",
                (name, token_hash, token_hash),
            )

    def user_of(self, token_hash: str) -> str | None:
        """The user whose own (never expiring) token has this hash."""
        row = self._one("SELECT name FROM users WHERE token_sha256 = ?", (token_hash,))
        return None if row is None else str(row[0])

    def token_hash(self, user: str) -> str | None:
        """The hash of the user's own token, None for an unknown user."""
        row = self._one("SELECT token_sha256 FROM users WHERE name = ?", (user,))
        return None if row is None else str(row[0])

    def users(self) -> list[str]:
        """All users, by name."""
        return [str(row[0]) for row in self._all("SELECT name FROM users ORDER BY name")]

    def forget_tokens(self) -> None:
        """Forget every token that was issued, and every client."""
        with self._write() as db:
            db.execute("DELETE FROM tokens")
            db.execute("DELETE FROM clients")

    def put_tokens(self, new: Sequence[Token], *, revoke: Sequence[str] = ()) -> bool:
        """Store *new* and remove *revoke* in one step; False when one of *revoke* was already gone.

        So exactly one of two refreshes with the same refresh token succeeds.
        """
        with self._write() as db:
            for token_hash in revoke:
                if db.execute("DELETE FROM tokens WHERE hash = ?", (token_hash,)).rowcount != 1:
                    return False
            for token in new:
                db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(token))
        return True

    def token(self, token_hash: str) -> Token | None:
        """An issued token by its hash."""
        row = self._one("SELECT * FROM tokens WHERE hash = ?", (token_hash,))
        return None if row is None else Token(*row)

    def tokens(self, user: str, client: str, kind: str) -> list[Token]:
        """The issued tokens of a user and client, newest first."""
        return [
            Token(*row)
            for row in self._all(
                "SELECT * FROM tokens WHERE user = ? AND client = ? AND kind = ?"
                " ORDER BY issued DESC",
                (user, client, kind),
            )
        ]

    def drop_token(self, token_hash: str) -> None:
        """Forget an issued token."""
        with self._write() as db:
            db.execute("DELETE FROM tokens WHERE hash = ?", (token_hash,))

    def add_client(self, client: Client) -> bool:
        """Register an OAuth2 client; False when its owner has one of that name."""
        try:
            with self._write() as db:
                db.execute("INSERT INTO clients VALUES (?, ?, ?, ?, ?)", astuple(client))
        except sqlite3.IntegrityError:
            return False
        return True

    def client(self, key: str) -> Client | None:
        """An OAuth2 client by its consumer key."""
        row = self._one("SELECT * FROM clients WHERE key = ?", (key,))
        return None if row is None else Client(*row)

    def clients(self, owner: str) -> list[Client]:
        """The OAuth2 clients of a user, by name."""
        rows = self._all("SELECT * FROM clients WHERE owner = ? ORDER BY name", (owner,))
        return [Client(*row) for row in rows]

    def drop_client(self, owner: str, name: str) -> bool:
        """Remove a client and its tokens; False when there was none."""
        with self._write() as db:
            row = db.execute(
                "SELECT key FROM clients WHERE owner = ? AND name = ?", (owner, name)
            ).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM tokens WHERE client = ?", row)
            db.execute("DELETE FROM clients WHERE key = ?", row)
        return True
