"""Runs: submitted, found, ended, hidden. For every service that there is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobsync.backend import Backend, HiddenRun, Listed
from jobsync.errors import NotFound, SubmitRejected
from jobsync.model import Mark, RunState
from jobsync.structs import replace
from tests.contract.service import Service
from tests.fakes.agave_world import until

ABSENT = "0000000000000000000-00000000-0001-007"


def by_id(*ids: str) -> Callable[[Listed], bool]:
    return lambda run: run.id in ids


def test_who_is_acting(service: Service) -> None:
    for user in ("alice", "bob"):
        assert service.as_(user).whoami() == user
    assert service.as_("alice").base_url and service.as_("alice").concurrency >= 1


def test_a_submit_tells_the_run_that_it_made(service: Service) -> None:
    name = service.name()
    made = service.as_("alice").submit(name, service.request(0))
    assert (made.name, made.owner, made.state) == (name, "alice", RunState.ACTIVE)
    assert made.id and made.visible
    found = until(lambda: service.as_("alice").runs_named(name))
    assert [run.id for run in found] == [made.id]


def test_a_record_has_what_was_submitted(service: Service) -> None:
    run = service.submit()
    assert run.request is not None
    for field, value in service.request(0).items():
        assert run.request[field] == value or isinstance(value, dict)
    assert run.created is not None


def test_a_mark_is_read_back_from_the_run(service: Service) -> None:
    platform = service.as_("alice").platform
    for attempt in (1, 2):
        mark = Mark("contract", "marked", platform.scheme + "b" * 9, attempt)
        name = platform.run_name(mark)
        run = service.submit(name=name)
        assert run.name == name and platform.read_mark(run.name) == mark
        assert name.startswith(platform.name_prefix("contract"))
    assert platform.read_mark("by hand") is None


def test_each_submit_makes_a_run(service: Service) -> None:
    name = service.name()
    ids = {service.submit(name=name).id for _ in range(2)}
    assert len(ids) == 2
    assert {run.id for run in service.as_("alice").runs_named(name)} == ids


def test_a_refused_submit_has_made_nothing(service: Service) -> None:
    alice, name = service.as_("alice"), service.name()
    with pytest.raises(SubmitRejected) as caught:
        alice.submit(name, {**service.request(0), "appId": "no-such-app-1.0"})
    assert str(caught.value)
    assert alice.runs_named(name) == []


def test_a_run_comes_to_its_end(service: Service) -> None:
    run = service.ended()
    assert run.state is RunState.FINISHED
    [row] = service.as_("alice").runs(by_id(run.id))
    assert row.state is RunState.FINISHED and row.status == run.status


def test_a_run_that_fails_says_why(service: Service) -> None:
    run = service.ended(seconds=-1)
    assert run.state is RunState.FAILED and run.message
    [row] = service.as_("alice").runs(by_id(run.id))
    assert row.state is RunState.FAILED and row.message == run.message


def test_a_stopped_run_is_stopped_and_not_failed(service: Service) -> None:
    alice = service.as_("alice")
    run = service.submit(seconds=60)
    alice.stop(run.id)
    assert service.settle("alice", run.id).state is RunState.STOPPED
    [row] = alice.runs(by_id(run.id))
    assert row.state is RunState.STOPPED
    alice.stop(run.id)
    assert alice.run(run.id).state is RunState.STOPPED


def test_a_row_of_the_listing_is_a_summary(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    seen: list[Listed] = []

    def keep(row: Listed) -> bool:
        seen.append(row)
        return row.id == run.id

    [row] = alice.runs(keep)
    assert (row.id, row.name, row.owner, row.visible) == (run.id, run.name, "alice", True)
    assert row.request is None and row.app_id == run.app_id
    assert len({one.id for one in seen}) == len(seen), "each run is shown once"


def test_the_listing_is_whole_however_small_its_pages(service: Service) -> None:
    carol = service.as_("carol")
    ids = {service.submit("carol", seconds=60).id for _ in range(11)}
    with service.small_pages():
        assert {run.id for run in carol.runs(by_id(*ids))} == ids
    assert {run.id for run in carol.runs(by_id(*ids))} == ids
    assert carol.runs(lambda run: False) == []
    for run_id in ids:
        carol.hide(run_id)


def test_several_runs_are_asked_for_by_their_ids(service: Service) -> None:
    alice = service.as_("alice")
    runs = [service.ended() for _ in range(3)]
    ids = [run.id for run in runs[1:]]
    found = {run.id: run for run in alice.runs_by_id([*ids, ABSENT])}
    assert found.keys() == set(ids)
    assert all(found[run_id].state is RunState.FINISHED for run_id in ids)
    alice.hide(ids[0])
    assert [run.id for run in alice.runs_by_id(ids)] == ids[1:]
    assert alice.runs_by_id([]) == []


def test_a_name_is_asked_for_exactly(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    [found] = alice.runs_named(run.name)
    assert found == alice.run(run.id), "a full record"
    for brief in (*alice.runs_named(run.name, brief=True), alice.run(run.id, brief=True)):
        assert replace(brief, request=found.request) == found, "but for its request"
    assert alice.runs_named(run.name[:-1]) == []
    assert alice.runs_named(run.name + "x") == []
    assert alice.runs_named(service.name()) == []


def test_a_hidden_run_is_found_by_its_name_only(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    alice.hide(run.id)
    assert alice.runs(by_id(run.id)) == []
    with pytest.raises(NotFound) as caught:
        alice.run(run.id)
    assert isinstance(caught.value, HiddenRun) is not alice.platform.finds_hidden
    with pytest.raises(NotFound):
        alice.run(run.id, brief=True)
    [hidden] = service.named(run)
    assert hidden.id == run.id and not hidden.visible
    assert bool(alice.runs_named(run.name)) is alice.platform.finds_hidden
    alice.hide(run.id)
    alice.restore(run.id)
    [shown] = alice.runs_named(run.name)
    assert shown.visible and alice.run(run.id).state is RunState.FINISHED
    alice.restore(run.id)
    assert alice.run(run.id).visible


def test_hiding_a_run_stops_it(service: Service) -> None:
    alice = service.as_("alice")
    run = service.submit(seconds=60)
    alice.hide(run.id)

    def stopped() -> bool:
        [found] = service.named(run)
        assert not found.visible
        return found.state is RunState.STOPPED

    assert until(stopped)


def test_hiding_what_is_not_there_is_done(service: Service) -> None:
    service.as_("alice").hide(ABSENT)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda one: one.run(ABSENT), id="run"),
        pytest.param(lambda one: one.access(ABSENT), id="access"),
        pytest.param(lambda one: one.files(ABSENT), id="files"),
        pytest.param(lambda one: one.open(ABSENT, "a").__enter__(), id="open"),
        pytest.param(lambda one: one.history(ABSENT), id="history"),
        pytest.param(lambda one: one.stop(ABSENT), id="stop"),
        pytest.param(lambda one: one.restore(ABSENT), id="restore"),
    ],
)
def test_what_is_not_there_is_not_found(service: Service, ask: Callable[[Backend], object]) -> None:
    with pytest.raises(NotFound):
        ask(service.as_("alice"))


def test_where_runs_put_their_outputs_is_told_of_hidden_ones_too(service: Service) -> None:
    alice = service.as_("alice")
    platform = alice.platform
    shown, hidden = service.ended(), service.ended()
    folders = {
        run.id: folder
        for run in (shown, hidden)
        if run.request is not None and (folder := platform.output_folder(run.request)) is not None
    }
    wanted = [*folders.values()].__contains__
    alice.hide(hidden.id)
    found = {one.run.id: one for one in alice.archived("alice", wanted)}
    if not platform.finds_hidden:
        folders.pop(hidden.id, None)
    assert {run_id: one.archive for run_id, one in found.items()} == folders
    for run_id, one in found.items():
        assert one.run.visible is (run_id == shown.id) and one.run.request is None
    assert alice.archived("bob", wanted) == []
    assert alice.archived("alice", lambda folder: False) == []


def test_history_is_told_from_the_beginning_to_the_end(service: Service) -> None:
    run = service.ended()
    events = service.as_("alice").history(run.id)
    assert len(events) > 1 and events[-1].status == run.status
    assert events[0].status != run.status and all(event.created for event in events)
    with service.small_pages():
        assert service.as_("alice").history(run.id) == events


def test_an_app_is_told_or_is_not_there(service: Service) -> None:
    app = service.as_("bob").app(service.app)
    ids = service.as_("bob").app_ids()
    assert ids == sorted(ids) and (app is None or service.app in ids)
    assert app is None or app.id == service.app
    try:
        assert service.as_("bob").app("no-such-app-1.0") is None
    except NotFound as error:
        assert error.said


def test_many_may_ask_at_once(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: alice.run(run.id), range(24)))
    assert found == [run] * 24
