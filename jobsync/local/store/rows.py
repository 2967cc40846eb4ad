"""The records that the store keeps, and what it refuses. Times are epoch seconds."""

from __future__ import annotations

from typing import Any

from jobsync.structs import Struct, field

AGAVE = "agave/v2"
TAPIS = "tapis/v3"


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
    ``status`` is a phase of the engine (:mod:`jobsync.local.store.statuses`), ``reason`` why it
    did not end well. A job belongs to one ``api``, which alone knows it. ``number`` rises with
    every job stored and is given by the store. ``directories`` are paths of the system.
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
    api: str = AGAVE
    number: int = 0
    tags: list[str] = field(default_factory=list)
    directories: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class Queued(Struct, frozen=True):
    """What of a job decides whether it may start; ``stop`` is whether it is to be stopped."""

    id: str
    system: str
    queue: str
    stop: bool


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


class Share(Struct, frozen=True):
    """One resource of a job that its owner opened to somebody (tapis-v3 §9)."""

    job_id: str
    grantee: str
    resource: str
    grantor: str
    created: float


class Subscription(Struct, frozen=True):
    """A subscription to the events of a job (tapis-v3 §10); ``document`` is what was asked for."""

    id: str
    job_id: str
    document: dict[str, Any]
    created: float
