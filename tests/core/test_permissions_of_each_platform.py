"""All lists of three names, on a platform whose rows have nothing to do with each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import ClassVar

import pytest

from jobsync.model import NO_ACCESS, Access, DeclaredJob, Grant, Run, RunState
from jobsync.permission_model import effective
from jobsync.plan.plan_permissions import change_current, change_reduced, outcome
from tests.core.conftest import OnePlatform
from tests.fakes.toy import SEE, TOY

ME, NAMES = "olga", ("Bob", "bob", "world")
MODEL = TOY.permissions
RUN = Run("1", "n", ME, "tool", "FINISHED", RunState.FINISHED)


def lists() -> Iterator[dict[str, Access]]:
    for rows in itertools.product((None, SEE), repeat=len(NAMES)):
        yield {name: row for name, row in zip(NAMES, rows, strict=True) if row is not None}


def job(rows: dict[str, Access]) -> DeclaredJob:
    return DeclaredJob("a", "", "n", {}, {name: Grant(row) for name, row in rows.items()})


def test_every_list_becomes_the_declared_one_and_nobody_has_more_on_the_way() -> None:
    for before, wanted in itertools.product(lists(), lists()):
        change = change_current(MODEL, job(wanted), RUN, before, ME)
        assert (change is None) == (before == wanted)
        if change is None:
            continue
        assert change.left_out == () and outcome(before, change.grants) == wanted
        for written in range(len(change.grants) + 1):
            now = outcome(before, change.grants[:written])
            for name in NAMES:
                either = [rows.get(name, NO_ACCESS) for rows in (before, wanted)]
                assert now.get(name, NO_ACCESS) in either


def test_an_old_run_is_only_reduced() -> None:
    for before, wanted in itertools.product(lists(), lists()):
        change = change_reduced(MODEL, job(wanted), RUN, before, ME)
        left = outcome(before, change.grants if change else ())
        assert left == {name: row for name, row in before.items() if name in wanted}


def test_a_row_decides_for_its_own_user_alone() -> None:
    for rows in lists():
        for name in (*NAMES, "stranger"):
            assert effective(MODEL, rows, ME, name) == rows.get(name, NO_ACCESS)
        assert effective(MODEL, rows, ME, ME) == SEE


def test_a_row_that_cannot_be_narrowed_in_place_says_so() -> None:
    class Halves(type(MODEL)):  # type: ignore[misc]
        narrows_in_place = False
        levels: ClassVar = {**MODEL.levels, "TOUCH": Access(frozenset({"see", "touch"}), "TOUCH")}

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
