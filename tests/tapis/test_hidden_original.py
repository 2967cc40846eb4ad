"""A person submits a run again in a portal, with other values and the same name and tags, and hides
the first one. What is left under the name is not what is declared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.lock_format import Lock
from jobsync.model import Action, DesiredState, JobChange, Plan, Standing, Target
from jobsync.observe import observe
from jobsync.plan import PlanOptions, build
from tests.fakes.tapis_world import World, world
from tests.tapis.sets import load_text

BODY = """
jobs:
  one:
    appId: wc-demo
    appVersion: "1.00"
    parameterSet: {envVariables: [{key: lines, value: "2"}]}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("original")) as found:
        yield found


@pytest.fixture
def desired(tmp_path: Path) -> DesiredState:
    return load_text(tmp_path, BODY)


def planned(running: World, desired: DesiredState, known: dict[str, list[str]]) -> Plan:
    target = Target("local", running.service.url, api="tapis/v3")
    seen = observe(desired, running.as_("alice"), Lock(), target, remembered=lambda user: known)
    return build(desired, seen, PlanOptions())


@pytest.mark.parametrize("lines", ["2", "9"])
def test_what_a_person_made_of_a_hidden_run_is_current_only_if_it_is_the_same(
    running: World, desired: DesiredState, lines: str
) -> None:
    me, job = running.as_("alice"), desired.jobs["one"]
    request: dict[str, Any] = dict(job.request)
    first = me.submit(job.name, request)
    running.service.wait("alice", first.id)
    tags = me.jobs.get(first.id)[0]["tags"]
    edited = {**request, "parameterSet": {"envVariables": [{"key": "lines", "value": lines}]}}
    again = running.service.submit("alice", **{**edited, "name": job.name, "tags": tags})["uuid"]
    running.service.wait("alice", again)
    me.hide(first.id)
    try:
        plan = planned(running, desired, {job.name: [first.id]})
        (state,) = plan.states
        if lines == "2":
            assert state.standing is Standing.CURRENT and state.run and state.run.id == again
        else:
            (change,) = plan.changes
            assert isinstance(change, JobChange) and change.before is not None
            assert (change.action, change.before.id) == (Action.RESTORE, first.id)
            assert any(again in warning for warning in plan.warnings)
    finally:
        me.hide(again)
