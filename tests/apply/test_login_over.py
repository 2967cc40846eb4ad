"""A login that ends while an apply goes on: nothing more is sent, and what runs is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply import exit_code
from jobsync.errors import ExitCode, SubmitRejected
from jobsync.model import Result
from tests.apply.plans import BOTH, World, short

OVER = "the token has ended"


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


def refused(world: World) -> Callable[[Callable[[], Any]], Any]:
    def fault(do: Callable[[], Any]) -> Any:
        world.service.login_over = OVER
        raise SubmitRejected(OVER, status=401)

    return fault


def test_when_nothing_was_changed_it_is_an_error(world: World) -> None:
    world.service.script["submit"] = [refused(world)] * 2
    the_plan = world.plan(world.create("align"), world.create("tree", "align"), world.create("zip"))
    outcomes = world.apply(the_plan, wait=math.inf)
    assert {one.result for one in outcomes} <= {Result.FAILED, Result.SKIPPED}
    assert exit_code(the_plan, outcomes) is ExitCode.ERROR
    assert world.service.posts() <= 2, "one that was under way at the same time, and no third try"


def test_what_runs_goes_on_and_is_told(world: World) -> None:
    def carried(do: Callable[[], Any]) -> Any:
        made = do()
        world.service.login_over = OVER
        return made

    world.service.fates[""] = ((1, "RUNNING"), (5000, "FINISHED"))
    world.service.script["submit"] = [carried]
    the_plan = world.plan(world.create("align"), world.create("tree", "align"))
    outcomes = world.apply(the_plan, wait=math.inf)
    assert short(outcomes) == [
        ("align", "job", "done"),
        ("align", "run", "waiting"),
        ("tree", "job", "skipped"),
    ]
    assert OVER in outcomes[1].detail and OVER in outcomes[2].detail
    assert exit_code(the_plan, outcomes) is ExitCode.PARTIAL
    assert world.service.posts() == 1
