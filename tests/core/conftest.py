"""The platforms on which the tests of the core run: the first one, and the least there can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobsync.manifest import load
from jobsync.model import DesiredState, Plan, Run, RunState, Snapshot, Target
from jobsync.observe import lock_of, observe
from jobsync.plan import build
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS
from tests.apply.plans import World
from tests.fakes.toy import TOY

SETS = {
    AGAVE.name: """\
jobs:
  one: {appId: tool-1.0, parameters: {text: TEXT}, batchQueue: QUEUE, permissions: {bob: READ}}
  two:
    appId: tool-1.0
    inputs: {take: "${jobs.one.outputs/out.txt}"}
    matrix: {n: [1, 2]}
    parameters: {n: "${matrix.n}"}
""",
    TAPIS.name: """\
jobs:
  one: {appId: tool, appVersion: "1.0", parameterSet: {appArgs: [{name: text, arg: TEXT}]},
    execSystemLogicalQueue: QUEUE, permissions: {bob: READ}}
  two:
    appId: tool
    appVersion: "1.0"
    fileInputs: [{name: take, sourceUrl: "${jobs.one.outputs/out.txt}"}]
    matrix: {n: [1, 2]}
    parameterSet: {envVariables: [{key: N, value: "${matrix.n}"}]}
""",
    TOY.name: """\
jobs:
  one: {tool: echo, words: TEXT, machine: QUEUE, permissions: {bob: SEE}}
  two:
    tool: cat
    words: "${jobs.one.outputs/out.txt}"
    matrix: {n: [1, 2]}
    rerun: "${matrix.n}"
""",
}
"""Three jobs, two of which take an output of the first one, who lets bob see it."""

PLATFORMS: dict[str, Platform] = {one.name: one for one in (AGAVE, TAPIS, TOY)}


class OnePlatform:
    """A set in a folder, and a service in memory that it is applied to, both of one platform."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.world = World(folder / "state", platform)
        self.target = Target("memory", self.world.backend.base_url, api=platform.name)

    def write(self, text: str = "a", queue: str = "short", project: str = "p") -> None:
        body = SETS[self.platform.name].replace("TEXT", text).replace("QUEUE", queue)
        head = f"apiVersion: jobsync/v1\nproject: {project}\n"
        (self.folder / "set.yaml").write_text(head + body)

    def load(self) -> DesiredState:
        return load([self.folder], platforms=PLATFORMS, target=self.target)

    def seen(self, desired: DesiredState) -> Snapshot:
        """What is observed where the journals know every run by its name."""
        names = {job.name: (job.id,) for job in self.world.service.jobs.values()}
        lock = lock_of(desired)
        return observe(desired, self.world.backend, lock, self.target, None, lambda user: names)

    def plan(self) -> Plan:
        desired = self.load()
        return build(desired, self.seen(desired))

    def apply(self, **settings: Any) -> list[str]:
        outcomes = self.world.apply(self.plan(), wait=1000.0, **settings)
        return sorted({str(one.result) for one in outcomes})

    def runs(self) -> list[Run]:
        return self.world.backend.runs(lambda run: run.state is not RunState.ACTIVE)


@pytest.fixture(params=[*PLATFORMS], ids=lambda name: name.partition("/")[0])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> OnePlatform:
    found = OnePlatform(PLATFORMS[request.param], tmp_path)
    found.write()
    return found
