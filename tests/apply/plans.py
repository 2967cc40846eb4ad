"""Short ways to write a plan by hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from jobsync.apply import ApplyEvent, ApplySettings, Binding, SubmitLimits, apply
from jobsync.model import (
    NO_ACCESS,
    SUBMITS,
    Access,
    AccessChange,
    Action,
    AddressState,
    Change,
    GrantChange,
    JobChange,
    Outcome,
    Plan,
    Reason,
    RunRef,
    Standing,
)
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS
from tests.fakes.memory import (
    RECORDS,
    FakeClock,
    Job,
    MemoryBackend,
    MemoryService,
    archiving,
)
from tests.fakes.planworld import APPS

PRINT = "aaaaaaaaaa"
WORDS = {
    AGAVE.name: ("READ_WRITE", "READ", "WRITE"),
    TAPIS.name: ("READ", "[JOB_OUTPUT]", "[JOB_HISTORY]"),
}
"""The most access, and two halves of it, by platform."""

BOTH = (AGAVE, TAPIS)
"""The platforms that every law of an apply is tried on."""


def name(address: str, attempt: int = 1) -> str:
    base = f"phylo.{address}.{PRINT}"
    return base if attempt == 1 else f"{base}.r{attempt}"


def create(address: str, *needs: str, platform: Platform = AGAVE, **more: Any) -> JobChange:
    request = more.pop("request", APPS[platform.name])
    return JobChange(
        address=address,
        action=more.pop("action", Action.CREATE),
        reason=Reason.NEVER_RUN,
        name=more.pop("name", name(address)),
        request=request,
        needs=tuple(needs),
        upstream=tuple(needs),
        **more,
    )


def grants(
    address: str,
    run: RunRef | None,
    image: dict[str, str] | None,
    *,
    platform: Platform = AGAVE,
    **to: str,
) -> AccessChange:
    words = platform.permissions.levels
    levels = {user: words[word] for user, word in (image or {}).items()}
    return AccessChange(
        address=address,
        action=Action.UPDATE,
        run=run,
        image=None if image is None else levels,
        grants=tuple(
            GrantChange(user, levels.get(user, NO_ACCESS), words[word]) for user, word in to.items()
        ),
    )


def state(address: str, standing: Standing, run: RunRef | None = None) -> AddressState:
    return AddressState(address, standing, run)


def plan(
    *changes: Change,
    states: tuple[AddressState, ...] = (),
    platform: Platform = AGAVE,
    **more: Any,
) -> Plan:
    known = {s.address for s in states}
    pending = tuple(
        AddressState(c.address, Standing.PENDING, None)
        for c in changes
        if isinstance(c, JobChange) and c.action in SUBMITS and c.address not in known
    )
    return Plan(
        api=platform.name,
        project="phylo",
        target="memory",
        base_url="https://memory.example",
        user="alice",
        manifest_digest="d" * 64,
        root="/nowhere",
        outputs_root="/nowhere",
        changes=changes,
        states=(*states, *pending),
        **more,
    )


class World:
    """A service, a clock, a state folder, and a way to apply; and plans for it."""

    def __init__(self, folder: Path, platform: Platform = AGAVE) -> None:
        self.folder = folder
        self.platform = platform
        self.clock = FakeClock()
        self.service = MemoryService(self.clock)
        self.service.resolved = RECORDS.get(platform.name, archiving)
        self.backend = MemoryBackend(self.service, platform=platform)
        self.events: list[ApplyEvent] = []
        self.create = partial(create, platform=platform)
        self.grants = partial(grants, platform=platform)
        self.plan = partial(plan, platform=platform)
        self.binding = Binding(self.backend.base_url, "alice", "phylo", platform.journal_mark)

    def apply(self, the_plan: Plan, **settings: Any) -> tuple[Outcome, ...]:
        settings.setdefault("submits", SubmitLimits(settle=30, visible=20))
        wanted = ApplySettings(state_dir=self.folder, clock=self.clock, **settings)
        return apply(the_plan, self.backend, wanted, self.events.append)


def short(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str, str]]:
    return [(o.address, o.kind, str(o.result)) for o in outcomes]


class Either(World):
    """A world of one of the platforms, with its words for the most access, and for two halves."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        super().__init__(folder, platform)
        self.most, self.less, self.other = WORDS[platform.name]

    def level(self, word: str) -> Access:
        return self.platform.permissions.levels[word]


def shared(world: World, owner: str = "alice", **levels: str) -> Job:
    job = world.service.make(name("align"), owner, {}, final="FINISHED")
    known = world.platform.permissions.levels
    job.grants.update({user: known[word] for user, word in levels.items()})
    return job


def ref(job: Job) -> RunRef:
    return RunRef(job.id, job.name, "FINISHED")
