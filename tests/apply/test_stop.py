"""Asked to stop: nothing more is sent, what is in flight settles, the rest is named."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply import SystemClock
from jobsync.errors import SubmitAmbiguous
from jobsync.model import Result, RunRef, Standing
from tests.apply.plans import BOTH, World, name, short, state


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


def test_what_was_not_begun_is_skipped(world: World) -> None:
    stop = threading.Event()

    def ask(do: Any) -> Any:
        stop.set()
        return do()

    world.backend.concurrency = 1
    world.service.script["submit"] = [ask]
    outcomes = world.apply(
        world.plan(world.create("a"), world.create("b"), world.create("c", "a")),
        stop=stop,
        wait=9e9,
    )
    assert short(outcomes) == [
        ("a", "job", "done"),
        ("a", "run", "waiting"),
        ("b", "job", "skipped"),
        ("c", "job", "skipped"),
    ]
    assert world.service.posts() == 1


def test_a_submit_in_flight_is_looked_for_once_more_and_left_to_the_next_run(world: World) -> None:
    stop = threading.Event()

    def ask(do: Any) -> Any:
        stop.set()
        raise SubmitAmbiguous("timeout")

    world.service.script["submit"] = [ask]
    [outcome] = world.apply(world.plan(world.create("a")), stop=stop)
    assert outcome.result is Result.UNKNOWN
    assert world.clock.time < 5, "it does not wait for the settle time"
    job = world.service.make(name("a"), "alice", {})
    [outcome] = world.apply(world.plan(world.create("a")))
    assert (outcome.result, outcome.run_id) == (Result.DONE, job.id)


def test_a_wait_ends_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    running = world.service.make(name("a"), "alice", {})
    stop = threading.Event()
    clock = SystemClock(stop)
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    from jobsync.apply import ApplySettings, apply

    ref = RunRef(running.id, running.name, "RUNNING")
    the_plan = world.plan(world.create("b", "a"), states=(state("a", Standing.IN_PROGRESS, ref),))
    settings = ApplySettings(
        state_dir=tmp_path, clock=clock, stop=stop, wait=math.inf, poll=(30.0, 30.0)
    )
    began = clock.monotonic()
    outcomes = apply(the_plan, world.backend, settings, world.events.append)
    assert clock.monotonic() - began < 25
    assert short(outcomes) == [("a", "run", "waiting"), ("b", "job", "skipped")]
    assert running.final == "", "jobs are never cancelled by it"
