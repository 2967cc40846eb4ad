"""Every row of the decision table of product §3, and what stands around it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobsync.errors import Location, PlanError, Usage
from jobsync.model import (
    AccessChange,
    Action,
    App,
    AppField,
    DeclaredJob,
    JobChange,
    OutputChange,
    OutputRef,
    Plan,
    Presence,
    Reason,
    RemoteFile,
    RunState,
    Standing,
    Unavailable,
)
from jobsync.plan import PlanOptions, build
from jobsync.plan.exit_status import to_do, unread
from jobsync.structs import replace
from tests.fakes.planworld import ME, START, World, all_of, desired, grants, id_of, job, rows, rule

ONE = job("align", {"parameters": {"threads": 2}})
OLD = job("align", {"parameters": {"threads": 1}})
FINISHED, ACTIVE = RunState.FINISHED, RunState.ACTIVE
FAILED, STOPPED = RunState.FAILED, RunState.STOPPED


def planned(world: World, *jobs: DeclaredJob, **options: Any) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, world.snapshot(wanted), PlanOptions(**options))


def row(plan: Plan, address: str = "align") -> tuple[Action | None, Reason | None, Standing]:
    """(action, reason, standing) of an address."""
    found = [c for c in plan.changes if isinstance(c, JobChange) and c.address == address]
    standing = next(s.standing for s in plan.states if s.address == address)
    if not found:
        return None, None, standing
    (change,) = found
    return change.action, change.reason, standing


def world_of(*runs: tuple[RunState, int, bool], of: DeclaredJob = ONE) -> World:
    """*runs* are (state, attempt, visible)."""
    world = World()
    for state, attempt, visible in runs:
        world.of(of, state, attempt=attempt, visible=visible)
    return world


@pytest.mark.parametrize(
    ("runs", "retries", "expected"),
    [
        ([], 0, (Action.CREATE, Reason.NEVER_RUN, Standing.PENDING)),
        ([(FINISHED, 1, True)], 0, (None, None, Standing.CURRENT)),
        ([(ACTIVE, 1, True)], 0, (None, None, Standing.IN_PROGRESS)),
        ([(ACTIVE, 1, True), (FINISHED, 1, True)], 0, (None, None, Standing.CURRENT)),
        ([(FAILED, 1, True), (FINISHED, 2, True)], 0, (None, None, Standing.CURRENT)),
        ([(FAILED, 1, True), (ACTIVE, 2, True)], 0, (None, None, Standing.IN_PROGRESS)),
        ([(FINISHED, 1, False)], 0, (Action.RESTORE, Reason.HIDDEN, Standing.PENDING)),
        (
            [(FAILED, 1, True), (FINISHED, 2, False)],
            3,
            (Action.RESTORE, Reason.HIDDEN, Standing.PENDING),
        ),
        ([(FINISHED, 1, False), (ACTIVE, 2, True)], 0, (None, None, Standing.IN_PROGRESS)),
        ([(FAILED, 1, True)], 1, (Action.RETRY, Reason.RUN_FAILED, Standing.PENDING)),
        (
            [(FAILED, 1, True), (FAILED, 2, True)],
            2,
            (Action.RETRY, Reason.RUN_FAILED, Standing.PENDING),
        ),
        ([(FAILED, 1, True), (FAILED, 2, True)], 1, (None, None, Standing.FAILED)),
        ([(FAILED, 1, True)], 0, (None, None, Standing.FAILED)),
        ([(STOPPED, 1, True)], 5, (None, None, Standing.STOPPED)),
        ([(FAILED, 1, True), (STOPPED, 2, True)], 5, (None, None, Standing.STOPPED)),
        ([(FAILED, 1, False)], 5, (None, None, Standing.FAILED)),
        ([(ACTIVE, 1, False)], 5, (None, None, Standing.STOPPED)),
        ([(STOPPED, 1, False)], 5, (None, None, Standing.STOPPED)),
    ],
)
def test_runs_of_this_exact_name(
    runs: list[Any] | list[tuple[Any, ...]], retries: int, expected: tuple[Any, ...]
) -> None:
    wanted = job("align", {"parameters": {"threads": 2}}, retries=retries)
    assert row(planned(world_of(*runs), wanted)) == expected


def test_attempts_are_counted_from_the_names_on_the_service() -> None:
    wanted = job("align", retries=9)
    world = world_of((FAILED, 1, True), (FAILED, 4, True), of=wanted)
    (change,) = planned(world, wanted).changes
    assert isinstance(change, JobChange)
    assert (change.name, change.attempt) == (f"{wanted.name}.r5", 5)


def test_the_oldest_finished_run_is_current_whatever_its_place_in_the_list() -> None:
    world = World()
    first, second = world.of(ONE), world.of(ONE)
    world.runs[second.id] = type(second)(
        **{
            **{f: getattr(second, f) for f in second.__struct_fields__},
            "created": START - timedelta(days=1),
        }
    )
    plan = planned(world, ONE)
    assert id_of(plan.states[0].run) == second.id
    assert plan.duplicates == {"align": (second.id, first.id)}
    assert plan.warnings == (
        f"align: 2 runs with the same name: {second.id}, {first.id} (the first is current)",
    )


@pytest.mark.parametrize("state", [FAILED, STOPPED])
def test_retry_asked_for_submits_the_next_attempt(state: Any) -> None:
    plan = planned(world_of((state, 1, True)), ONE, retry=frozenset({"align"}))
    assert row(plan) == (Action.RETRY, Reason.RETRY_ASKED, Standing.PENDING)


def test_replace_keeps_the_old_run_and_is_not_retried_on_its_account() -> None:
    world = world_of((FAILED, 1, True), of=OLD)
    assert row(planned(world, ONE)) == (Action.REPLACE, Reason.FIELDS_CHANGED, Standing.PENDING)
    plan = planned(world, ONE)
    assert plan.superseded == 1
    world.apply(plan)
    assert all(run.visible for run in world.runs.values())


def test_going_back_to_an_old_declaration_finds_its_run_again() -> None:
    world = world_of((FINISHED, 1, True), of=OLD)
    world.apply(planned(world, ONE))
    assert planned(world, OLD).changes == ()


def test_a_run_of_a_former_name_is_a_run_of_the_job_and_no_longer_undeclared() -> None:
    world = World()
    run = world.add(f"phylo.oldname.{ONE.fingerprint}", request=ONE.request)
    wanted = job("align", {"parameters": {"threads": 2}}, formerly=("oldname",))
    plan = planned(world, wanted, prune=True)
    assert row(plan) == (None, None, Standing.CURRENT)
    assert id_of(plan.states[0].run) == run.id
    assert plan.undeclared == ()


def test_a_former_name_with_another_fingerprint_is_replaced() -> None:
    world = World()
    world.add(f"phylo.oldname.{OLD.fingerprint}", request=OLD.request)
    wanted = job("align", {"parameters": {"threads": 2}}, formerly=("oldname",))
    assert row(planned(world, wanted)) == (
        Action.REPLACE,
        Reason.FIELDS_CHANGED,
        Standing.PENDING,
    )


def test_a_former_name_in_another_project() -> None:
    world = World()
    world.add("lab.al.abcdefghij", acl=rows(carol="READ"))
    wanted = job("align", formerly=("lab/al",), permissions=grants())
    plan = planned(world, wanted)
    assert [c.action for c in plan.changes] == [Action.REPLACE, Action.UPDATE]


def test_undeclared_runs_are_counted_and_with_prune_deleted() -> None:
    world = World()
    gone = world.add("phylo.gone.abcdefghij")
    world.add("other.gone.abcdefghij")
    world.add("phylo.hidden.abcdefghij", visible=False)
    world.add("phylo-not-ours")
    plan = planned(world, ONE)
    assert [run.id for run in plan.undeclared] == [gone.id]
    pruned = planned(world, ONE, prune=True)
    removed = [change for change in all_of(JobChange, pruned.changes) if change.before]
    assert [(c.address, c.action, id_of(c.before)) for c in removed] == [
        ("gone", Action.DELETE, gone.id)
    ]
    assert pruned.undeclared == ()


def test_a_run_of_another_matrix_value_of_a_protected_job_is_not_deleted() -> None:
    world = World()
    world.add("phylo.tree.wag.abcdefghij")
    with pytest.raises(PlanError, match=r"tree\.wag: run 0001-007 is protected"):
        planned(world, job("tree.lg", protect=True), prune=True)


def test_superseded_active_runs_are_shown_or_stopped() -> None:
    world = world_of((ACTIVE, 1, True), of=OLD)
    (change,) = planned(world, ONE).changes
    assert isinstance(change, JobChange)
    assert change.notes == ("run 0001-007 is still RUNNING; --stop-superseded stops it",)
    plan = planned(world, ONE, stop_superseded=True)
    assert [c.action for c in plan.changes] == [Action.REPLACE, Action.STOP]


def test_what_needs_a_failed_job_is_blocked_and_says_so() -> None:
    after = job("tree", needs=("align",))
    world = world_of((FAILED, 1, True))
    plan = planned(world, ONE, after)
    assert plan.changes == ()
    assert row(plan, "tree") == (None, None, Standing.BLOCKED)
    assert plan.states[1].notes == ("needs align, which has failed",)


def test_a_job_may_need_one_that_this_plan_retries() -> None:
    up = job("align", retries=1)
    plan = planned(world_of((FAILED, 1, True), of=up), up, job("tree", needs=("align",)))
    assert [c.action for c in plan.changes] == [Action.RETRY, Action.CREATE]


# --- foreign and pinned ----------------------------------------------------------------


def test_somebody_elses_run_of_our_name_is_not_ours() -> None:
    world = World()
    world.of(ONE, owner="mallory", acl=rows(alice="READ_WRITE"))
    plan = planned(world, ONE)
    assert row(plan) == (Action.CREATE, Reason.NEVER_RUN, Standing.PENDING)
    assert [hazard.name for hazard in plan.hazards] == ["foreign-owner"]
    assert "mallory" in plan.warnings[0]


def test_a_foreign_run_beside_our_own_is_a_warning_only() -> None:
    world = World()
    world.of(ONE)
    world.of(ONE, owner="mallory")
    plan = planned(world, ONE)
    assert plan.hazards == ()
    assert len(plan.warnings) == 1


def pinned(run_id: str, request: dict[str, Any] | None = None, **fields: Any) -> DeclaredJob:
    return replace(job("shared", request, **fields), pinned=run_id)


def test_a_pinned_job_of_somebody_else_is_managed_but_never_submitted() -> None:
    world = World()
    run = world.add("by hand", owner="bob", acl=rows(alice="READ_WRITE", carol="READ"))
    wanted = pinned(run.id, permissions=grants(alice="READ_WRITE", dave="READ"))
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, AccessChange)
    assert {g.user: str(g.after) for g in change.grants} == {"dave": "READ", "carol": "NONE"}
    world.apply(plan)
    assert planned(world, wanted).changes == ()


def test_drift_of_a_pinned_job_is_an_error_that_says_how_to_go_on() -> None:
    world = World()
    run = world.add("by hand", request={"parameters": {"threads": 1}})
    wanted = pinned(
        run.id,
        {"parameters": {"threads": 2}},
        places={"parameters.threads": Location("a.yaml", 7, 3)},
    )
    with pytest.raises(PlanError) as caught:
        planned(world, wanted)
    (problem,) = caught.value.problems
    assert problem.where == Location("a.yaml", 7, 3)
    assert problem.hint == "remove id to run it again"
    assert "parameters.threads is 2, but run 0001-007 was made with 1" in problem.message


def test_the_permissions_of_a_pinned_run_that_may_only_be_read_cannot_be_managed() -> None:
    world = World()
    run = world.add("by hand", owner="bob", acl=rows(alice="READ", carol="READ"))
    plan = planned(world, pinned(run.id, permissions=grants(alice="READ")))
    assert plan.changes == ()
    (problem,) = plan.states[0].problems
    assert f"you do not have WRITE on run {run.id}" in problem and "ask bob" in problem
    as_is = grants(alice="READ", carol="READ", dave="NONE")
    held = planned(world, pinned(run.id, permissions=as_is))
    assert held.changes == held.states[0].problems == ()


def test_a_pinned_run_that_cannot_be_seen_is_an_error() -> None:
    with pytest.raises(PlanError, match="you cannot see run 42"):
        planned(World(), pinned("42"))
    world = World()
    run = world.add("by hand", visible=False)
    with pytest.raises(PlanError, match="is hidden"):
        planned(world, pinned(run.id))


def test_what_the_service_dropped_from_a_pinned_run_is_a_note() -> None:
    """It drops what the app does not know; what the app knows was never given (N11)."""
    field = AppField("known", type="number")
    world = World(apps={"tool-1.0": App("tool-1.0", {}, {"known": field})})
    run = world.add("by hand")
    plan = planned(world, pinned(run.id, {"parameters": {"unknown": 1}}))
    assert plan.states[0].notes == ("parameters.unknown was dropped by the service",)
    with pytest.raises(PlanError, match=r"parameters.known is 1, but run \S+ was made without it"):
        planned(world, pinned(run.id, {"parameters": {"known": 1}}))
    world.apps.clear()
    plan = planned(world, pinned(run.id, {"parameters": {"known": 1}}))
    (note,) = plan.states[0].notes
    assert note.startswith("parameters.known is not in the run's record")


def test_two_declarations_of_one_run_are_an_error() -> None:
    world = World()
    run = world.add("by hand")

    twin = replace(job("twin"), pinned=run.id)
    with pytest.raises(PlanError, match="claim the same run: id 0001-007"):
        planned(world, pinned(run.id), twin)


def test_a_run_that_has_a_name_here_cannot_be_pinned_elsewhere_and_run_again() -> None:
    world = World()
    run = world.of(ONE)
    with pytest.raises(PlanError, match=r"shared: run 0001-007 is already the run of align"):
        planned(world, ONE, pinned(run.id))


# --- placement, hours, outputs ---------------------------------------------------------


def test_placement_never_runs_a_job_again_and_is_noted() -> None:
    world = World()
    world.of(ONE, request={"parameters": {"threads": 2}, "batchQueue": "debug"})
    wanted = job("align", {"parameters": {"threads": 2}, "batchQueue": "long"})
    assert wanted.fingerprint == ONE.fingerprint
    plan = planned(world, wanted)
    assert plan.changes == ()
    assert plan.states[0].notes == ("batchQueue debug -> long applies to the next run",)


@pytest.mark.parametrize(
    ("request_", "app", "hours"),
    [
        ({"maxRunTime": "01:30:00", "nodeCount": 4}, None, 6.0),
        ({"maxRunTime": "01:30:00"}, None, None),
        ({"maxRunTime": "01:30:00"}, App("tool-1.0", {}, {}), 1.5),
        ({}, App("tool-1.0", {}, {}, {"maxRunTime": "10:00:00", "nodeCount": 2}), 20.0),
        ({"nodeCount": "3"}, App("tool-1.0", {}, {}, {"maxRunTime": "01:00:00"}), 3.0),
        ({"nodeCount": 3}, App("tool-1.0", {}, {}), None),
    ],
)
def test_node_hours(request_: dict[str, Any], app: App | None, hours: float | None) -> None:
    world = World(apps={"tool-1.0": app})
    (change,) = planned(world, job("align", request_)).changes
    assert isinstance(change, JobChange)
    assert change.node_hours == hours


def test_a_file_that_the_lock_knows_but_is_not_here_is_available() -> None:

    wanted = job("align", outputs=(rule("*.txt"),))
    world = World()
    world.of(wanted)
    world.apply(planned(world, wanted))
    world.fetched = [replace(line, presence=Presence.ABSENT) for line in world.fetched]
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert [file.available for file in change.files or ()] == [True]
    assert to_do(plan) == () and plan.warnings == ()


def test_a_fetched_file_that_was_edited_here_is_a_change_and_apply_leaves_it() -> None:

    wanted = job("align", outputs=(rule("*.txt"),))
    world = World()
    world.of(wanted)
    world.apply(planned(world, wanted))
    world.fetched = [replace(line, presence=Presence.CHANGED) for line in world.fetched]
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert [file.available for file in change.files or ()] == [False]
    assert to_do(plan) == (change,)
    assert plan.warnings == (
        "align: results/out.txt was edited here after jobsync fetched it; apply does not replace "
        "it: move it away first",
    )
    assert planned(world, wanted, only=frozenset({"jobs"})).warnings == ()


def test_a_fetched_file_that_is_listed_with_another_length_is_told_of() -> None:

    wanted = job("align", outputs=(rule("*.txt"),))
    world = World()
    world.of(wanted)
    world.apply(planned(world, wanted))
    world.fetched = [replace(line, size=line.size + 1) for line in world.fetched]
    (told,) = planned(world, wanted).warnings
    assert told.startswith("align: results/out.txt was changed on the service since")


def test_a_literal_rule_needs_no_listing_once_the_lock_has_it() -> None:

    wanted = job("align", outputs=(rule(),), expect=("out.txt",))
    world = World()
    run = world.of(wanted)
    world.apply(planned(world, wanted))
    declared = desired(wanted)
    snapshot = replace(world.snapshot(declared), outputs={})
    assert build(declared, snapshot).changes == ()
    assert build(declared, snapshot).states[0].problems == ()
    more = desired(job("align", outputs=(rule(), rule("logs/a.log", "logs/")), expect=("out.txt",)))
    assert build(more, snapshot).states[0].problems == ("outputs were not listed",)
    unread = replace(snapshot, outputs={run.id: Unavailable("503")})
    assert build(more, unread).states[0].problems == ("outputs cannot be read: 503",)


def test_a_missing_required_output_makes_a_run_incomplete_and_no_endless_change() -> None:
    wanted = job("align", outputs=(rule("*.nwk"),))
    world = World()
    world.of(wanted)
    plan = planned(world, wanted)
    assert plan.changes == ()
    assert plan.states[0].standing is Standing.INCOMPLETE
    assert "matched nothing" in plan.states[0].notes[0]


def _tree(*paths: str) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(path, 2, "2026-01-01T00:00:00.000-06:00") for path in paths)


def test_a_refused_file_is_told_for_as_long_as_it_is_declared_and_no_endless_change() -> None:
    wanted = job("align", outputs=(rule("out/*.aln"),), expect=("out/a.aln",))
    world = World()
    run = world.of(wanted)
    world.files[run.id] = _tree("out/A.aln", "out/a.aln", "out/a~1.aln")
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert [file.to for file in change.files or ()] == ["results/A.aln"]
    assert [path for path, _ in change.refused] == ["out/a.aln", "out/a~1.aln"]
    assert plan.states[0].problems == (), "the change tells"
    world.apply(plan)
    plan = planned(world, wanted)
    assert plan.changes == ()
    (state,) = plan.states
    assert state.standing is Standing.CURRENT, "the run is whole: what takes its outputs may go on"
    clash, name = state.problems
    assert clash.startswith("output out/a.aln is refused: would go to results/a.aln")
    assert name.startswith("output out/a~1.aln is refused: ")
    assert unread(plan) == ("align",)


def test_a_place_that_another_address_has_is_not_planned_for() -> None:
    align, tree = job("align", outputs=(rule("log.txt"),)), job("tree", outputs=(rule("*.TXT"),))
    world = World()
    world.of(align), world.of(tree)
    first, second = world.runs.values()
    world.files[first.id] = _tree("log.txt")
    world.apply(planned(world, align))
    world.files[second.id] = _tree("LOG.TXT", "own.TXT")
    plan = planned(world, align, tree)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert [file.path for file in change.files or ()] == ["own.TXT"]
    said = "would go to results/LOG.TXT, which belongs to align"
    assert change.refused == (("LOG.TXT", said),)
    world.apply(plan)
    plan = planned(world, align, tree)
    assert plan.changes == () and plan.states[1].problems == (f"output LOG.TXT is refused: {said}",)
    (change,) = planned(world, tree).changes
    assert isinstance(change, OutputChange)
    assert [file.path for file in change.files or ()] == ["LOG.TXT"], "align is declared no more"


def test_many_files_for_one_place_are_refused_in_few_words() -> None:
    wanted = job("align", outputs=(rule("**/*.aln", "one.aln"),))
    world = World()
    run = world.of(wanted)
    world.files[run.id] = _tree(*(f"{number}.aln" for number in range(9)))
    plan = planned(world, wanted)
    assert plan.changes == ()
    *told, more = plan.states[0].problems
    assert len(told) == 5 and "is one of 9 files" in told[0]
    assert more == "4 more of its outputs are refused"


def test_expect_is_checked_once_and_recorded() -> None:
    wanted = job("align", expect=("out.txt",))
    world = World()
    run = world.of(wanted)
    plan = planned(world, wanted)
    (change,) = plan.changes
    assert isinstance(change, OutputChange)
    assert change.files == ()
    world.apply(plan)
    assert world.expectations == {("align", run.id)}
    assert planned(world, wanted).changes == ()


def test_outputs_of_an_active_run_are_awaited_and_no_change() -> None:
    wanted = job("align", outputs=(rule(),))
    plan = planned(world_of((ACTIVE, 1, True), of=wanted), wanted)
    assert plan.changes == ()
    assert [(c.address, c.files) for c in plan.awaiting] == [("align", None)]


def test_two_jobs_that_fetch_to_one_place_do_not_overwrite_each_other() -> None:
    one, two = job("a", outputs=(rule(to="x/"),)), job("b", outputs=(rule(to="x/"),))
    world = World()
    world.of(one)
    world.of(two)
    plan = planned(world, one, two)
    first, second = all_of(OutputChange, plan.changes)
    assert [file.to for file in first.files or ()] == ["x/out.txt"]
    assert second.files == ()
    assert second.refused[0][0] == "out.txt"


def test_permissions_that_cannot_be_read_mark_the_address() -> None:

    wanted = desired(job("align", permissions=grants(bob="READ")))
    world = World()
    run = world.of(wanted.jobs["align"])
    snapshot = world.snapshot(wanted)
    unread = replace(snapshot, access={run.id: Unavailable("403")})
    plan = build(wanted, unread)
    assert plan.changes == ()
    assert plan.states[0].problems == (f"permissions of run {run.id} cannot be read: 403",)
    not_asked = replace(snapshot, access={})
    assert build(wanted, not_asked).states[0].problems == (
        f"permissions of run {run.id} were not read",
    )


# --- why ------------------------------------------------------------------------------


def test_rerun_is_told_from_a_changed_field() -> None:
    world = world_of((FINISHED, 1, True))
    again = job("align", {"parameters": {"threads": 2}}, rerun=2)
    (change,) = planned(world, again).changes
    assert isinstance(change, JobChange)
    assert [(f.path, f.before, f.after) for f in change.fields] == [("rerun", 1, 2)]


def test_changed_content_is_told_from_a_changed_field() -> None:
    uri = "agave://local/data/a.fa"
    request = {"inputs": {"sequences": uri}}
    world = World()
    world.of(job("align", request, digests={uri: "1" * 64}))
    (change,) = planned(world, job("align", request, digests={uri: "2" * 64})).changes
    assert isinstance(change, JobChange)
    assert change.reason is Reason.CONTENT_CHANGED
    assert change.notes == (f"the content of {uri} has changed",)


def test_a_replaced_upstream_replaces_what_takes_its_outputs() -> None:
    def tree(up: DeclaredJob) -> DeclaredJob:
        request = {"inputs": {"data": OutputRef("align", "a b.fa")}}
        return job("tree", request, among={"align": up})

    world = World()
    world.apply(planned(world, OLD, tree(OLD)))
    plan = planned(world, ONE, tree(ONE))
    changes = all_of(JobChange, plan.changes)
    assert [(c.address, c.reason) for c in changes] == [
        ("align", Reason.FIELDS_CHANGED),
        ("tree", Reason.UPSTREAM_REPLACED),
    ]
    assert changes[1].fields == ()
    assert changes[1].notes == ("takes outputs of align, which will run again",)


def test_a_parameter_that_was_taken_away_shows_when_the_app_lets_people_set_it() -> None:
    app = App("tool-1.0", {}, {"threads": AppField("threads"), "v": AppField("v", visible=False)})
    world = World(apps={"tool-1.0": app})
    world.of(ONE, request={"parameters": {"threads": 2, "v": 1, "model": "lg"}})
    (change,) = planned(world, job("align", {"parameters": {"model": "wag"}})).changes
    assert isinstance(change, JobChange)
    assert [(f.path, f.before, f.after) for f in change.fields] == [
        ("parameters.model", "lg", "wag"),
        ("parameters.threads", 2, None),
    ]


def test_without_the_record_the_plan_says_so() -> None:

    world = world_of((FINISHED, 1, True), of=OLD)
    world.runs = {k: replace(run, request=None) for k, run in world.runs.items()}
    (change,) = planned(world, ONE).changes
    assert isinstance(change, JobChange)
    assert change.notes == ("the record of run 0001-007 was not read",)


# --- options --------------------------------------------------------------------------


def chosen(world: World | None = None, **options: Any) -> list[str]:
    jobs = (ONE, job("tree", needs=("align",)), job("zip"))
    plan = planned(world or World(), *jobs, **options)
    return [change.address for change in plan.changes]


def test_select_brings_what_a_job_needs_and_exclude_is_stronger() -> None:
    assert chosen() == ["align", "tree", "zip"]
    assert chosen(select=("tree",)) == ["align", "tree"]
    assert chosen(select=("t*", "z*"), exclude=("zip",)) == ["align", "tree"]
    assert chosen(exclude=("align",)) == ["zip"]
    assert chosen(world_of((FINISHED, 1, True)), exclude=("align",)) == ["tree", "zip"]


def test_what_needs_an_excluded_job_is_blocked() -> None:
    plan = planned(World(), ONE, job("tree", needs=("align",)), exclude=("align",))
    assert [(s.address, s.standing) for s in plan.states] == [("tree", Standing.BLOCKED)]


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(Usage, match="no address matches 'x\\*'"):
        chosen(select=("x*",))


def test_select_limits_prune() -> None:
    world = World()
    world.add("phylo.gone.abcdefghij")
    world.add("phylo.left.abcdefghij")
    plan = planned(world, ONE, select=("gone",), prune=True)
    assert [change.address for change in plan.changes] == ["gone"]


def test_only_limits_the_kinds_of_changes() -> None:
    wanted = job("align", outputs=(rule(),), permissions=grants(bob="READ"))
    world = World()
    world.of(wanted)
    kinds = {
        only: [type(c).__name__ for c in planned(world, wanted, only=frozenset({only})).changes]
        for only in ("jobs", "permissions", "outputs")
    }
    assert kinds == {"jobs": [], "permissions": ["AccessChange"], "outputs": ["OutputChange"]}
    plan = planned(World(), wanted, only=frozenset({"permissions"}))
    assert plan.changes == ()
    assert plan.states[0].standing is Standing.PENDING


def test_nothing_is_mine_but_what_i_own() -> None:
    world = World()
    world.add(ONE.name, owner="bob", visible=True)
    assert world.snapshot(desired(ONE)).runs == ()
    assert ME == "alice"
