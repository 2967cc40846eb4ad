"""Manifest, identity, plan, apply and formats on each platform: the core knows none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.errors import ManifestError, PlanError, StalePlan
from jobsync.lock_format import Lock
from jobsync.model import Action, FetchedFile, JobChange, Mark, Plan
from jobsync.observe import observe
from jobsync.plan import build
from jobsync.platform import Platform
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.render import FORMATS, RenderOptions, plan_json
from jobsync.structs import replace
from tests.core.conftest import PLATFORMS, OnePlatform
from tests.fakes.toy import TOY

NO_LOCK = Lock()
KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
MARKS = st.builds(Mark, KEYS, KEYS, st.from_regex(r"[a-z][a-z2-7]{9}", fullmatch=True),
                  st.integers(1, 99))  # fmt: skip


def actions(plan: Plan) -> dict[str, str]:
    jobs = (change for change in plan.changes if isinstance(change, JobChange))
    return {change.address: str(change.action) for change in jobs}


# --- identity --------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda one: one.name)
@given(mark=MARKS, other=MARKS)
def test_one_name_for_one_mark(platform: Platform, mark: Mark, other: Mark) -> None:
    one = platform
    name = one.run_name(mark)
    assert one.read_mark(name) == mark
    assert name.startswith(one.name_prefix(mark.project))
    assert (name == one.run_name(other)) == (mark == other)
    assert one.read_mark("a name of a person") is None


def test_what_means_something_changes_the_fingerprint(here: OnePlatform) -> None:
    def marks(text: str, queue: str) -> list[str]:
        here.write(text, queue)
        return [job.fingerprint for job in here.load().jobs.values()]

    first = marks("a", "short")
    assert marks("a", "long") == first, "where a job runs is not what it is"
    other = marks("b", "short")
    assert all(one != two for one, two in zip(first, other, strict=True)), "also downstream"
    assert {mark[0] for mark in first} == {here.platform.scheme}


def test_names_that_are_too_long_are_refused(here: OnePlatform) -> None:
    here.write(project="p" * here.platform.address_limit)
    with pytest.raises(ManifestError, match="the name of the run has no more room"):
        here.load()


# --- manifest --------------------------------------------------------------------------


def test_the_fields_and_levels_are_those_of_the_platform(here: OnePlatform) -> None:
    file = here.folder / "set.yaml"
    body = file.read_text().replace("permissions: {bob: ", "nope: 1, permissions: {bob: x")
    file.write_text(body)
    with pytest.raises(ManifestError) as caught:
        here.load()
    told = [problem.message for problem in caught.value.problems]
    assert told[0] == 'unknown key "nope" in jobs.one'
    assert told[1].startswith("jobs.one.permissions.bob must be ")
    words = (word for word in here.platform.permissions.levels if word.isidentifier())
    assert all(word in told[1] for word in words)


def test_a_job_without_its_app_is_refused(here: OnePlatform) -> None:
    file, field = here.folder / "set.yaml", here.platform.app_field
    file.write_text("apiVersion: jobsync/v1\nproject: p\njobs: {one: {rerun: 2}}\n")
    with pytest.raises(ManifestError, match=f"jobs.one lacks {field}"):
        here.load()


def test_a_reference_waits_and_is_filled_in(here: OnePlatform) -> None:
    assert [job.needs for job in here.load().jobs.values()] == [(), ("one",), ("one",)]
    assert here.apply() == ["done"]
    (first,) = (job for job in here.world.service.jobs.values() if "one" in job.name)
    taken = [job.request for job in here.world.service.jobs.values() if "two" in job.name]
    assert len(taken) == 2
    record = here.world.backend.run(first.id)
    assert all(str(here.platform.output_uri(record, "out.txt")) in str(one) for one in taken)


# --- plan and apply --------------------------------------------------------------------


def test_what_was_applied_is_not_planned_again(here: OnePlatform) -> None:
    assert actions(here.plan()) == dict.fromkeys(("one", "two.1", "two.2"), "create")
    assert here.apply() == ["done"]
    assert here.plan().changes == ()


def test_a_job_that_means_something_else_is_replaced_and_says_why(here: OnePlatform) -> None:
    here.apply()
    here.write(text="b", queue="long")
    plan = here.plan()
    assert actions(plan) == dict.fromkeys(("one", "two.1", "two.2"), "replace")
    (first,) = (c for c in plan.changes if isinstance(c, JobChange) and c.address == "one")
    assert "a" in [field.before for field in first.fields]
    here.apply()
    assert here.plan().changes == ()


def test_where_a_job_runs_applies_to_the_next_run(here: OnePlatform) -> None:
    here.apply()
    here.write(queue="long")
    desired = here.load()
    seen = here.seen(desired)
    records = tuple(here.world.backend.run(run.id) for run in seen.runs)
    plan = build(desired, replace(seen, runs=records))
    assert plan.changes == ()
    assert any("applies to the next run" in note for one in plan.states for note in one.notes)


def test_a_failed_run_is_tried_again_under_its_next_name(here: OnePlatform) -> None:
    file = here.folder / "set.yaml"
    file.write_text(file.read_text().replace("  one: {", "  one: {onFailure: {retries: 1}, "))
    name = here.load().jobs["one"].name
    here.world.service.fates[name] = ((1, "FAILED"),)
    here.apply()
    tried = [here.platform.read_mark(job.name) for job in here.world.service.jobs.values()]
    assert [mark.attempt for mark in tried if mark and mark.address == "one"] == [1, 2]


def test_a_run_that_nobody_declares_is_undeclared(here: OnePlatform) -> None:
    here.apply()
    file = here.folder / "set.yaml"
    file.write_text(file.read_text().replace("  two:", "  other:"))
    found = here.plan().undeclared
    assert [one.address for one in found] == ["two.1", "two.2"]


def test_a_hidden_run_comes_back_only_where_that_can_be(here: OnePlatform) -> None:
    here.apply()
    (first,) = (run for run in here.runs() if ".one." in run.name or "/one@" in run.name)
    here.world.service.jobs[first.id].visible = False
    plan = here.plan()
    assert actions(plan).get("one") == ("restore" if here.platform.restores else None)
    (state,) = (state for state in plan.states if state.address == "one")
    assert here.platform.restores or "hidden" in state.notes


def test_a_plan_of_another_platform_is_refused(here: OnePlatform) -> None:
    plan = replace(here.plan(), api="other/v1")
    with pytest.raises(StalePlan, match="made for a service of api other/v1"):
        here.world.apply(plan)
    assert here.world.service.jobs == {}


def test_where_hidden_runs_cannot_be_found_the_plan_says_so(here: OnePlatform) -> None:
    blind: Platform = type("Blind", (type(here.platform),), {"finds_hidden": False})()
    desired = here.load()
    seen = here.seen(desired)
    plan = build(replace(desired, platform=blind), seen)
    assert any("does not show hidden runs" in text for text in plan.warnings)
    is_told = any("hidden" in text for text in build(desired, seen).warnings)
    assert is_told is not here.platform.finds_hidden


def test_a_hidden_run_that_is_pinned_is_told_with_the_command_that_shows_it(
    here: OnePlatform,
) -> None:
    run = here.world.service.make("by hand", "alice", {}, final="FINISHED", visible=False)
    file = here.folder / "set.yaml"
    file.write_text(file.read_text().replace("  one: {", f"  one: {{id: {run.id}, "))
    with pytest.raises(PlanError) as caught:
        here.plan()
    (problem,) = caught.value.problems
    is_told = not here.platform.finds_hidden
    assert (problem.message == f"one: run {run.id} is hidden") is is_told
    assert is_told or problem.message == f"one: you cannot see run {run.id}"
    command = here.platform.restore_command(run.id)
    assert problem.hint.endswith(f"restore it with: {command}" if command else "with you")


def test_nothing_is_said_of_hidden_runs_where_an_id_is_there_to_ask_for(here: OnePlatform) -> None:
    blind: Platform = type("Blind", (type(here.platform),), {"finds_hidden": False})()
    here.world.backend.platform = blind
    desired = replace(here.load(), platform=blind)
    names = {address: job.name for address, job in desired.jobs.items()}

    def told(*known: str, lock: Lock = NO_LOCK) -> list[str]:
        journals = {names[address]: ("0007-gone-0001-007",) for address in known}
        seen = observe(desired, here.world.backend, lock, here.target, None, lambda user: journals)
        return [text for text in build(desired, seen).warnings if "hidden" in text]

    text = "this service does not show hidden runs, so a job whose run was hidden runs again"
    assert told() == [text]
    assert told("one") == [f"{text} (here: two.1, two.2)"]
    assert told("one", "two.1", "two.2") == [], "the service was asked, and has none of them"
    line = FetchedFile("two.1", "0007-gone-0001-007", "out.txt", "out.txt", 1, "0" * 64)
    assert told("one", "two.2", lock=Lock((line,))) == []


def test_a_hidden_run_that_no_search_finds_is_asked_for_by_its_id(here: OnePlatform) -> None:
    here.apply()
    (first,) = (run for run in here.runs() if ".one." in run.name or "/one@" in run.name)
    here.world.service.jobs[first.id].visible = False
    blind: Platform = type("Blind", (type(here.platform),), {"finds_hidden": False})()
    here.world.backend.platform = blind
    desired = replace(here.load(), platform=blind)

    def hidden(
        lock: Lock = NO_LOCK, journals: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ) -> list[str]:
        seen = observe(desired, here.world.backend, lock, here.target, None, lambda user: journals)
        return [run.id for run in seen.runs if not run.visible]

    assert hidden() == []
    assert hidden(journals={first.name: (first.id,)}) == [first.id]
    assert hidden(journals={"another": (first.id,)}) == []
    line = FetchedFile("one", first.id, "out.txt", "out.txt", 1, "0" * 64)
    assert hidden(Lock((line,))) == [first.id]
    assert hidden(Lock(expectations=frozenset({("one", first.id)}))) == [first.id]
    assert hidden(Lock((replace(line, address="other"),))) == []


@pytest.mark.parametrize("here", [TAPIS.name], indirect=True)
def test_a_user_whom_the_service_does_not_have_is_told_before_sharing(here: OnePlatform) -> None:
    def told() -> list[str]:
        return [text for text in here.plan().warnings if "user" in text]

    assert told() == []
    here.world.service.no_users = {"bob"}
    assert told() == ["the service has no user bob, but would accept the share: check the name"]
    here.world.service.no_users, here.world.service.untold_users = set(), {"bob"}
    assert told() == ["this service does not say whether these users exist: bob"]
    here.apply()
    assert told() == [], "whoever has access is not asked about again"


# --- formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_every_format_shows_the_jobs_of_the_platform(here: OnePlatform, format_name: str) -> None:
    shown = FORMATS[format_name](here.plan(), RenderOptions())
    assert here.platform.app_field in shown and "two.2" in shown
    assert ("SEE" if here.platform is TOY else "READ") in shown


def test_a_saved_plan_is_the_plan(here: OnePlatform) -> None:
    plan = here.plan()
    text = plan_json.dumps(plan)
    assert json.loads(text)["api"] == here.platform.name
    assert plan_json.dumps(plan_json.loads(text)) == text
    assert {change.action for change in plan.changes} >= {Action.CREATE}
    assert TOY.name != AGAVE.name
