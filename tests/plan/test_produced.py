"""A run is finished for what needs it only when it has produced what it must; and running again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from jobsync.errors import Usage
from jobsync.model import (
    AccessChange,
    Action,
    DeclaredJob,
    FetchedFile,
    JobChange,
    OutputRef,
    PermissionsMode,
    Plan,
    Reason,
    RemoteFile,
    Run,
    RunState,
    Standing,
    Unavailable,
)
from jobsync.plan import PlanOptions, build
from jobsync.render.advice import Call, what_next
from jobsync.structs import replace
from tests.fakes.planworld import World, desired, grants, id_of, job, rows, rule

FINISHED, ACTIVE, FAILED, STOPPED = (
    RunState.FINISHED,
    RunState.ACTIVE,
    RunState.FAILED,
    RunState.STOPPED,
)
SORT = job("sort", outputs=(rule("sorted.txt"),), expect=("DONE.ok",))
PACK = job("pack", {"inputs": {"x": OutputRef("sort", "sorted.txt")}}, among={"sort": SORT})
WHOLE = (RemoteFile("DONE.ok", 0, "t1"), RemoteFile("sorted.txt", 7, "t1"))
PART = WHOLE[1:]


def planned(world: World, *jobs: DeclaredJob, unread: Iterable[str] = (), **options: Any) -> Plan:
    wanted = desired(*(jobs or (SORT, PACK)))
    snapshot = world.snapshot(wanted)
    outputs = {**snapshot.outputs, **{run_id: Unavailable("503") for run_id in unread}}
    return build(wanted, replace(snapshot, outputs=outputs), PlanOptions(**options))


def states(plan: Plan) -> dict[str, Standing]:
    return {state.address: state.standing for state in plan.states}


def submits(plan: Plan) -> list[str]:
    return [c.name for c in plan.changes if isinstance(c, JobChange) and c.request]


def again(*texts: str) -> dict[str, frozenset[str]]:
    return {"retry": frozenset(texts)}


def fetched(world: World, run: Run, path: str = "sorted.txt", address: str = "sort") -> None:
    world.fetched.append(FetchedFile(address, run.id, path, f"results/{path}", 7, "0" * 64))


# --- what needs a job waits until it has produced what it must --------------------------


@pytest.mark.parametrize("files", [PART, WHOLE[:1], ()])
@pytest.mark.parametrize("options", [{}, {"exclude": ("sort",)}, {"only": frozenset({"jobs"})}])
def test_what_needs_a_run_that_misses_something_is_blocked(
    files: Any, options: dict[str, Any]
) -> None:
    world = World()
    world.of(SORT, files=files)
    plan = planned(world, **options)
    assert submits(plan) == []
    assert plan.states[0].notes == ("needs sort, which is incomplete",)
    assert states(plan)["pack"] is Standing.BLOCKED


@pytest.mark.parametrize("options", [{}, {"exclude": ("sort",)}, {"only": frozenset({"jobs"})}])
def test_what_needs_a_run_whose_outputs_cannot_be_read_is_blocked_and_the_run_is_current(
    options: dict[str, Any],
) -> None:
    world = World()
    run = world.of(SORT, files=WHOLE)
    plan = planned(world, unread=[run.id], **options)
    assert submits(plan) == []
    assert states(plan)["pack"] is Standing.BLOCKED
    assert plan.states[0].notes == ("needs sort, whose outputs cannot be read: 503",)
    assert states(plan).get("sort") in (None, Standing.CURRENT), "unreadable is never incomplete"


def test_what_needs_a_run_that_was_not_listed_is_blocked() -> None:
    world = World()
    world.of(SORT)
    wanted = desired(SORT, PACK)
    plan = build(wanted, replace(world.snapshot(wanted), outputs={}))
    assert plan.states[0].notes == ("needs sort, whose outputs were not listed",)


@pytest.mark.parametrize("gone", [True, False], ids=["unreadable", "purged"])
def test_what_the_lock_says_of_the_run_decides_whatever_its_listing_is_now(gone: bool) -> None:
    world = World()
    run = world.of(SORT, files=())
    fetched(world, run)
    world.expectations.add(("sort", run.id))
    plan = planned(world, unread=[run.id] if gone else [])
    assert submits(plan) == [PACK.name]
    assert states(plan)["sort"] is Standing.CURRENT


@pytest.mark.parametrize("expectation", [True, False])
def test_half_a_record_in_the_lock_proves_nothing(expectation: bool) -> None:
    world = World()
    run = world.of(SORT, files=())
    if expectation:
        world.expectations.add(("sort", run.id))
    else:
        fetched(world, run)
    assert states(planned(world))["sort"] is Standing.INCOMPLETE
    assert states(planned(world, unread=[run.id]))["pack"] is Standing.BLOCKED


def test_a_record_of_another_run_proves_nothing() -> None:
    world = World()
    run = world.of(SORT, files=())
    other = replace(run, id="9999-007")
    fetched(world, other)
    world.expectations.add(("sort", other.id))
    assert submits(planned(world)) == []


def test_what_is_optional_gates_nothing() -> None:
    sort = job("sort", outputs=(rule("sorted.txt", required=False),))
    pack = job("pack", {"inputs": {"x": OutputRef("sort", "sorted.txt")}}, among={"sort": sort})
    world = World()
    run = world.of(sort, files=())
    assert submits(planned(world, sort, pack)) == [pack.name]
    assert submits(planned(world, sort, pack, unread=[run.id])) == [pack.name]


def test_a_pinned_run_is_gated_as_any_other() -> None:
    world = World()
    run = world.of(SORT, files=PART)
    pinned = replace(SORT, pinned=run.id)
    pack = job("pack", {"inputs": {"x": OutputRef("sort", "sorted.txt")}}, among={"sort": pinned})
    plan = planned(world, pinned, pack)
    assert submits(plan) == []
    sort = plan.states[1]
    assert sort.standing is Standing.INCOMPLETE
    assert not sort.retriable and "remove id to run the job again" in sort.notes[-1]


# --- the run that is current ------------------------------------------------------------


def test_a_run_that_misses_something_says_what_and_what_to_do() -> None:
    world = World()
    world.of(SORT, files=PART)
    (state,) = planned(world, SORT).states
    assert state.notes == ("expected 'DONE.ok' matched nothing; there are 'sorted.txt'",)
    assert what_next(state, Call()) == (
        "see its log with: jobsync logs sort; run it again with: jobsync apply --retry sort"
    )


def test_after_a_retry_the_new_attempt_is_the_current_one() -> None:
    sort = replace(SORT, permissions=grants(bob="READ"), permissions_mode=PermissionsMode.EXACT)
    world = World()
    first = world.of(sort, files=PART, acl=rows(carol="READ"))
    plan = planned(world, sort, **again("sort"))
    (submit,) = (c for c in plan.changes if isinstance(c, JobChange) and c.request)
    assert (submit.action, submit.reason, submit.attempt) == (Action.RETRY, Reason.RETRY_ASKED, 2)
    assert id_of(submit.before) == first.id
    assert "expected 'DONE.ok' matched nothing; there are 'sorted.txt'" in submit.notes

    second = world.of(sort, ACTIVE, attempt=2)
    plan = planned(world, sort)
    assert states(plan)["sort"] is Standing.IN_PROGRESS
    world._set(second, state=FINISHED, status="FINISHED")
    world.files[second.id] = WHOLE
    plan = planned(world, sort)
    assert states(plan)["sort"] is Standing.CURRENT
    assert id_of(plan.states[0].run) == second.id
    assert plan.duplicates == {}, "attempts are no duplicates of each other"
    users = {
        id_of(c.run): [g.user for g in c.grants]
        for c in plan.changes
        if isinstance(c, AccessChange)
    }
    assert users == {first.id: ["carol"], second.id: ["bob"]}, "the older one only loses"


def test_an_attempt_that_the_lock_has_whole_goes_before_one_that_cannot_be_read() -> None:
    world = World()
    first = world.of(SORT, files=PART)
    second = world.of(SORT, attempt=2, files=WHOLE)
    fetched(world, second)
    world.expectations.add(("sort", second.id))
    plan = planned(world, unread=[first.id])
    assert id_of(plan.states[1].run) == second.id
    assert submits(plan) == [PACK.name]


def test_a_hidden_finished_run_is_restored_where_the_visible_one_misses_something() -> None:
    world = World()
    world.of(SORT, files=PART)
    hidden = world.of(SORT, attempt=2, visible=False)
    (change,) = (c for c in planned(world, SORT).changes if isinstance(c, JobChange))
    assert (change.action, id_of(change.before)) == (Action.RESTORE, hidden.id)


def test_what_misses_something_is_never_run_again_by_itself() -> None:
    world = World()
    sort = replace(SORT, retries=5)
    world.of(sort, files=PART)
    assert submits(planned(world, sort)) == []
    world.of(sort, FAILED, attempt=2)
    plan = planned(world, sort)
    assert submits(plan) == [] and states(plan)["sort"] is Standing.FAILED


# --- --retry and --retry-failed ---------------------------------------------------------

LADDER = {
    "calc.1": FAILED,
    "calc.2": STOPPED,
    "calc.3": FINISHED,
    "calc.4": ACTIVE,
    "other": FAILED,
}


def ladder() -> tuple[World, list[DeclaredJob]]:
    jobs = [job(address, {"parameters": {"n": i}}) for i, address in enumerate(LADDER)]
    world = World()
    for one in jobs:
        world.of(one, LADDER[one.address])
    return world, [*jobs, job("new", {"parameters": {"n": 9}})]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["calc.1"], ["calc.1"]),
        (["calc.*"], ["calc.1", "calc.2"]),
        (["calc"], ["calc.1", "calc.2"]),
        (["*"], ["calc.1", "calc.2", "other"]),
        (["calc.[12]", "other"], ["calc.1", "calc.2", "other"]),
        (["o*", "calc.2"], ["calc.2", "other"]),
    ],
)
def test_retry_takes_globs_and_keys_of_matrices(texts: list[str], expected: list[str]) -> None:
    world, jobs = ladder()
    plan = planned(world, *jobs, **again(*texts))
    retried = [c.address for c in plan.changes if getattr(c, "action", None) is Action.RETRY]
    assert retried == expected


def test_retry_failed_takes_what_failed_or_misses_something_and_not_what_was_stopped() -> None:
    world, jobs = ladder()
    world.of(SORT, files=PART)
    plan = planned(world, *jobs, SORT, retry_failed=True)
    retried = [c.address for c in plan.changes if getattr(c, "action", None) is Action.RETRY]
    assert retried == ["calc.1", "other", "sort"]


def test_retry_failed_where_nothing_failed_is_no_error() -> None:
    world = World()
    world.of(SORT, files=WHOLE)
    assert submits(planned(world, SORT, retry_failed=True)) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (again("kalc"), "--retry kalc: the manifests declare no such job"),
        (again("x.*"), "--retry x.\\*: the manifests declare no such job"),
        (again("calc.3"), r"--retry calc.3: nothing to run again \(calc.3 is current\)"),
        (again("calc.[34]"), r"\(calc.3 is current; calc.4 is in progress\)"),
        (again("calc.1", "calc.3"), "--retry calc.3: nothing to run again"),
        ({**again("calc.1"), "exclude": ("calc.1",)}, "calc.1 is excluded from this plan"),
        ({**again("calc.1"), "only": frozenset({"outputs"})}, "--only leaves out"),
        ({"retry_failed": True, "only": frozenset({"outputs"})}, "--only leaves out"),
    ],
)
def test_a_retry_that_runs_nothing_is_an_error_that_says_how_all_stand(
    options: Any, words: str
) -> None:
    world, jobs = ladder()
    with pytest.raises(Usage, match=words):
        planned(world, *jobs, **options)


def test_a_retry_of_what_is_submitted_anyway_is_no_error() -> None:
    mended = job("calc.1", {"parameters": {"n": "mended since it failed"}})
    world, jobs = ladder()
    plan = planned(world, *jobs[1:], mended, **again("calc.1"))
    assert submits(plan) == submits(planned(world, *jobs[1:], mended))
    assert {c.address: c.action for c in plan.changes}["calc.1"] is Action.REPLACE
    assert submits(planned(world, *jobs, **again("new"))) == [jobs[-1].name]


def test_a_retry_of_what_is_restored_runs_nothing_and_is_an_error() -> None:
    world = World()
    world.of(SORT, FINISHED, visible=False)
    with pytest.raises(Usage, match="sort is restored, not run again"):
        planned(world, SORT, **again("sort"))


def test_a_retry_whose_upstream_failed_is_blocked_and_no_error() -> None:
    world = World()
    world.of(SORT, FAILED)
    world.add(PACK.name, FAILED)
    plan = planned(world, **again("pack"))
    assert states(plan) == {"sort": Standing.FAILED, "pack": Standing.BLOCKED}


@pytest.mark.parametrize(
    ("attempts", "retries", "words"),
    [(2, 1, "2 of 2 attempts used"), (4, 1, "4 attempts used, 2 declared")],
)
def test_attempts_that_were_asked_for_are_not_counted_as_declared(
    attempts: int, retries: int, words: str
) -> None:
    wanted = job("align", retries=retries)
    world = World()
    for attempt in range(1, attempts + 1):
        world.of(wanted, FAILED, attempt=attempt, message="Job exceeded 00:00:02.")
    (state,) = planned(world, wanted).states
    assert state.notes == ("Job exceeded 00:00:02", words)


def test_what_a_wildcard_of_a_hidden_run_matches_is_not_what_the_lock_has() -> None:
    wild = job("sort", outputs=(rule("*.txt"),))
    world = World()
    fetched(world, world.of(wild, visible=False))
    (change,) = (c for c in planned(world, wild).changes if hasattr(c, "files"))
    assert change.files is None
