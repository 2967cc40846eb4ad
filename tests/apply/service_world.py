"""A real local service and the real client, for an apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobsync.apply import ApplyEvent, ApplySettings, SubmitLimits, apply
from jobsync.backend import Backend
from jobsync.http.retry import RetryPolicy
from jobsync.local.service import Drive, Service
from jobsync.local.store.statuses import STATUSES
from jobsync.model import Access, JsonValue, Outcome, Plan
from tests.fakes import tapis_world
from tests.fakes.agave_world import world

SHORT = SubmitLimits(settle=3.0, visible=5.0, pause=0.05, longest_pause=0.3)


@dataclass
class RealWorld:
    """A running service, alice's client, and a way to apply."""

    service: Service
    backend: Backend
    folder: Path
    events: list[ApplyEvent] = field(default_factory=list)
    app: Mapping[str, JsonValue] = field(default_factory=lambda: {"appId": "wc-demo-1.00"})

    def plan(self, plan: Plan) -> Plan:
        from jobsync.structs import replace

        return replace(plan, base_url=self.service.url, api=self.backend.platform.name)

    def level(self, word: str) -> Access:
        return self.backend.platform.permissions.levels[word]

    def apply(self, plan: Plan, **settings: Any) -> tuple[Outcome, ...]:
        settings.setdefault("submits", SHORT)
        settings.setdefault("poll", (0.05, 0.3))
        wanted = ApplySettings(state_dir=self.folder / "state", **settings)
        return apply(self.plan(plan), self.backend, wanted, self.events.append)

    def named(self, name: str) -> list[str]:
        """The ids of all jobs of that name in the service's own books."""
        return [row.id for row in self.service.store.jobs_in(STATUSES) if row.name == name]


@contextmanager
def real_world(folder: Path, dialect: str = "agave", **more: Any) -> Iterator[RealWorld]:
    """A service with alice and bob, jobs really running, faults on demand."""
    policy = RetryPolicy(attempts=4, first=0.02, longest=0.2)
    with world(folder / "service", dialect=dialect, drive=Drive.STEP, **more) as running:
        alice = running.as_("alice", idle_timeout=1.5, total_timeout=3.0, policy=policy)
        yield RealWorld(running.service, alice, folder)


@contextmanager
def tapis_real_world(folder: Path) -> Iterator[RealWorld]:
    """The same, as it speaks Tapis v3."""
    policy = RetryPolicy(attempts=4, first=0.02, longest=0.2)
    with tapis_world.world(folder / "service") as running:
        alice = running.as_("alice", idle_timeout=1.5, total_timeout=3.0, policy=policy)
        app = {"appId": "wc-demo", "appVersion": "1.00"}
        yield RealWorld(running.service.service, alice, folder, app=app)
