"""All lists of three names, on platforms whose rows have nothing to do with each other."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest

from jobsync.model import NO_ACCESS, Access, DeclaredJob, Grant, Run, RunState
from jobsync.permission_model import PermissionModel, effective
from jobsync.plan.plan_permissions import change_current, change_reduced, outcome
from jobsync.platforms.tapis.permissions import LEVELS
from jobsync.platforms.tapis.platform import TAPIS
from tests.core.conftest import OnePlatform
from tests.fakes.toy import SEE, TOY

ME, NAMES = "olga", ("Bob", "bob", "world")
SOME = {name: LEVELS[name] for name in ("READ", "[JOB_OUTPUT]", "[JOB_HISTORY]")}
MODELS: dict[str, tuple[PermissionModel, tuple[Access, ...], tuple[str, ...]]] = {
    TOY.name: (TOY.permissions, (SEE,), NAMES),
    TAPIS.name: (TAPIS.permissions, tuple(SOME.values()), NAMES[:2]),
}
"""By platform: its model, the levels that are tried, and the names that have them."""

EACH = pytest.mark.parametrize("name", MODELS)
RUN = Run("1", "n", ME, "tool", "FINISHED", RunState.FINISHED)


def lists(name: str) -> Iterator[dict[str, Access]]:
    _, levels, users = MODELS[name]
    for rows in itertools.product((None, *levels), repeat=len(users)):
        yield {user: row for user, row in zip(users, rows, strict=True) if row is not None}


def job(rows: dict[str, Access]) -> DeclaredJob:
    return DeclaredJob("a", "", "n", {}, {name: Grant(row) for name, row in rows.items()})


@EACH
def test_every_list_becomes_the_declared_one_and_nobody_has_more_on_the_way(name: str) -> None:
    model, _, users = MODELS[name]
    for before, wanted in itertools.product(lists(name), lists(name)):
        change = change_current(model, job(wanted), RUN, before, ME)
        assert (change is None) == (before == wanted)
        if change is None:
            continue
        assert change.left_out == () and outcome(before, change.grants) == wanted
        for written in range(len(change.grants) + 1):
            now = outcome(before, change.grants[:written])
            for user in users:
                either = [rows.get(user, NO_ACCESS) for rows in (before, wanted)]
                assert now.get(user, NO_ACCESS) in either


@EACH
def test_an_old_run_is_only_reduced(name: str) -> None:
    model, _, users = MODELS[name]
    for before, wanted in itertools.product(lists(name), lists(name)):
        change = change_reduced(model, job(wanted), RUN, before, ME)
        left = outcome(before, change.grants if change else ())
        for user in users:
            had, may = (rows.get(user, NO_ACCESS).gives for rows in (before, wanted))
            assert left.get(user, NO_ACCESS) == model.access(had & may)


@EACH
def test_a_row_decides_for_its_own_user_alone(name: str) -> None:
    model, levels, users = MODELS[name]
    for rows in lists(name):
        for user in (*users, "stranger"):
            assert effective(model, rows, ME, user) == rows.get(user, NO_ACCESS)
        assert effective(model, rows, ME, ME) == levels[0]


def test_who_gets_less_has_nothing_for_a_moment() -> None:
    def note(before: Access, after: Access) -> str:
        change = change_current(TAPIS.permissions, job({"bob": after}), RUN, {"bob": before}, ME)
        assert change is not None
        (grant,) = change.grants
        return grant.note

    for before, after in itertools.permutations((*SOME.values(), NO_ACCESS), 2):
        is_less = after != NO_ACCESS and not before.gives <= after.gives
        assert (note(before, after) == "has no access for a moment") == is_less


def test_a_row_that_cannot_be_narrowed_in_place_says_so() -> None:
    class Halves(type(TOY.permissions)):  # type: ignore[misc]
        narrows_in_place = False
        levels: ClassVar = {
            **TOY.permissions.levels,
            "TOUCH": Access(frozenset({"see", "touch"}), "TOUCH"),
        }

    model = Halves()
    change = change_current(model, job({"bob": SEE}), RUN, {"bob": model.levels["TOUCH"]}, ME)
    assert change is not None
    assert [grant.note for grant in change.grants] == ["has no access for a moment"]


@pytest.mark.parametrize("here", [TOY.name], indirect=True)
def test_only_who_owns_a_run_changes_its_list(here: OnePlatform) -> None:
    """Of somebody else's run that is pinned, nothing is planned that could not be done."""
    here.apply()
    run = next(iter(here.world.service.jobs.values()))
    run.owner, run.grants = "mallory", {"alice": Access(frozenset({"read"}), "READ")}
    head = "apiVersion: jobsync/v1\nproject: p\njobs:\n"
    pinned = f"  one: {{tool: echo, words: a, id: {run.id}, permissions: {{bob: SEE}}}}\n"
    (here.folder / "set.yaml").write_text(head + pinned)
    (state,) = here.plan().states
    assert any("only mallory can change the permissions" in text for text in state.problems)


def test_superseded_runs_are_asked_who_may_see_them_once_each_and_together(
    here: OnePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in "abcdef":
        here.write(text)
        assert here.apply() == ["done"]
    backend, asked, together = here.world.backend, list[str](), threading.Barrier(3)
    read = backend.access

    def access(run_id: str) -> dict[str, Access]:
        asked.append(run_id)
        together.wait(30)  # broken, and so a failure, unless two others ask at the same time
        return read(run_id)

    monkeypatch.setattr(backend, "access", access)
    marks = ((run.id, here.platform.read_mark(run.name)) for run in here.runs())
    shared = [run_id for run_id, mark in marks if mark and mark.address == "one"]
    assert not here.plan().changes
    assert len(shared) == 6
    assert sorted(asked) == sorted(shared)
