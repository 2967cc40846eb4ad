"""The connections to the database file: one a thread, WAL, every write in ``BEGIN IMMEDIATE``."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobsync.local import patterns
from jobsync.local.store.likeness import fits
from jobsync.local.store.rows import Conflict, Unusable
from jobsync.local.store.schema import INDEXES, MIGRATIONS, statements


class Connections:
    """The database at *path*. Safe to use from several threads and several processes.

    ``migrated`` says that opening it changed it so that an older jobsync cannot read it any more.
    Raises :class:`Unusable` when it cannot be opened.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self.migrated = False
        self._path = str(path)
        self._clock = clock
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            self.close()
            damaged = not isinstance(error, sqlite3.OperationalError)
            raise Unusable(f"{self._path} cannot be used: {error}", damaged=damaged) from error

    def close(self) -> None:
        """Close every thread's connection. The store cannot be used afterwards."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    # --- changes from outside -------------------------------------------------------------

    def changed_elsewhere(self) -> bool:
        """Whether another thread or process has written since this thread's last call."""
        row = self._one("PRAGMA data_version")
        version = int(row[0]) if row else 0
        before: int | None = getattr(self._local, "version", None)
        self._local.version = version
        return version != before

    # --- connections --------------------------------------------------------------------

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
            with self._lock:
                self._open.append(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            # Outlives the death of any process. A power cut may take the last instants with it,
            # as it takes the jobs that were running; syncing each step costs 4 ms of every one.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.create_function("regexp", 2, self._regexp, deterministic=True)
            connection.create_function("fits", 2, fits, deterministic=True)
            self._local.connection = connection
        return connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        db = self._connection()
        # SQLite makes writers poll with growing pauses; threads of one process queue up instead.
        with self._writing:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:  # also Ctrl-C: half a transaction is never kept
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _regexp(self, pattern: str, text: Any) -> bool:
        try:
            return text is not None and patterns.search(pattern, str(text), until=self._local.until)
        except patterns.PatternRefused as refused:
            self._local.refused = refused
            raise

    @contextmanager
    def _question(self) -> Iterator[sqlite3.Connection]:
        """Raises :class:`~jobsync.local.patterns.PatternRefused`, which SQLite cannot pass on."""
        connection = self._connection()
        self._local.until = time.monotonic() + patterns.QUESTION_SECONDS
        self._local.refused = None
        try:
            yield connection
        except sqlite3.OperationalError as error:
            refused: patterns.PatternRefused | None = self._local.refused
            if refused is not None:
                raise refused from error
            raise

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        with self._question() as connection:
            row: tuple[Any, ...] | None = connection.execute(sql, values).fetchone()
            return row

    def _all(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._question() as connection:
            return connection.execute(sql, values).fetchall()

    def _migrate(self) -> None:
        with self._write() as db:
            have = int(db.execute("PRAGMA user_version").fetchone()[0])
            self.migrated = 0 < have < len(MIGRATIONS)
            if have > len(MIGRATIONS):
                raise Conflict(f"{self._path} was written by a newer jobsync (version {have})")
            for script in (*MIGRATIONS[have:], INDEXES):
                for statement in statements(script):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
