"""What the local service remembers: one SQLite file. The only module that imports sqlite3.

WAL, one connection per thread, every write in ``BEGIN IMMEDIATE``, so that the HTTP threads, the
engine and a second process never see half of a change. A status and its history event are one
transaction; a status may only move along the table of agave-v2 §4.2. Times are epoch seconds.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobsync.structs import Struct, astuple, field, replace

TERMINAL = frozenset({"FINISHED", "KILLED", "STOPPED", "FAILED"})
"""The statuses that a job never leaves (agave-v2 §4.1)."""

_ENDINGS = {"KILLED", "STOPPED", "PAUSED", "FAILED"}
_EARLY = {"STOPPED", "PAUSED", "FAILED"}

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "PENDING": frozenset({"PROCESSING_INPUTS"} | _EARLY),
    # Jobs without input skip straight to STAGED (agave-v2 §4.2, text below the table).
    "PROCESSING_INPUTS": frozenset({"STAGING_INPUTS", "STAGED"} | _EARLY),
    "STAGING_INPUTS": frozenset({"STAGED"} | _EARLY),
    "STAGED": frozenset({"SUBMITTING"} | _EARLY),
    "STAGING_JOB": frozenset({"SUBMITTING"} | _EARLY),
    # A failed submit attempt rolls back (agave-v2 §4.2, text below the table).
    "SUBMITTING": frozenset({"QUEUED", "RUNNING", "STAGED", "PENDING"} | _ENDINGS),
    "QUEUED": frozenset({"RUNNING", "CLEANING_UP"} | _ENDINGS),
    "RUNNING": frozenset({"QUEUED", "CLEANING_UP"} | _ENDINGS),
    "CLEANING_UP": frozenset({"ARCHIVING", "FINISHED"} | _ENDINGS),
    "ARCHIVING": frozenset({"ARCHIVING_FINISHED", "ARCHIVING_FAILED"} | _ENDINGS),
    "ARCHIVING_FINISHED": frozenset({"FINISHED", "FAILED"}),
    "ARCHIVING_FAILED": frozenset({"FAILED"}),
    "FINISHED": frozenset(),
    "KILLED": frozenset(),
    "STOPPED": frozenset(),
    "FAILED": frozenset(),
}
STATUSES = frozenset(TRANSITIONS) | {"PAUSED"}


class IllegalTransition(ValueError):
    """A status change that agave-v2 §4.2 does not have: a bug in the caller."""


class Conflict(Exception):
    """The database refuses a row (agave-v2 §5.3: case of a user name, more than 32 characters)."""


class Unusable(Exception):
    """The database cannot be opened. ``damaged`` is whether its content is the reason."""

    def __init__(self, message: str, *, damaged: bool) -> None:
        super().__init__(message)
        self.damaged = damaged


class UnknownJob(LookupError):
    """No job has this id."""


class JobRow(Struct, frozen=True):
    """One job as stored.

    ``request`` holds the resolved request in the legacy engine's field names, ready to be echoed.
    ``archived`` says that the data lies in the archive; ``native_id`` is the engine's own id.
    """

    id: str
    owner: str
    name: str
    app_id: str
    request: dict[str, Any] = field(default_factory=dict)
    system: str = "local"
    queue: str = "normal"
    node_count: int = 1
    processors_per_node: int = 1
    memory_gb: float = 0.0
    max_run_time: str = "999:59:59"
    work_dir: str | None = None
    archive: bool = True
    archive_system: str | None = None
    archive_path: str | None = None
    status: str = "PENDING"
    message: str = ""
    native_id: str | None = None
    exit_code: int | None = None
    retries: int = 0
    created: float = 0.0
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    last_updated: float = 0.0
    deadline: float | None = None
    cancel_requested: bool = False
    visible: bool = True
    archived: bool = False
    notifications: list[Any] = field(default_factory=list)


class EventRow(Struct, frozen=True):
    """One line of a job's history."""

    id: int
    job_id: str
    status: str
    created: float
    by: str
    description: str | None


class Token(Struct, frozen=True):
    """An issued token (by its hash): ``kind`` is ``access`` or ``refresh``, ``expires`` epoch."""

    hash: str
    user: str
    kind: str
    client: str
    issued: float
    expires: float | None
    partner: str | None = None


class Client(Struct, frozen=True):
    """An OAuth2 client of a user (agave-v2 §7.1)."""

    key: str
    secret_hash: str
    name: str
    owner: str
    description: str


class Condition(Struct, frozen=True):
    """One search condition on a column of :data:`SEARCHABLE`.

    ``operator`` is one of eq neq lt lte gt gte in nin like rlike between.
    """

    column: str
    operator: str
    values: tuple[str | float | int | None, ...]


class Listing(Struct, frozen=True):
    """A question for a page of jobs that *user* may list."""

    user: str
    conditions: tuple[Condition, ...] = ()
    order_by: str = "last_updated"
    descending: bool = True
    limit: int = 100
    offset: int = 0


_BOOLEANS = frozenset({"archive", "cancel_requested", "visible", "archived"})
_JSON = frozenset({"request", "notifications"})
_COLUMNS = JobRow.__struct_fields__

#: What a listing may be searched and ordered by: column or SQL expression, never user text.
SEARCHABLE: Mapping[str, str] = {
    **{name: name for name in _COLUMNS if name not in _JSON},
    "inputs": "coalesce(json_extract(request, '$.inputs'), '{}')",
    "parameters": "coalesce(json_extract(request, '$.parameters'), '{}')",
    "archive_path_given": "coalesce(json_extract(request, '$.archivePath'), archive_path)",
    "runtime": "(ended - started)",
    "walltime": "(ended - created)",
    "charge": "NULL",
}

_COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE users (name TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE);
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, app_id TEXT NOT NULL,
        request TEXT NOT NULL, system TEXT NOT NULL, queue TEXT NOT NULL,
        node_count INTEGER NOT NULL, processors_per_node INTEGER NOT NULL,
        memory_gb REAL NOT NULL, max_run_time TEXT NOT NULL, work_dir TEXT,
        archive INTEGER NOT NULL, archive_system TEXT, archive_path TEXT,
        status TEXT NOT NULL, message TEXT NOT NULL, native_id TEXT, exit_code INTEGER,
        retries INTEGER NOT NULL, created REAL NOT NULL, submitted REAL, started REAL, ended REAL,
        last_updated REAL NOT NULL, deadline REAL, cancel_requested INTEGER NOT NULL,
        visible INTEGER NOT NULL, archived INTEGER NOT NULL, notifications TEXT NOT NULL
    );
    CREATE INDEX jobs_status ON jobs (status);
    CREATE INDEX jobs_by_update ON jobs (owner, visible, last_updated);
    CREATE INDEX jobs_by_id ON jobs (owner, visible, id);
    CREATE INDEX jobs_owner_name ON jobs (owner, name);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, job_id TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL,
        by TEXT NOT NULL, description TEXT
    );
    CREATE INDEX events_job ON events (job_id, id);
    CREATE TABLE pems (
        job_id TEXT NOT NULL, username TEXT NOT NULL CHECK (length(username) <= 32),
        permission TEXT NOT NULL
    );
    -- The service matches names exactly but its unique index ignores case (agave-v2 §5.3).
    CREATE UNIQUE INDEX pems_row ON pems (job_id, username COLLATE NOCASE);
    CREATE INDEX pems_user ON pems (username, job_id);
    CREATE TABLE tokens (
        hash TEXT PRIMARY KEY, user TEXT NOT NULL, kind TEXT NOT NULL, client TEXT NOT NULL,
        issued REAL NOT NULL, expires REAL, partner TEXT
    );
    CREATE INDEX tokens_user ON tokens (user, client, kind);
    CREATE TABLE clients (
        key TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
        description TEXT NOT NULL, UNIQUE (owner, name)
    );
    """,
)


class Store:
    """The database at *path*. Safe to use from several threads and several processes.

    Raises :class:`Unusable` when it cannot be opened.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time) -> None:
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

    # --- users, tokens, clients ---------------------------------------------------------

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

    def put_tokens(self, new: Sequence[Token], *, revoke: Sequence[str] = ()) -> bool:
        """Store *new* and drop *revoke* in one step; False when one of *revoke* was gone already.

        So of two refreshes with one refresh token exactly one wins.
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

    # --- jobs ---------------------------------------------------------------------------

    def insert_job(self, row: JobRow, description: str) -> JobRow:
        """Store a new job and its first history event; the row as stored."""
        [stored] = self.insert_jobs([row], description)
        return stored

    def insert_jobs(self, rows: Sequence[JobRow], description: str) -> list[JobRow]:
        """Store several new jobs in one step."""
        now = self._clock()
        stored = [
            replace(row, created=row.created or now, last_updated=row.last_updated or now)
            for row in rows
        ]
        with self._write() as db:
            for row in stored:
                db.execute(_INSERT, [_encode(name, getattr(row, name)) for name in _COLUMNS])
                _event(db, row.id, row.status, row.created, row.owner, description)
        return stored

    def job(self, job_id: str) -> JobRow | None:
        """One job, visible or hidden."""
        row = self._one(f"{_SELECT} WHERE id = ?", (job_id,))
        return None if row is None else _job(row)

    def jobs_in(self, statuses: Collection[str]) -> list[JobRow]:
        """All jobs, visible or hidden, in one of *statuses*; oldest first."""
        if not statuses:
            return []
        marks = ", ".join("?" * len(statuses))
        rows = self._all(
            f"{_SELECT} WHERE status IN ({marks}) ORDER BY created, id", tuple(statuses)
        )
        return [_job(row) for row in rows]

    def find(self, listing: Listing) -> list[JobRow]:
        """A page of the jobs that a user may list (agave-v2 §2.3): own ones and ones with a row
        for exactly that name. ``world`` puts nothing in a list. Only visible ones, unless a
        condition on ``visible`` says otherwise."""
        where = ["visible = 1"]
        values: list[Any] = []
        if any(c.column == "visible" for c in listing.conditions):
            where.clear()
        for condition in listing.conditions:
            sql, more = _sql(condition)
            where.append(sql)
            values.extend(more)
        key = SEARCHABLE[listing.order_by]
        direction = "DESC" if listing.descending else "ASC"
        own = " AND ".join(["owner = ?", *where])
        inner = f"SELECT rowid AS row, {key} AS key FROM jobs WHERE {own}"  # noqa: S608
        asked: list[Any] = [listing.user, *values]
        if self._one("SELECT 1 FROM pems WHERE username = ?", (listing.user,)):
            shared = " AND ".join([f"id IN ({_SHARED})", *where])
            inner += f" UNION SELECT rowid, {key} FROM jobs WHERE {shared}"  # noqa: S608
            asked += [listing.user, *values]
        # First the page, from an index where there is one, then its rows: sorting whole rows of
        # a long list took twenty times as long.
        rows = self._all(
            f"{_SELECT} JOIN ({inner} ORDER BY key {direction} LIMIT ? OFFSET ?) AS page"
            f" ON jobs.rowid = page.row ORDER BY page.key {direction}",
            (*asked, listing.limit, listing.offset),
        )
        return [_job(row) for row in rows]

    def transition(
        self,
        job_id: str,
        status: str,
        description: str | None,
        *,
        by: str | None = None,
        **columns: Any,
    ) -> JobRow:
        """Move a job to *status*, set *columns* and log the event, in one transaction.

        Raises :class:`IllegalTransition` for a step that agave-v2 §4.2 does not have (staying is
        always allowed) and :class:`UnknownJob`. ``by`` defaults to the owner.
        """
        with self._write() as db:
            row = _locked(db, job_id)
            if status not in TRANSITIONS.get(row.status, STATUSES) | {row.status}:
                raise IllegalTransition(f"{job_id}: {row.status} -> {status}")
            now = self._clock()
            changes = {"status": status, "last_updated": now, **columns}
            _set(db, job_id, changes)
            _event(db, job_id, status, now, by or row.owner, description)
            return replace(row, **changes)

    def update(self, job_id: str, **columns: Any) -> JobRow:
        """Set *columns* without an event. ``last_updated`` moves, as a status poll moves it."""
        with self._write() as db:
            row = _locked(db, job_id)
            changes = {"last_updated": self._clock(), **columns}
            _set(db, job_id, changes)
            return replace(row, **changes)

    def request_cancel(self, job_id: str) -> None:
        """Record the wish to stop a job; the engine carries it out."""
        with self._write() as db:
            _locked(db, job_id)
            _set(db, job_id, {"cancel_requested": True})

    # --- history ------------------------------------------------------------------------

    def add_event(self, job_id: str, status: str, description: str | None, by: str) -> None:
        """Log something that is not a status change (``DELETED``, ``RESTORED`` ...)."""
        with self._write() as db:
            _event(db, job_id, status, self._clock(), by, description)

    def events(
        self, job_id: str, *, descending: bool = False, limit: int = -1, offset: int = 0
    ) -> list[EventRow]:
        """The history of a job, oldest first unless *descending*."""
        direction = "DESC" if descending else "ASC"
        rows = self._all(
            f"{_EVENTS} WHERE job_id = ? ORDER BY id {direction} LIMIT ? OFFSET ?",
            (job_id, limit, offset),
        )
        return [EventRow(*row) for row in rows]

    # --- permissions --------------------------------------------------------------------

    def grants(self, job_id: str) -> dict[str, str]:
        """The explicit rows of a job, user to permission, in user name order."""
        rows = self._all(
            "SELECT username, permission FROM pems WHERE job_id = ? ORDER BY username", (job_id,)
        )
        return {str(user): str(permission) for user, permission in rows}

    def set_grant(self, job_id: str, user: str, permission: str | None, by: str) -> None:
        """Set (or with None remove) one user's row and log it.

        Raises :class:`Conflict` for a name of more than 32 characters or one that differs from a
        row's only by case. The event of an update names the old permission (agave-v2 §5.3).
        """
        try:
            with self._write() as db:
                self._set_grant(db, job_id, user, permission, by)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error

    def drop_grants(self, job_id: str, by: str) -> None:
        """Remove every explicit row of a job."""
        with self._write() as db:
            users = db.execute("SELECT username FROM pems WHERE job_id = ?", (job_id,)).fetchall()
            for (user,) in users:
                self._set_grant(db, job_id, user, None, by)

    def _set_grant(
        self, db: sqlite3.Connection, job_id: str, user: str, permission: str | None, by: str
    ) -> None:
        key = (job_id, user)
        old = db.execute(
            "SELECT permission FROM pems WHERE job_id = ? AND username = ?", key
        ).fetchone()
        now = self._clock()
        if permission is None:
            db.execute("DELETE FROM pems WHERE job_id = ? AND username = ?", key)
            if old:
                text = f"{old[0]} permission revoked for {user}"
                _event(db, job_id, "PERMISSION_REVOKE", now, by, text)
            return
        if old:
            db.execute(
                "UPDATE pems SET permission = ? WHERE job_id = ? AND username = ?",
                (permission, *key),
            )
        else:
            db.execute("INSERT INTO pems VALUES (?, ?, ?)", (*key, permission))
        told = old[0] if old else permission
        text = f"{told} permission granted to {user}"
        _event(db, job_id, "PERMISSION_GRANT", now, by, text)

    # --- changes from outside -------------------------------------------------------------

    def changed_elsewhere(self) -> bool:
        """Whether another thread or process has written since this thread last asked."""
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
            connection.create_function("regexp", 2, _regexp, deterministic=True)
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

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection().execute(sql, values).fetchone()
        return row

    def _all(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection().execute(sql, values).fetchall()

    def _migrate(self) -> None:
        with self._write() as db:
            have = int(db.execute("PRAGMA user_version").fetchone()[0])
            if have > len(_MIGRATIONS):
                raise Conflict(f"{self._path} was written by a newer jobsync (version {have})")
            for script in _MIGRATIONS[have:]:
                for statement in _statements(script):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs"  # noqa: S608 - our own column names

_INSERT = f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_SHARED = "SELECT job_id FROM pems WHERE username = ? AND permission <> 'NONE'"
_EVENTS = "SELECT id, job_id, status, created, by, description FROM events"


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.strip().startswith("--")]
    return [part for part in "\n".join(lines).split(";") if part.strip()]


def _encode(name: str, value: Any) -> Any:
    if name in _JSON:
        return json.dumps(value)
    return int(value) if name in _BOOLEANS else value


def _job(row: tuple[Any, ...]) -> JobRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in _JSON:
        values[name] = json.loads(values[name])
    for name in _BOOLEANS:
        values[name] = bool(values[name])
    return JobRow(**values)


def _locked(db: sqlite3.Connection, job_id: str) -> JobRow:
    row = db.execute(f"{_SELECT} WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise UnknownJob(job_id)
    return _job(row)


def _set(db: sqlite3.Connection, job_id: str, columns: Mapping[str, Any]) -> None:
    unknown = set(columns) - set(_COLUMNS)
    if unknown:
        raise TypeError(f"no such columns: {', '.join(sorted(unknown))}")
    assignments = ", ".join(f"{name} = ?" for name in columns)
    values = [_encode(name, value) for name, value in columns.items()]
    db.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (*values, job_id))  # noqa: S608


def _event(
    db: sqlite3.Connection, job_id: str, status: str, when: float, by: str, text: str | None
) -> None:
    db.execute(
        "INSERT INTO events (job_id, status, created, by, description) VALUES (?, ?, ?, ?, ?)",
        (job_id, status, when, by, text),
    )


def _sql(condition: Condition) -> tuple[str, list[Any]]:
    column = SEARCHABLE[condition.column]
    values = [int(v) if isinstance(v, bool) else v for v in condition.values]
    match condition.operator:
        case "in" | "nin":
            word = "IN" if condition.operator == "in" else "NOT IN"
            return f"{column} {word} ({', '.join('?' * len(values))})", values
        case "between":
            return f"{column} BETWEEN ? AND ?", values[:2]
        case "like":
            return f"{column} LIKE ? ESCAPE '\\'", values[:1]
        case "rlike":
            return f"regexp(?, {column})", values[:1]
        case operator:
            return f"{column} {_COMPARISONS[operator]} ?", values[:1]


def _regexp(pattern: str, text: Any) -> bool:
    try:
        return text is not None and re.search(pattern, str(text)) is not None
    except re.error:
        return False
