"""What needs a job is submitted once its run has produced what it must, and not before."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.apply import exit_code
from jobsync.errors import ExitCode, Forbidden, Refused
from jobsync.model import (
    Action,
    FetchedFile,
    Gate,
    Outcome,
    OutputChange,
    OutputRule,
    Plan,
    Run,
    RunRef,
    Standing,
)
from jobsync.outputs.result import FetchResult
from tests.apply.plans import BOTH, World, name, short, state
from tests.fakes.memory_outputs import Outputs

RULES = (OutputRule("sorted.txt", "results/"),)
GATES = {"sort": Gate(RULES, ("DONE.ok",))}
FETCH = OutputChange("sort", None, RULES, ("DONE.ok",))
WHOLE = ["DONE.ok", "sorted.txt"]


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


def leaving(*paths: str) -> Callable[[str], Outputs]:
    return lambda run_id: Outputs(dict.fromkeys(paths, b"abc"))


def fetching(seen: list[OutputChange]) -> Callable[..., FetchResult]:
    """Fetches without files: lists where the change does not say what there is."""

    def fetch(reader, change: OutputChange, run: Run, report, stop) -> FetchResult:  # type: ignore
        seen.append(change)
        if change.files is None:
            try:
                reader.files(run.id)
            except Refused as error:
                return FetchResult(change.address, run.id, unavailable=str(error))
        got = tuple(
            FetchedFile(change.address, run.id, f.path, f.to, f.length, "0" * 64)
            for f in change.files or ()
        )
        return FetchResult(change.address, run.id, fetched=got, missing=change.missing)

    return fetch


def chain(world: World, *more: object, gates: dict[str, Gate] | None = None) -> Plan:
    changes = (
        world.create("sort"),
        world.create("pack", "sort"),
        world.create("leaf", "pack"),
        *more,
    )
    return world.plan(*changes, gates=GATES if gates is None else gates)  # type: ignore[arg-type]


def submitted(world: World) -> list[str]:
    return [call[1] for call in world.service.calls if call[0] == "submit"]


def detail(outcomes: tuple[Outcome, ...], address: str, kind: str) -> str:
    [found] = [o.detail for o in outcomes if (o.address, o.kind) == (address, kind)]
    return found


@pytest.mark.parametrize("more", [(), (FETCH,)], ids=["jobs only", "with its outputs"])
def test_what_needs_a_run_goes_out_once_its_files_were_seen(world: World, more: object) -> None:
    world.service.outputs = leaving(*WHOLE)
    the_plan = chain(world, *more)  # type: ignore[misc]
    outcomes = world.apply(the_plan, wait=math.inf, fetch=fetching([]))
    assert submitted(world) == [name("sort"), name("pack"), name("leaf")]
    verbs = [c[0] for c in world.service.calls if c[0] in ("files", "submit")]
    assert verbs[:3] == ["submit", "files", "submit"]
    assert verbs.count("files") == 1, "what was seen is not listed again to fetch it"
    assert {str(o.result) for o in outcomes} == {"done"}
    assert exit_code(the_plan, outcomes) is ExitCode.OK


@pytest.mark.parametrize("more", [(), (FETCH,)], ids=["jobs only", "with its outputs"])
@pytest.mark.parametrize("there", [["sorted.txt"], ["DONE.ok"], [], ["other.txt"]])
def test_what_needs_a_run_that_misses_something_is_not_submitted(
    world: World, more: object, there: list[str]
) -> None:
    world.service.outputs = leaving(*there)
    the_plan = chain(world, *more)  # type: ignore[misc]
    seen: list[OutputChange] = []
    outcomes = world.apply(the_plan, wait=math.inf, fetch=fetching(seen))
    assert submitted(world) == [name("sort")]
    runs = [row for row in short(outcomes) if row[1] == "run"]
    assert runs == [("sort", "run", "failed")], "said once, and not as done"
    assert ("pack", "job", "skipped") in short(outcomes)
    assert ("leaf", "job", "skipped") in short(outcomes)
    assert "matched nothing" in detail(outcomes, "sort", "run")
    assert "sort did not produce what it must" in detail(outcomes, "pack", "job")
    assert exit_code(the_plan, outcomes) is ExitCode.JOB_FAILED
    events = [(e.kind, e.type) for e in world.events if e.address == "sort" and e.result]
    assert len([kind for kind, _ in events if kind == "run"]) == 1
    if more:
        assert [file.path for file in seen[0].files or ()] == [
            path for path in there if path == "sorted.txt"
        ], "what there is of it is fetched all the same"
        assert seen[0].missing, "so that the lock records nothing as met"


@pytest.mark.parametrize("error", [Forbidden("no READ", status=403), Refused("gone", status=500)])
def test_what_needs_a_run_whose_outputs_cannot_be_read_waits(world: World, error: Refused) -> None:
    def refuse(run_id: str) -> Outputs:
        raise error

    world.service.outputs = refuse
    the_plan = chain(world)
    outcomes = world.apply(the_plan, wait=math.inf)
    assert submitted(world) == [name("sort")]
    assert short(outcomes) == [
        ("leaf", "job", "waiting"),
        ("pack", "job", "waiting"),
        ("sort", "job", "done"),
        ("sort", "run", "waiting"),
    ]
    assert "outputs" in detail(outcomes, "sort", "run")
    assert "whether sort produced what it must" in detail(outcomes, "pack", "job")
    assert exit_code(the_plan, outcomes) is ExitCode.PARTIAL, "unreadable is not incomplete"


def test_a_listing_that_fails_once_is_asked_for_again_by_the_fetch(world: World) -> None:
    tries = iter([Refused("busy", status=503), None])

    def once(run_id: str) -> Outputs:
        if error := next(tries):
            raise error
        return leaving(*WHOLE)(run_id)

    world.service.outputs = once
    outcomes = world.apply(chain(world, FETCH), wait=math.inf, fetch=fetching([]))
    assert submitted(world) == [name("sort"), name("pack"), name("leaf")]
    assert {str(o.result) for o in outcomes} == {"done"}


def test_a_run_that_was_under_way_is_looked_at_too(world: World) -> None:
    job = world.service.make(name("sort"), "alice", {"appId": "wc-1.0"})
    world.service.outputs = leaving("sorted.txt")
    ref = RunRef(job.id, job.name, "RUNNING")
    the_plan = world.plan(
        world.create("pack", "sort"),
        states=(state("sort", Standing.IN_PROGRESS, ref),),
        gates=GATES,
    )
    outcomes = world.apply(the_plan, wait=math.inf)
    assert submitted(world) == []
    assert short(outcomes) == [("pack", "job", "skipped"), ("sort", "run", "failed")]


@pytest.mark.parametrize("there", [WHOLE, ["sorted.txt"]])
def test_a_run_that_is_restored_is_looked_at_too(world: World, there: list[str]) -> None:
    job = world.service.make(name("sort"), "alice", {}, final="FINISHED", visible=False)
    world.service.outputs = leaving(*there)
    ref = RunRef(job.id, job.name, "FINISHED")
    restore = world.create("sort", action=Action.RESTORE, before=ref)
    outcomes = world.apply(world.plan(restore, world.create("pack", "sort"), gates=GATES))
    whole = there is WHOLE
    assert submitted(world) == ([name("pack")] if whole else [])
    expected = [("pack", "job", "done" if whole else "skipped"), ("sort", "job", "done")]
    assert short(outcomes) == expected + ([] if whole else [("sort", "run", "failed")])


def test_what_misses_something_is_not_run_again_by_itself(world: World) -> None:
    world.service.outputs = leaving()
    outcomes = world.apply(world.plan(world.create("sort", retries=3), gates=GATES), wait=math.inf)
    assert submitted(world) == [name("sort")]
    assert short(outcomes)[-1] == ("sort", "run", "failed")
