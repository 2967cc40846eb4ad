"""What the engine does not know of a job: how the jobs of one api are made ready and finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jobsync.local.engine.background_tasks import BackgroundTasks
from jobsync.local.storage.copying import Check
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow


class Workload(Protocol):
    """The jobs of one api.

    ``keeps_failures`` says that what a job made is looked after although it was killed.
    """

    keeps_failures: bool

    def is_held(self, row: JobRow) -> bool:
        """Whether a waiting job shall not be started yet."""

    def unable(self, row: JobRow) -> str:
        """Why the job cannot be made ready; "" when nothing is known against it."""

    def has_inputs(self, row: JobRow) -> bool:
        """Whether files are copied before the job runs."""

    def is_short(self, row: JobRow) -> bool:
        """Whether :meth:`prepare` is done in an instant."""

    def prepare(self, row: JobRow, system: System, check: Check) -> None:
        """Make the job ready to be run. Raises
        :class:`~jobsync.local.storage.staging.StagingError` and what *check* raises."""

    def finish(self, tasks: BackgroundTasks, row: JobRow, system: System | None) -> JobRow:
        """Bring a job that has ended towards its last phase. Can be repeated."""

    def stops_as(self, row: JobRow, *, began: bool) -> str:
        """The phase in which a job ends that its user stopped; ``began``: it had been started."""


Workloads = Mapping[str, Workload]
"""By api, as a job's row names it."""
