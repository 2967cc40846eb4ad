"""What the loop keeps between turns. Nothing in it matters: all can be found out again."""

from __future__ import annotations

from collections import Counter

from jobsync.local.store.rows import JobRow, Queued
from jobsync.structs import Struct, field


class Ending(Struct):
    """A job that is being ended: the reason, since when, and how often the engine was asked."""

    reason: str
    by_user: bool
    since: float
    told: int = 0


class Waiting(Struct, frozen=True):
    """A job that waits for room, and what it takes room in: its system and its queue."""

    job_id: str
    system: str
    keys: tuple[str, str]

    @classmethod
    def of(cls, row: JobRow | Queued) -> Waiting:
        """The entry of a job that waits for room on its system and in its queue."""
        return cls(row.id, row.system, (row.system, f"{row.system}/{row.queue}"))


class Memory(Struct):
    """When things were last seen. Lost with the process, and rebuilt by looking again.

    ``staging`` are the jobs whose inputs are being copied: they have their room already.
    """

    gone_since: dict[str, float] = field(default_factory=dict)
    ending: dict[str, Ending] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)
    fate_asked: dict[str, float] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    staging: dict[str, Waiting] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    trouble: Counter[str] = field(default_factory=Counter)
    placed: int = 0

    def forget(self, job_id: str) -> None:
        """Drop everything about a job that has ended."""
        for seen in (self.gone_since, self.fate_asked, self.ending, self.retry_at, self.staging):
            seen.pop(job_id, None)
        self.trouble.pop(job_id, None)
