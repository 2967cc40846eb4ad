"""What a request handler is given: the parts of the service, and the request in hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from werkzeug.wrappers import Request

from jobsync.local.api.agave.dialect import Dialect
from jobsync.local.api.agave.tokens import Tokens
from jobsync.local.api.agave.wire import Wire
from jobsync.local.apps.registry import Apps
from jobsync.local.faults import Asked, Fault, FaultBoard
from jobsync.local.storage.files import Storage
from jobsync.local.storage.folders import Folders
from jobsync.local.storage.systems import Systems
from jobsync.local.store.database import Store
from jobsync.local.store.rows import AGAVE, JobRow
from jobsync.structs import Struct, field


class Site(Struct, frozen=True):
    """The parts that every request shares.

    ``wake`` tells the engine that there is something to do. ``stop_patience`` is how many seconds
    a stop waits for the engine, ``kill_delay`` how old a job is at least when it is killed, and
    ``aloe_delay`` how long Aloe keeps an accepted job to itself.
    """

    store: Store
    apps: Apps
    systems: Systems
    storage: Storage
    tokens: Tokens
    faults: FaultBoard
    dialect: Dialect
    folders: Folders = field(default_factory=Folders)
    wake: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    stop_patience: float = 10.0
    kill_delay: float = 1.0
    aloe_delay: float = 0.5


class Call(Struct, frozen=True):
    """One request, its user and its operation. ``rest`` is the path after the recognised part."""

    site: Site
    request: Request
    user: str
    asked: Asked
    wire: Wire
    query: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The database of the service."""
        return self.site.store

    def fault(self, *kinds: str) -> Fault | None:
        """The armed fault of one of *kinds* that strikes this request."""
        return self.site.faults.take(kinds, self.asked)

    def job(self, job_id: str) -> JobRow | None:
        """A job, visible or hidden; None when there is none of this api, and while an engine (Aloe)
        or a fault keeps a new job from view."""
        row = self.store.job(job_id)
        if (
            row is None
            or row.api != AGAVE
            or job_id in self.site.faults.hidden()
            or self._only_accepted(row)
        ):
            return None
        return row

    def _only_accepted(self, row: JobRow) -> bool:
        if not self.site.dialect.is_aloe:
            return False
        return self.site.clock() < row.created + self.site.aloe_delay
