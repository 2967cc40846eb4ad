"""What every engine can do: four calls, and three ways to say that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow
from jobsync.structs import Struct


class Declined(Exception):
    """The engine will never accept this job; the text is the engine's own."""


class Unsure(Exception):
    """The engine may have taken the job or not, or cannot now: look for it, then try again."""


class Unreachable(Exception):
    """The engine cannot be reached, so nothing is known about any job."""


class Fate(Struct, frozen=True):
    """What the engine knows of a job that is gone; ``reason`` is its own word for it.

    ``patience`` is how many seconds its exit record may still take to appear; None leaves that to
    the system's grace period.
    """

    words: str = ""
    patience: float | None = None
    reason: str = ""


class Runner(Protocol):
    """One kind of engine on one system."""

    def on_end(self, tell: Callable[[], None]) -> None:
        """Call *tell*, from any thread, when a job has ended, where that is known without asking.

        The loop looks at its jobs now and then in any case.
        """

    def submit(self, row: JobRow, system: System) -> str:
        """Start ``run.sh`` of a staged job; its native id. Raises Declined or Unsure."""

    def find_jobs(self, rows: Sequence[JobRow]) -> dict[str, str]:
        """The jobs of *rows* that the engine has, by job id, with their native ids.

        A job without a native id is found by its own id. Raises Unreachable.
        """

    def end(self, row: JobRow, sharply: int) -> None:
        """Make the job end; *sharply* counts the calls for this job, 0 is the polite one."""

    def still_runs(self, row: JobRow) -> bool:
        """Whether anything of the job still runs. Raises Unreachable."""

    def end_leftovers(self, row: JobRow) -> None:
        """After the job has left its exit record: end what it left behind."""

    def fate(self, row: JobRow) -> Fate:
        """What became of a job that is gone."""

    def label(self, native_id: str) -> str:
        """A native id for people: ``process 4711``, ``Slurm job 12``."""
