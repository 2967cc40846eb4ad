"""Every sequence of two faults on a submit and on what settles it, on a service in memory.

At most one job, the right word for what happened, and the next run goes on from there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.apply import NotSubmitted, Submitted, exit_code, open_submits, resolve_submits
from jobsync.apply.journal import open_journal
from jobsync.apply.journal_entry import State
from jobsync.errors import (
    ExitCode,
    JobsyncError,
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Throttled,
    Unreachable,
    Unreadable,
)
from jobsync.model import Action, Basis, Result, RunState
from jobsync.structs import replace
from tests.apply.plans import BOTH, World, name

Do = Callable[[], Any]


def drop_before(do: Do) -> Any:
    raise SubmitNotSent("connection refused")


def drop_after(do: Do) -> Any:
    do()
    raise SubmitAmbiguous("reset")


def lost(do: Do) -> Any:
    raise SubmitAmbiguous("timeout")


def error_after(do: Do) -> Any:
    do()
    raise SubmitAmbiguous("400 Invalid notification")


def html_after(do: Do) -> Any:
    do()
    raise SubmitAmbiguous("an answer that is not JSON")


def rejected(do: Do) -> Any:
    raise SubmitRejected("900903 token expired", status=403)


def throttled(do: Do) -> Any:
    raise SubmitRejected("throttled", status=429)


def bug_after(do: Do) -> Any:
    do()
    raise ZeroDivisionError("a bug in a library")


def fine(do: Do) -> Any:
    return do()


POSTS = {
    f.__name__: f
    for f in (
        fine,
        drop_before,
        drop_after,
        lost,
        error_after,
        html_after,
        rejected,
        throttled,
        bug_after,
    )
}
MAKES = {"fine", "drop_after", "error_after", "html_after", "bug_after"}
AGAIN = {"drop_before", "throttled"}


def unreachable(do: Do) -> Any:
    raise Unreachable("reset")


def unreadable(do: Do) -> Any:
    raise Unreadable("html")


def slowed(do: Do) -> Any:
    raise Throttled("429", status=429)


READS = {f.__name__: f for f in (fine, unreachable, unreadable, slowed)}


@pytest.fixture(params=BOTH, ids=lambda one: one.name)
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(POSTS, repeat=2)))
def test_two_faults_on_the_post(world: World, first: str, second: str) -> None:
    world.service.script["submit"] = [POSTS[first], POSTS[second]]
    the_plan = world.plan(world.create("align"))
    [outcome] = world.apply(the_plan)
    decisive = second if first in AGAIN else first
    jobs = world.service.named(name("align"))
    if decisive in MAKES:
        assert (outcome.result, len(jobs)) == (Result.DONE, 1)
        assert outcome.run_id == jobs[0].id
    elif decisive == "lost":
        assert (outcome.result, jobs) == (Result.UNKNOWN, [])
        assert exit_code(the_plan, (outcome,)) is ExitCode.UNKNOWN
        assert "resolve align --submitted ID" in outcome.detail
    elif decisive == "rejected":
        assert (outcome.result, jobs) == (Result.FAILED, [])
        assert exit_code(the_plan, (outcome,)) is ExitCode.ERROR
    else:  # proven not sent three times at most: the third try works
        assert (outcome.result, len(jobs)) == (Result.DONE, 1)
    assert world.service.posts() <= 3


@pytest.mark.parametrize(
    ("first", "second", "post"),
    list(itertools.product(READS, READS, ["fine", "drop_after", "lost"])),
)
def test_two_faults_on_the_looks(world: World, first: str, second: str, post: str) -> None:
    """Faults on the search before the POST keep it back; on later ones they only take time."""
    world.service.script["submit"] = [POSTS[post]]
    world.service.script["runs_named"] = [READS[first], READS[second]]
    world.service.script["run"] = [READS[first], READS[second]]
    [outcome] = world.apply(world.plan(world.create("align")))
    jobs = world.service.named(name("align"))
    if first != "fine":
        assert (outcome.result, jobs, world.service.posts()) == (Result.FAILED, [], 0)
        assert "not sent" in outcome.detail
    elif post == "lost":
        assert (outcome.result, jobs) == (Result.UNKNOWN, [])
    else:
        assert (outcome.result, len(jobs)) == (Result.DONE, 1)
    world.service.script["runs_named"].clear()
    world.service.script["run"].clear()
    [last] = world.apply(world.plan(world.create("align")))
    assert world.service.posts() == 1, "the second run never sends what may have been sent"
    assert last.result is (Result.UNKNOWN if post == "lost" else Result.DONE)


def test_the_journal_is_on_the_disk_before_the_post(world: World, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(do: Do) -> Any:
        seen.extend(str(entry.state) for entry in open_submits(tmp_path, world.binding))
        return do()

    world.service.script["submit"] = [look]
    world.apply(world.plan(world.create("align")))
    assert seen == ["sending"]


def test_a_late_job_is_found_by_the_next_run(world: World) -> None:
    world.service.script["submit"] = [lost]
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.UNKNOWN
    late = world.service.make(name("align"), "alice", {})
    world.events.clear()
    [outcome] = world.apply(world.plan(world.create("align")))
    assert (outcome.result, outcome.run_id) == (Result.DONE, late.id)
    assert world.service.posts() == 1
    told = [(str(event.type), event.status, event.run_id) for event in world.events[1:3]]
    looking = f"searching for {name('align')}, which an earlier apply may have sent"
    assert told == [("apply_progress", looking, ""), ("apply_complete", "", late.id)]


def test_an_open_submit_is_resolved_although_the_plan_is_empty(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")))
    empty = world.plan()
    for _ in range(2):
        [outcome] = world.apply(empty)
        assert (outcome.address, outcome.result) == ("align", Result.UNKNOWN)
        assert exit_code(empty, (outcome,)) is ExitCode.UNKNOWN
    world.service.make(name("align"), "alice", {})
    assert world.apply(empty) == ()


def test_an_open_submit_holds_its_address_and_no_other(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")))
    changed = world.create("align", name="phylo.align.bbbbbbbbbb")
    outcomes = world.apply(
        world.plan(changed, world.create("other"), world.create("tree", "align"))
    )
    assert [(o.address, str(o.result)) for o in outcomes] == [
        ("align", "unknown"),
        ("other", "done"),
        ("tree", "skipped"),
    ]


def of_all_names(world: World, change: Any, *others: str) -> Any:
    """A plan of *change*, whose job may also have runs under *others*."""
    return world.plan(change, basis={change.address: Basis((change.name, *others), {})})


def test_an_open_submit_under_another_name_of_the_job_holds_it(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("sort")))
    renamed = of_all_names(world, world.create("sorting"), name("sort"), name("sort", 2))
    [outcome] = world.apply(renamed)
    assert (outcome.address, outcome.result) == ("sorting", Result.UNKNOWN)
    assert "jobsync resolve sort --submitted" in outcome.detail
    assert world.service.posts(name("sorting")) == 0


def test_what_an_open_submit_under_another_name_has_made_is_the_job(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("sort")))
    late = world.service.make(name("sort"), "alice", {})
    [outcome] = world.apply(of_all_names(world, world.create("sorting", retries=3), name("sort")))
    assert (outcome.result, outcome.run_id) == (Result.DONE, late.id)
    assert world.service.posts(name("sorting")) == 0


def test_what_the_plan_has_seen_under_another_name_is_not_news(world: World) -> None:
    """A run that has failed, and whose submit was never confirmed, does not stop its retry."""
    world.service.read_lag = world.service.search_lag = 1000.0
    world.apply(world.plan(world.create("sort")))
    assert [str(e.state) for e in open_submits(world.folder, world.binding)] == ["accepted"]
    world.service.read_lag = world.service.search_lag = 0.0
    [failed] = world.service.jobs.values()
    basis = Basis((name("sorting"), name("sort")), {failed.id: (RunState.FAILED, True)})
    retry = world.create("sorting", name=name("sorting", 2), action=Action.RETRY)
    [outcome] = world.apply(world.plan(retry, basis={"sorting": basis}))
    assert outcome.result is Result.DONE
    assert world.service.posts(name("sorting", 2)) == 1


def test_an_open_submit_in_the_journal_of_a_former_project_holds_the_job(world: World) -> None:
    world.service.script["submit"] = [lost]
    old = "lab.sort.aaaaaaaaaa"
    world.apply(replace(world.plan(world.create("sort", name=old)), project="lab"))
    [outcome] = world.apply(of_all_names(world, world.create("sort"), old))
    assert outcome.result is Result.UNKNOWN
    assert f"jobsync resolve {old} --submitted" in outcome.detail
    assert world.service.posts(name("sort")) == 0


def test_a_duplicate_of_which_one_was_put_away_is_settled(world: World) -> None:
    twins = [world.service.make(name("align"), "alice", {}) for _ in range(2)]
    world.apply(world.plan(world.create("align")))
    world.apply(world.plan())
    assert state_of(world, "align") == ("duplicate", tuple(twin.id for twin in twins))
    twins[0].visible = False
    world.apply(world.plan())
    assert state_of(world, "align") == ("confirmed", (twins[1].id,))


def state_of(world: World, address: str) -> tuple[str, tuple[str, ...]]:
    """The last word of the journal on the first attempt of *address*."""
    with open_journal(world.folder, world.binding) as journal:
        entry = journal.state(name(address))
    assert entry is not None
    return str(entry.state), entry.ids


def test_a_job_of_this_very_name_is_taken_over(world: World) -> None:
    there = world.service.make(name("align"), "alice", {})
    world.service.make(name("align"), "mallory", {}).grants["alice"] = (
        world.platform.permissions.levels["READ"]
    )
    [outcome] = world.apply(world.plan(world.create("align")))
    assert (outcome.result, outcome.run_id) == (Result.DONE, there.id)
    assert world.service.posts() == 0


def test_an_older_failed_attempt_is_not_taken_for_the_new_one(world: World) -> None:
    world.service.make(name("align"), "alice", {}, final="FAILED")
    [outcome] = world.apply(world.plan(world.create("align", name=name("align", 2))))
    assert outcome.result is Result.DONE
    assert world.service.posts(name("align", 2)) == 1


def test_two_of_the_name_are_reported(world: World) -> None:
    ids = [world.service.make(name("align"), "alice", {}).id for _ in range(2)]
    the_plan = world.plan(world.create("align"))
    [outcome] = world.apply(the_plan)
    assert outcome.result is Result.UNKNOWN
    assert all(job_id in outcome.detail for job_id in ids)
    assert exit_code(the_plan, (outcome,)) is ExitCode.UNKNOWN


def test_a_post_that_the_network_doubles_is_seen_at_the_end(world: World) -> None:
    def doubled(do: Do) -> Any:
        do()
        return do()

    world.service.script["submit"] = [doubled]
    the_plan = world.plan(world.create("align"))
    outcomes = world.apply(the_plan)
    assert [str(o.result) for o in outcomes] == ["unknown"]
    assert exit_code(the_plan, outcomes) is ExitCode.UNKNOWN


def test_an_id_that_can_only_be_read_later_is_waited_for(world: World) -> None:
    world.service.read_lag = 15.0
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.DONE
    assert world.clock.time >= 15.0


def test_an_id_that_cannot_be_read_is_unknown(world: World) -> None:
    world.service.read_lag = world.service.search_lag = 1000.0
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.UNKNOWN
    assert "cannot be read" in outcome.detail
    world.clock.sleep(1000.0)
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.DONE
    assert world.service.posts() == 1


def test_a_confirmed_job_that_vanished_is_not_sent_again(world: World) -> None:
    world.apply(world.plan(world.create("align")))
    world.service.jobs.clear()
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.UNKNOWN
    assert world.service.posts() == 1


def test_without_a_journal_nothing_is_sent(world: World, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(JobsyncError, match="so nothing"):
        world.apply(world.plan(world.create("align")))
    assert world.service.calls == []


# --- a service that ends with the command ----------------------------------------------


def test_what_ended_with_the_command_that_sent_it_is_sent_by_the_next(world: World) -> None:
    world.service.script["submit"] = [lost]
    [outcome] = world.apply(world.plan(world.create("align")), embedded=True)
    assert outcome.result is Result.UNKNOWN, "of its own submit nobody knows"
    began = world.clock.time
    [outcome] = world.apply(world.plan(world.create("align")), embedded=True)
    assert (outcome.result, len(world.service.named(name("align")))) == (Result.DONE, 1)
    assert world.clock.time - began < 1.0, "there is nothing to wait for"


def test_what_reached_a_service_before_it_ended_is_found(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")), embedded=True)
    there = world.service.make(name("align"), "alice", {})
    [outcome] = world.apply(world.plan(world.create("align")), embedded=True)
    assert (outcome.result, outcome.run_id) == (Result.DONE, there.id)
    assert world.service.posts() == 1


def test_a_search_that_fails_proves_nothing(world: World) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")), embedded=True)
    world.service.script["runs_named"] = [unreachable] * 100
    [outcome] = world.apply(world.plan(world.create("align")), embedded=True)
    assert (outcome.result, world.service.posts()) == (Result.UNKNOWN, 1)


def test_a_confirmed_job_that_vanished_from_it_is_not_sent_again_either(world: World) -> None:
    world.apply(world.plan(world.create("align")), embedded=True)
    world.service.jobs.clear()
    for _ in range(2):
        [outcome] = world.apply(world.plan(world.create("align")), embedded=True)
        assert (outcome.result, world.service.posts()) == (Result.UNKNOWN, 1)


# --- nothing that lasts says what was submitted ------------------------------------------


def test_a_cold_apply_waits_until_what_was_sent_before_can_be_seen(world: World) -> None:
    """Another runner sent it and is gone; the search shows it 25 seconds later."""
    world.service.search_lag = 25
    there = world.service.make(name("align"), "alice", {})
    [outcome] = world.apply(world.plan(world.create("align")), cold=True)
    assert (outcome.result, outcome.run_id) == (Result.DONE, there.id)
    assert world.service.posts() == 0


def test_a_cold_apply_sends_once_after_the_settle_time(world: World) -> None:
    began = world.clock.time
    outcomes = world.apply(world.plan(world.create("align"), world.create("tree")), cold=True)
    assert {outcome.result for outcome in outcomes} == {Result.DONE}
    assert world.service.posts() == 2
    assert min(job.born for job in world.service.jobs.values()) >= began + 30
    assert world.clock.time < began + 50


def test_an_apply_with_a_journal_does_not_wait(world: World) -> None:
    began = world.clock.time
    world.apply(world.plan(world.create("align")))
    assert min(job.born for job in world.service.jobs.values()) < began + 1


# --- by hand ---------------------------------------------------------------------------


def test_resolve_not_submitted_lets_it_be_sent_again(world: World, tmp_path: Path) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")))
    [entry] = resolve_submits(
        "align", NotSubmitted(), world.backend, tmp_path, world.binding, world.clock
    )
    assert entry.state is State.REJECTED
    assert open_submits(tmp_path, world.binding) == ()
    [outcome] = world.apply(world.plan(world.create("align")))
    assert outcome.result is Result.DONE
    assert world.service.posts() == 2


def test_resolve_not_submitted_is_refused_when_the_job_is_there(
    world: World, tmp_path: Path
) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")))
    shown = not world.platform.finds_hidden  # where a search finds hidden ones, they count too
    job = world.service.make(name("align"), "alice", {}, visible=shown)
    with pytest.raises(JobsyncError, match=job.id):
        resolve_submits(
            "align", NotSubmitted(), world.backend, tmp_path, world.binding, world.clock
        )


def test_resolve_submitted_checks_the_job(world: World, tmp_path: Path) -> None:
    world.service.script["submit"] = [lost]
    world.apply(world.plan(world.create("align")))
    other = world.service.make(name("tree"), "alice", {})
    with pytest.raises(JobsyncError, match=r"not phylo\.align"):
        resolve_submits(
            "align", Submitted(other.id), world.backend, tmp_path, world.binding, world.clock
        )
    mine = world.service.make(name("align"), "alice", {})
    resolve_submits(
        name("align"), Submitted(mine.id), world.backend, tmp_path, world.binding, world.clock
    )
    assert open_submits(tmp_path, world.binding) == ()


def test_resolve_without_an_open_submit_says_so(world: World, tmp_path: Path) -> None:
    with pytest.raises(JobsyncError, match="no submit whose outcome is open"):
        resolve_submits(
            "align", NotSubmitted(), world.backend, tmp_path, world.binding, world.clock
        )
