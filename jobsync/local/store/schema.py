"""The tables, as the steps that lead to them."""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
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
    # A second api: jobs of v2 keep all they have. A jobsync from before cannot read this.
    """
    ALTER TABLE jobs ADD COLUMN api TEXT NOT NULL DEFAULT 'agave/v2';
    ALTER TABLE jobs ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE jobs ADD COLUMN directories TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE jobs ADD COLUMN reason TEXT NOT NULL DEFAULT '';
    UPDATE jobs SET number = rowid;
    CREATE UNIQUE INDEX jobs_number ON jobs (number);
    CREATE INDEX jobs_by_number ON jobs (api, owner, visible, number);
    CREATE INDEX jobs_archive ON jobs (archive_path);
    CREATE TABLE submissions (job_id TEXT PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE shares (
        job_id TEXT NOT NULL, grantee TEXT NOT NULL, resource TEXT NOT NULL,
        grantor TEXT NOT NULL, created REAL NOT NULL, PRIMARY KEY (job_id, grantee, resource)
    );
    CREATE INDEX shares_grantee ON shares (grantee, job_id);
    CREATE TABLE subscriptions (
        id TEXT PRIMARY KEY, job_id TEXT NOT NULL, document TEXT NOT NULL, created REAL NOT NULL
    );
    CREATE INDEX subscriptions_job ON subscriptions (job_id);
    """,
)

INDEXES = """
    DROP INDEX IF EXISTS jobs_by_id;
    DROP INDEX IF EXISTS jobs_by_update;
    CREATE INDEX IF NOT EXISTS jobs_of_api_by_id ON jobs (api, owner, visible, id);
    CREATE INDEX IF NOT EXISTS jobs_of_api_by_update ON jobs (api, owner, visible, last_updated);
    """
"""Made and dropped without a new version: any jobsync that reads the tables can do without them."""


def statements(script: str) -> list[str]:
    """The SQL statements of *script*, without comment lines."""
    lines = [line for line in script.splitlines() if not line.strip().startswith("--")]
    return [part for part in "\n".join(lines).split(";") if part.strip()]
