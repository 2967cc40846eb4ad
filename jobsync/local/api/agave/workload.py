"""What the engine is told about Agave jobs: their folder, their end (agave-v2 §4.4, §6.3)."""

from __future__ import annotations

import time
from collections.abc import Callable

from jobsync.local.apps.registry import Apps
from jobsync.local.engine.background_tasks import BackgroundTasks
from jobsync.local.engine.completion import finish
from jobsync.local.storage.archive_path import slug
from jobsync.local.storage.copying import Check
from jobsync.local.storage.files import Storage
from jobsync.local.storage.staging import StagingError, is_short, prepare
from jobsync.local.storage.systems import System
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow


class AgaveJobs:
    """Implements :class:`~jobsync.local.engine.workload.Workload`.

    *dialect* decides what a stopped job ends as (agave-v2 §4.4, §9).
    """

    keeps_failures = False

    def __init__(
        self,
        store: Store,
        apps: Apps,
        storage: Storage,
        *,
        dialect: str = "agave",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._apps = apps
        self._storage = storage
        self._dialect = dialect
        self._clock = clock

    def is_held(self, row: JobRow) -> bool:
        return False

    def unable(self, row: JobRow) -> str:
        if self._apps.get(row.app_id) is not None:
            return ""
        trouble = self._apps.trouble(row.app_id)
        return f"No app found matching {row.app_id}{f': {trouble}' if trouble else '.'}"

    def has_inputs(self, row: JobRow) -> bool:
        return bool(row.request.get("inputs"))

    def is_short(self, row: JobRow) -> bool:
        return is_short(row, self._storage)

    def prepare(self, row: JobRow, system: System, check: Check) -> None:
        app = self._apps.get(row.app_id)
        if app is None:
            raise StagingError(self.unable(row))
        prepare(row, app, system, self._storage, check, logs=self._logs(row, system))

    def _logs(self, row: JobRow, system: System) -> str:
        """What the names of the logs begin with (agave-v2 §6.3): Aloe and schedulers add the id."""
        name = slug(row.name)
        has_id = self._dialect == "aloe" or system.engine != "fork"
        return f"{name}-{row.id}" if has_id else name

    def finish(self, tasks: BackgroundTasks, row: JobRow, system: System | None) -> JobRow:
        return finish(self._store, self._storage, tasks, row, system, self._clock)

    def stops_as(self, row: JobRow, *, began: bool) -> str:
        if self._dialect == "aloe":
            return "STOPPED"
        if began or row.status == "PROCESSING_INPUTS":
            return "FAILED"
        return "STOPPED"
