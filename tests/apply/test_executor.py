"""What an apply does, in what order, and what it says of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply import exit_code
from jobsync.apply.job_states import JobStates
from jobsync.errors import ExitCode
from jobsync.model import Action, IdRef, OutputRef, Result, Standing
from jobsync.plan import Stale
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS
from tests.apply.plans import BOTH, World, name, ref, short, state


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


def order(world: World, verb: str) -> list[str]:
    return [call[1] for call in world.service.calls if call[0] == verb]


def test_a_plan_without_changes_does_nothing(world: World) -> None:
    assert world.apply(world.plan()) == ()
    assert world.service.calls == []


def test_submit_wait_and_grant(world: World) -> None:
    the_plan = world.plan(world.create("align"), world.grants("align", None, {}, bob="READ"))
    outcomes = world.apply(the_plan, wait=math.inf)
    assert short(outcomes) == [
        ("align", "job", "done"),
        ("align", "run", "done"),
        ("align", "permission", "done"),
    ]
    [job] = world.service.jobs.values()
    assert job.name == name("align")
    assert list(job.grants) == ["bob"]
    assert exit_code(the_plan, outcomes) is ExitCode.OK


def test_without_wait_what_needs_a_finished_job_is_left(world: World) -> None:
    the_plan = world.plan(world.create("align"), world.create("tree", "align"))
    outcomes = world.apply(the_plan)
    assert short(outcomes) == [("align", "job", "done"), ("tree", "job", "waiting")]
    assert "waits for align" in outcomes[1].detail
    assert exit_code(the_plan, outcomes) is ExitCode.OK


def test_dependants_are_sent_after_what_they_need_with_references_filled_in(world: World) -> None:
    request = {
        "appId": "tree-1",
        "inputs": {"a": [OutputRef("align", "out dir/a b.fa")]},
        "parameters": {"of": IdRef("align")},
    }
    outcomes = world.apply(
        world.plan(world.create("tree", "align", request=request), world.create("align")),
        wait=math.inf,
    )
    assert [o.result for o in outcomes] == [Result.DONE] * 4
    assert order(world, "submit") == [name("align"), name("tree")]
    align, tree = world.service.jobs.values()
    place = {
        AGAVE: f"agave://archive/alice/archive/jobs/job-{align.id}/out%20dir/a%20b.fa",
        TAPIS: f"tapis://archive/jobs/{align.id}/archive/out dir/a b.fa",
    }
    assert tree.request["inputs"] == {"a": [place[world.platform]]}
    assert tree.request["parameters"] == {"of": align.id}


def test_a_failed_submit_stops_dependants_and_deletes_but_nothing_else(world: World) -> None:
    old = world.service.make("phylo.old.bbbbbbbbbb", "alice", {}, final="FINISHED")
    delete = world.create("old", action=Action.DELETE, before=ref(old), name=old.name)
    bad = world.create("align", request={"appId": OutputRef("old", "x")})
    the_plan = world.plan(
        bad,
        world.create("tree", "align"),
        world.create("leaf", "tree"),
        world.create("other"),
        delete,
    )
    outcomes = world.apply(the_plan, wait=math.inf)
    assert short(outcomes) == [
        ("align", "job", "failed"),
        ("leaf", "job", "skipped"),
        ("old", "job", "skipped"),
        ("other", "job", "done"),
        ("other", "run", "done"),
        ("tree", "job", "skipped"),
    ]
    assert old.visible
    assert exit_code(the_plan, outcomes) is ExitCode.PARTIAL


def test_a_job_that_fails_is_run_again_as_declared(world: World) -> None:
    world.service.fates[name("align")] = ((1, "FAILED"),)
    the_plan = world.plan(
        world.create("align", retries=1),
        world.create("tree", "align"),
        world.grants("align", None, {}, bob="READ"),
    )
    outcomes = world.apply(the_plan, wait=math.inf)
    assert order(world, "submit") == [name("align"), name("align", 2), name("tree")]
    assert exit_code(the_plan, outcomes) is ExitCode.OK
    assert list(world.service.named(name("align", 2))[0].grants) == ["bob"]


def test_a_job_that_fails_for_good_ends_with_7(world: World) -> None:
    world.service.fates[""] = ((1, "FAILED"),)
    the_plan = world.plan(world.create("align", retries=2), world.create("tree", "align"))
    outcomes = world.apply(the_plan, wait=math.inf)
    assert order(world, "submit") == [name("align"), name("align", 2), name("align", 3)]
    assert exit_code(the_plan, outcomes) is ExitCode.JOB_FAILED
    assert short(outcomes)[-1] == ("tree", "job", "skipped")


def test_a_stopped_job_is_not_run_again(world: World) -> None:
    world.service.fates[""] = ((1, "STOPPED"),)
    outcomes = world.apply(world.plan(world.create("align", retries=2)), wait=math.inf)
    assert order(world, "submit") == [name("align")]
    assert short(outcomes)[-1] == ("align", "run", "failed")


def test_statuses_may_go_backwards_and_be_unknown(world: World) -> None:
    world.service.fates[""] = ((1, "RUNNING"), (3, "QUEUED"), (6, "TELEPORTING"), (60, "FINISHED"))
    outcomes = world.apply(world.plan(world.create("align")), wait=math.inf)
    assert short(outcomes) == [("align", "job", "done"), ("align", "run", "done")]
    words = [e.status for e in world.events if e.kind == "run" and e.status]
    assert "TELEPORTING" in words


def test_one_listing_tells_of_all_jobs_less_and_less_often(world: World) -> None:
    world.service.fates[""] = ((1, "RUNNING"), (600, "FINISHED"))
    world.apply(world.plan(*(world.create(f"j{n}") for n in range(20))), wait=math.inf)
    listings = sum(1 for call in world.service.calls if call[0] == "runs")
    assert listings < 40
    assert max(world.clock.slept) == pytest.approx(30.0)


def test_a_wait_that_is_over_says_what_still_runs(world: World) -> None:
    world.service.fates[""] = ((1, "RUNNING"),)
    the_plan = world.plan(world.create("align"), world.create("tree", "align"))
    outcomes = world.apply(the_plan, wait=100.0)
    assert short(outcomes) == [
        ("align", "job", "done"),
        ("align", "run", "waiting"),
        ("tree", "job", "waiting"),
    ]
    assert world.clock.time == pytest.approx(100.0, abs=5)
    assert exit_code(the_plan, outcomes) is ExitCode.PARTIAL


def test_jobs_in_progress_are_waited_for(world: World) -> None:
    running = world.service.make(name("align"), "alice", {"appId": "x"})
    the_plan = world.plan(
        world.create("tree", "align"), states=(state("align", Standing.IN_PROGRESS, ref(running)),)
    )
    outcomes = world.apply(the_plan, wait=math.inf)
    assert short(outcomes) == [
        ("align", "run", "done"),
        ("tree", "job", "done"),
        ("tree", "run", "done"),
    ]


def test_restore_then_grants_from_the_list_that_is_there(world: World) -> None:
    read = world.platform.permissions.levels["READ"]
    hidden = world.service.make(name("align"), "alice", {}, final="FINISHED", visible=False)
    hidden.grants["mallory"] = read
    the_plan = world.plan(
        world.create("align", action=Action.RESTORE, before=ref(hidden)),
        world.grants("align", ref(hidden), None, bob="READ"),
        world.create("tree", "align"),
    )
    outcomes = world.apply(the_plan)
    assert [o.result for o in outcomes] == [Result.DONE] * 3
    assert hidden.visible
    assert hidden.grants == {"bob": read}


def test_a_superseded_run_is_stopped_after_its_successor_is_there(world: World) -> None:
    old = world.service.make("phylo.align.bbbbbbbbbb", "alice", {})
    the_plan = world.plan(
        world.create("align", action=Action.STOP, before=ref(old), name=old.name),
        world.create("align", action=Action.REPLACE),
    )
    world.apply(the_plan)
    verbs = [call[0] for call in world.service.calls]
    assert verbs.index("submit") < verbs.index("stop")
    assert old.final == "STOPPED"


def test_a_run_is_not_stopped_when_its_successor_could_not_be_submitted(world: World) -> None:
    old = world.service.make("phylo.align.bbbbbbbbbb", "alice", {})
    bad = world.create("align", action=Action.REPLACE, request={"appId": OutputRef("nowhere", "x")})
    stop = world.create("align", action=Action.STOP, before=ref(old), name=old.name)
    outcomes = world.apply(world.plan(stop, bad))
    assert sorted(str(o.result) for o in outcomes) == ["failed", "skipped"]
    assert old.final == ""


def test_a_superseded_run_is_stopped_although_the_current_one_has_failed(world: World) -> None:
    old = world.service.make("phylo.align.bbbbbbbbbb", "alice", {})
    failed = world.service.make(name("align"), "alice", {}, final="FAILED")
    stop = world.create("align", action=Action.STOP, before=ref(old), name=old.name)
    the_plan = world.plan(stop, states=(state("align", Standing.FAILED, ref(failed)),))
    outcomes = world.apply(the_plan)
    assert short(outcomes) == [("align", "job", "done")]
    assert old.final == "STOPPED"
    assert exit_code(the_plan, outcomes) is ExitCode.JOB_FAILED


def test_a_run_that_has_ended_is_not_stopped(world: World) -> None:
    old = world.service.make("phylo.align.bbbbbbbbbb", "alice", {}, final="FINISHED")
    stop = world.create("align", action=Action.STOP, before=ref(old), name=old.name)
    [outcome] = world.apply(world.plan(stop))
    assert (outcome.result, outcome.detail) == (Result.DONE, "it had already ended: FINISHED")
    assert order(world, "stop") == []


def test_many_submits_are_scanned_with_one_listing(world: World) -> None:
    def doubled(do: Any) -> Any:
        do()
        return do()

    world.service.script["submit"] = [doubled]
    outcomes = world.apply(world.plan(*(world.create(f"j{n:02}") for n in range(30))))
    results = [str(o.result) for o in outcomes]
    assert (results.count("done"), results.count("unknown")) == (29, 1)
    calls = [call[0] for call in world.service.calls]
    assert (calls.count("runs"), calls.count("runs_named")) == (1, 31)


def test_a_job_hidden_while_it_is_waited_for_is_over(world: World) -> None:
    running = world.service.make(name("align"), "alice", {}, visible=False)
    the_plan = world.plan(states=(state("align", Standing.IN_PROGRESS, ref(running)),))
    outcomes = world.apply(the_plan, wait=math.inf)
    assert short(outcomes) == [("align", "run", "failed")]
    assert "deleted" in outcomes[0].detail


def test_polling_survives_trouble_and_gives_up_in_the_end(world: World) -> None:
    from jobsync.errors import Unreachable

    def drop(do: object) -> None:
        raise Unreachable("reset")

    world.service.script["runs"] = [drop, drop]
    outcomes = world.apply(world.plan(world.create("align")), wait=math.inf)
    assert short(outcomes)[-1] == ("align", "run", "done")
    world.service.script["runs"] = [drop] * 1000
    outcomes = world.apply(world.plan(world.create("tree")), wait=math.inf, patience=50)
    assert short(outcomes)[-1] == ("tree", "run", "waiting")
    assert "reset" in outcomes[-1].detail


def test_events_bear_terraforms_names(world: World) -> None:
    world.apply(world.plan(world.create("align")), wait=math.inf)
    types = [str(event.type) for event in world.events]
    assert types[0] == "planned_change"
    assert types[1] == "apply_start"
    assert types[-1] == "change_summary"
    assert {"apply_progress", "apply_complete"} <= set(types)
    assert world.events[-1].counts == {"done": 2}


def test_stale_addresses_are_left_alone(world: World) -> None:
    the_plan = world.plan(world.create("tree", "align"), world.create("other"))
    outcomes = world.apply(the_plan, stale=(Stale(world.create("align"), "it has moved"),))
    assert short(outcomes) == [
        ("align", "job", "stale"),
        ("other", "job", "done"),
        ("tree", "job", "skipped"),
    ]
    assert exit_code(the_plan, outcomes) is ExitCode.STALE


def test_what_is_looked_at_for_a_job_does_not_grow_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = JobStates.__getitem__

    def counted(board: JobStates, address: str) -> Any:
        nonlocal looks
        looks += 1
        return look(board, address)

    monkeypatch.setattr(JobStates, "__getitem__", counted)

    def looks_a_job(count: int) -> float:
        nonlocal looks
        looks = 0
        world = World(tmp_path / str(count))
        pairs = [
            change
            for number in range(count)
            for change in (
                world.create(f"j{number:03}", *([f"j{number - 1:03}"] if number % 10 else [])),
                world.grants(f"j{number:03}", None, {}, bob="READ"),
            )
        ]
        outcomes = world.apply(world.plan(*pairs), wait=math.inf)
        assert {str(outcome.result) for outcome in outcomes} == {"done"}
        return looks / count

    assert looks_a_job(160) < 1.2 * looks_a_job(40)
