"""The 15 operations and the verbs against the real local service, in both dialects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from jobsync.errors import (
    Forbidden,
    NotFound,
    RangeRefused,
    Refused,
    ServiceError,
    SubmitAmbiguous,
    SubmitNotSent,
    SubmitRejected,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.http.retry import RetryPolicy
from jobsync.local.api.agave import jobs as local_jobs
from jobsync.local.api.agave import permissions as local_permissions
from jobsync.local.api.agave import search
from jobsync.local.api.agave.search import Window
from jobsync.model import NO_ACCESS, Archive, JsonValue, Run, RunState
from jobsync.platforms.agave import backend as agave_client
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.platforms.agave.permissions import READ, READ_WRITE, WRITE
from jobsync.platforms.agave.urls import UnsafePath
from tests.fakes.agave_world import APP, World, settled, until, world
from tests.fakes.waiting import Hands

READ = READ
WRITE = WRITE
BOTH = READ_WRITE


@pytest.fixture(scope="module", params=["agave", "aloe"])
def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param)
    with world(folder, dialect=request.param, aloe_delay=0.05) as found:
        yield found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("agave")) as found:
        yield found


@pytest.fixture(autouse=True)
def no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("here", "either"):
        if name in request.fixturenames:
            request.getfixturevalue(name).service.faults.clear()


def visible(client: agave.AgaveBackend, run: Run) -> Run:
    def look() -> Run | None:
        try:
            return client.run(run.id)
        except NotFound:
            return None

    found: Run = until(look)
    return found


def submitted(client: agave.AgaveBackend, name: str, **parameters: JsonValue) -> Run:
    made = client.submit(name, {"appId": APP, "parameters": {**parameters}})
    return visible(client, made)


# --- one life of a job -----------------------------------------------------------------


def test_a_job_from_submit_to_its_outputs(either: World) -> None:
    alice = either.as_("alice")
    request: dict[str, JsonValue] = {
        "appId": APP,
        "inputs": {"text": "agave://local/in.txt"},
        "parameters": {"lines": 5},
        "maxRunTime": "00:10:00",
        "nodeCount": 1,
        "memoryPerNode": 1,
    }
    made = alice.submit("life.of.aaaaaaaaaa", request)
    assert (made.name, made.owner, made.state) == ("life.of.aaaaaaaaaa", "alice", RunState.ACTIVE)
    visible(alice, made)
    done = settled(alice, made.id)
    assert done.state is RunState.FINISHED and done.status == "FINISHED"
    assert done.app_id == APP and done.created is not None and done.ended is not None
    record = done.request
    assert record is not None
    assert record["maxRunTime"] == "00:10:00" and record["archive"] is True
    assert str(record["archivePath"]).endswith(made.id) and record["archiveSystem"] == "archive"
    assert record["batchQueue"] and record["executionSystem"]
    assert not {"maxHours", "remoteQueue", "systemId"} & set(record)
    assert alice.jobs.get_status(made.id).status == "FINISHED"
    assert [event.status for event in alice.history(made.id)][-1] == "FINISHED"
    files = {file.path: file for file in alice.files(made.id)}
    counts = files["counts.txt"]
    with alice.open(made.id, "counts.txt") as content:
        assert content.offset == 0 and content.length == counts.length
        whole = b"".join(content.chunks)
    assert len(whole) == counts.length
    with alice.open(made.id, "counts.txt", 3) as content:
        assert (content.offset, content.length) == (3, counts.length)
        assert b"".join(content.chunks) == whole[3:]
    with pytest.raises(RangeRefused), alice.open(made.id, "counts.txt", len(whole)):
        pass


def test_permissions_one_by_one(either: World) -> None:
    alice, bob = either.as_("alice"), either.as_("bob")
    run = submitted(alice, "shared.run.aaaaaaaaaa")
    assert alice.access(run.id) == {}
    with pytest.raises(Forbidden, match="permission to view"):
        bob.run(run.id)
    alice.grant(run.id, "bob", READ)
    alice.grant(run.id, "carol", WRITE)
    alice.grant(run.id, "world", READ)
    assert alice.access(run.id) == {"bob": READ, "carol": WRITE, "world": READ}
    assert bob.run(run.id).owner == "alice"
    assert [found.id for found in bob.runs(lambda found: found.id == run.id)] == [run.id]
    with pytest.raises(Forbidden):
        bob.grant(run.id, "bob", BOTH)
    jobs = alice.jobs
    assert jobs.list_permissions_for_user(run.id, "bob").access == READ
    assert jobs.update_permissions_for_user(run.id, "bob", "ALL").access == BOTH
    assert jobs.list_permissions(run.id)[0].username == "alice"
    jobs.delete_permissions_for_user(run.id, "bob")
    with pytest.raises(NotFound):
        jobs.list_permissions_for_user(run.id, "bob")
    alice.grant(run.id, "carol", NO_ACCESS)
    assert alice.access(run.id) == {"world": READ}
    jobs.delete_permissions(run.id)
    assert alice.access(run.id) == {}
    assert alice.run(run.id).visible


@pytest.mark.parametrize("user", ["a@b.org", "x y", "ü", "..", "a/b", "", "%2e"])
def test_odd_users_travel_in_the_body_only(here: World, user: str) -> None:
    alice = here.as_("alice")
    run = submitted(alice, "odd.users.aaaaaaaaaa")
    with pytest.raises(UnsafePath):
        alice.jobs.delete_permissions_for_user(run.id, user)
    with pytest.raises(UnsafePath):
        alice.jobs.update_permissions_for_user(run.id, user, "READ")
    if user:
        alice.grant(run.id, user, READ)
        assert alice.access(run.id) == {user: READ}
        alice.grant(run.id, user, NO_ACCESS)
        assert alice.access(run.id) == {}
    assert alice.run(run.id).visible


def test_a_stopped_run_is_stopped_whatever_the_service_calls_it(either: World) -> None:
    alice = either.as_("alice")
    run = submitted(alice, "stopped.run.aaaaaaaaaa", seconds=60)
    until(lambda: alice.run(run.id).status == "RUNNING")
    alice.stop(run.id)
    ended = settled(alice, run.id)
    assert ended.state is RunState.STOPPED
    (row,) = alice.runs(lambda found: found.id == run.id)
    assert row.state is RunState.STOPPED and row.request is None
    alice.stop(run.id)
    again = alice.jobs.manage(run.id, "resubmit")
    assert again is not None and again.id != run.id and again.name == run.name
    visible(alice, again)
    alice.hide(again.id)


def test_who_and_what(either: World) -> None:
    bob = either.as_("bob")
    assert bob.whoami() == "bob"
    app = bob.app(APP)
    assert app is not None and set(app.parameters) == {"lines", "seconds"}
    assert app.parameters["lines"].type == "number" and not app.inputs["text"].required
    with pytest.raises(NotFound):
        bob.app("no-such-app-1.0")


# --- refusals --------------------------------------------------------------------------


def test_what_is_not_there(here: World) -> None:
    alice = here.as_("alice")
    missing = "0000000000000000000-00000000-0001-007"
    for ask in (
        lambda: alice.run(missing),
        lambda: alice.access(missing),
        lambda: alice.history(missing),
        lambda: alice.files(missing),
        lambda: alice.jobs.get_status(missing),
        lambda: alice.grant(missing, "bob", READ),
        lambda: alice.jobs.delete(missing),
        lambda: alice.stop(missing),
        lambda: alice.jobs.delete_permissions(missing),
        lambda: alice.open(missing, "a").__enter__(),
    ):
        with pytest.raises(NotFound, match=r"127\.0\.0\.1:\d+ to ") as caught:
            ask()
        assert caught.value.said
    alice.hide(missing)


def test_outputs_of_others_are_forbidden_without_renewing(here: World) -> None:
    alice, bob = here.as_("alice"), here.as_("bob")
    run = here.finished(alice, "private.run.aaaaaaaaaa")
    with pytest.raises(Forbidden):
        bob.files(run.id)
    with pytest.raises(Forbidden), bob.open(run.id, "counts.txt"):
        pass


def test_outputs_that_are_not_there_are_refused_not_empty(here: World) -> None:
    alice = here.as_("alice", timing=Hands().timing)
    run = here.finished(alice, "outputs.run.aaaaaaaaaa")
    with pytest.raises(Refused) as caught:
        alice.files(run.id, "no/such/folder")
    assert caught.value.status == 500
    with pytest.raises(UnsafePath), alice.open(run.id, "../x"):
        pass


def test_a_wrong_token_is_one_clear_error(here: World) -> None:
    with agave.connect(here.service.url, explicit(here.service.url, "wrong")) as client:
        with pytest.raises(Unauthorized, match="900901"):
            client.whoami()
        with pytest.raises(SubmitRejected):
            client.submit("wrong.token.aaaaaaaaaa", {"appId": APP})


def test_the_service_refuses_a_bad_request_in_its_own_words(here: World) -> None:
    alice = here.as_("alice")
    with pytest.raises(SubmitRejected, match="No app found matching"):
        alice.submit("bad.app.aaaaaaaaaa", {"appId": "no-such-app"})
    assert alice.runs_named("bad.app.aaaaaaaaaa") == []


# --- faults ----------------------------------------------------------------------------


def posts(here: World, name: str) -> int:
    client = here.as_("alice")
    return len(client.runs_named(name))


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ("reset-before,on=submit", 0),
        ("reset-after,on=submit", 1),
        ("lost,on=submit", 1),
        ("html-200,on=submit", 1),
        ("truncated,on=submit", 1),
        ("gzip,on=submit", 1),
        ("html,on=submit", 0),
        ("html,when=after,on=submit", 1),
    ],
)
def test_a_submit_under_a_fault_is_ambiguous_and_sent_once(
    here: World, spec: str, made: int
) -> None:
    alice = here.as_("alice", idle_timeout=3.0)
    name = f"fault.{spec.split(',')[0]}.{'after' if 'when' in spec else 'x'}.aaaaaaaaaa"
    here.service.faults.add(spec)
    with pytest.raises(SubmitAmbiguous):
        alice.submit(name, {"appId": APP})
    assert len(alice.runs_named(name)) == made


@pytest.mark.parametrize(
    ("style", "kind"),
    # Old gateways throttle with 503, which may as well come from behind them.
    [("", SubmitRejected), ("gateway-xml", SubmitAmbiguous)],
)
def test_a_throttled_submit_is_judged_by_its_status(
    here: World, style: str, kind: type[ServiceError]
) -> None:
    alice = here.as_("alice")
    if style:
        here.service.faults.add(style)
    here.service.faults.add("throttle,on=submit")
    with pytest.raises(kind):
        alice.submit("throttled.x.aaaaaaaaaa", {"appId": APP})
    assert alice.runs_named("throttled.x.aaaaaaaaaa") == []


@pytest.mark.parametrize(
    "spec",
    [
        *("throttle,times=2", "throttle,retry-after=3", "html", "html,status=503"),
        *("reset-before", "reset-after", "truncated", "lost"),
    ],
)
def test_reads_survive_what_passes(here: World, spec: str) -> None:
    hands = Hands()
    alice = here.as_("alice", timing=hands.timing, idle_timeout=3.0)
    run = here.finished(alice, "survivor.x.aaaaaaaaaa")
    here.service.faults.add(spec)
    assert alice.run(run.id).id == run.id
    here.service.faults.add(spec)
    alice.grant(run.id, "bob", READ)
    here.service.faults.add(spec)
    assert alice.access(run.id) == {"bob": READ}
    assert hands.slept


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("html-200,times=9", Unreadable),
        ("gzip,times=9", Unreadable),
        ("throttle,times=9", ServiceError),
        ("html,times=9", Unreachable),
    ],
)
def test_a_list_that_cannot_be_read_is_never_empty(
    here: World, spec: str, kind: type[ServiceError]
) -> None:
    alice = here.as_("alice", timing=Hands().timing)
    here.service.faults.add(spec)
    with pytest.raises(kind):
        alice.runs(lambda found: True)
    here.service.faults.clear()
    run = here.as_("alice").submit("unread.x.aaaaaaaaaa", {"appId": APP})
    here.service.faults.add(spec)
    with pytest.raises(kind):
        alice.access(run.id)


def test_small_pages_and_moving_rows_lose_nothing(here: World) -> None:
    carol = here.as_("carol")
    ids = {submitted(carol, f"page.n{number}.aaaaaaaaaa").id for number in range(23)}
    here.service.faults.add("page-limit,limit=4")
    here.service.faults.add("drift,rows=2")
    here.service.faults.add("duplicate-owner")
    assert {run.id for run in carol.runs(lambda found: found.id in ids)} == ids
    one = sorted(ids)[0]
    users = {f"user{number}": READ for number in range(11)}
    for user in users:
        carol.grant(one, user, READ)
    assert carol.access(one) == users
    assert len(carol.history(one)) > 10


def test_a_short_permission_list_takes_one_request_once_longer_pages_were_seen(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    alice = here.as_("alice")
    run, *_ = (alice.submit(f"p.short{n}.aaaaaaaaaa", {"appId": APP}) for n in range(20))
    listed = len(here.as_("alice").runs(lambda run: True))
    users = [f"u{number}" for number in range(listed // 10)]
    for user in users:
        alice.grant(run.id, user, READ)

    def requests() -> int:
        with caplog.at_level("DEBUG", "jobsync.http"):
            caplog.clear()
            assert sorted(alice.access(run.id)) == sorted(users)
            return sum("/pems" in record.getMessage() for record in caplog.records)

    assert requests() == 2
    assert len(alice.runs(lambda run: True)) == listed
    assert requests() == 1
    users.append("one-more")
    alice.grant(run.id, users[-1], READ)
    assert requests() == 2


def test_a_page_longer_than_asked_for_proves_nothing(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is ignored for jobs, so how it is clipped for permissions is not known."""
    asked = search.window

    def unlimited(query: Mapping[str, str]) -> Window:
        return Window(10_000, asked(query).offset)

    def clipped(query: Mapping[str, str]) -> Window:
        return Window(min(3, asked(query).limit), asked(query).offset)

    monkeypatch.setattr(agave_client, "LIMIT", 20)
    monkeypatch.setattr(local_permissions, "window", clipped)
    alice = here.as_("alice")
    run, *_ = (alice.submit(f"p.long{n}.aaaaaaaaaa", {"appId": APP}) for n in range(31))
    users = {f"u{number}": READ for number in range(5)}
    for user in users:
        alice.grant(run.id, user, READ)
    monkeypatch.setattr(local_jobs, "window", unlimited)
    listed = alice.runs(lambda run: True)
    assert len(listed) > 30
    assert alice.access(run.id) == users
    assert alice.access(run.id) == users


def test_small_pages_of_files_lose_nothing(here: World) -> None:
    alice = here.as_("alice")
    run = here.finished(alice, "files.small.aaaaaaaaaa")
    whole = alice.files(run.id)
    here.service.faults.add("page-limit,limit=3")
    here.service.faults.add("null-prefix")
    assert alice.files(run.id) == whole and len(whole) == 4


def test_dropped_search_terms_void_the_answer(here: World) -> None:
    alice = here.as_("alice")
    run = here.finished(alice, "dropped.x.aaaaaaaaaa")
    here.service.faults.add("drop-filters")
    with pytest.raises(Unreadable, match="dropped"):
        alice.runs_named("dropped.never-run.aaaaaaaaaa")
    with pytest.raises(Unreadable):
        alice.runs_named(run.name)


def test_a_dropped_projection_costs_requests_and_nothing_else(here: World) -> None:
    alice = here.as_("alice")
    run = submitted(alice, "projection.x.aaaaaaaaaa", seconds=-1)
    failed = settled(alice, run.id)
    here.service.faults.add("drop-projection")
    assert alice.runs_named(run.name) == [failed]
    (row,) = alice.runs(lambda found: found.id == run.id)
    assert row.message == failed.message


def test_where_runs_archive_is_told_of_hidden_ones_too(either: World) -> None:
    alice = either.as_("alice")
    made = [
        visible(alice, alice.submit(f"archived.{key}.aaaaaaaaaa", {"appId": APP, **request}))
        for key, request in (
            ("own", {}),
            ("off", {"archive": False}),
            ("shown", {"archivePath": "/archived//one/"}),
            ("hidden", {"archivePath": "archived/two"}),
        )
    ]
    for run in made:
        settled(alice, run.id)
    alice.hide(made[3].id)

    def ours(folder: Archive) -> bool:
        return folder.path.startswith("archived/")

    found = {one.run.id: one for one in alice.archived("alice", ours)}
    assert {run_id: one.archive for run_id, one in found.items()} == {
        made[2].id: Archive("archive", "archived/one"),
        made[3].id: Archive("archive", "archived/two"),
    }
    assert [found[run.id].run.visible for run in made[2:]] == [True, False]
    assert alice.archived("bob", ours) == []
    own = alice.archived("alice", lambda folder: folder.path.endswith(made[0].id))
    assert [one.run.id for one in own] == [made[0].id]


def test_where_a_hidden_run_archives_is_never_guessed(here: World) -> None:
    carol = here.as_("carol")
    run = visible(carol, carol.submit("guessed.x.aaaaaaaaaa", {"appId": APP}))
    settled(carol, run.id)
    here.service.faults.add("drop-projection")
    own = f"carol/archive/jobs/job-{run.id}"
    (found,) = carol.archived("carol", lambda folder: folder.path == own)
    assert found.run.id == run.id
    carol.hide(run.id)
    with pytest.raises(Unreadable, match="lacks the archivePath of hidden job"):
        carol.archived("carol", lambda folder: True)


def test_a_broken_default_order_is_not_asked_for(here: World) -> None:
    here.service.faults.add("list-500")
    assert isinstance(here.as_("alice").runs(lambda found: True), list)


def test_a_late_job_is_not_there_yet(here: World) -> None:
    alice = here.as_("alice")
    here.service.faults.add("late,seconds=0.5,on=submit")
    made = alice.submit("late.x.aaaaaaaaaa", {"appId": APP})
    with pytest.raises(NotFound):
        alice.run(made.id)
    assert visible(alice, made).name == made.name


def test_nobody_home(tmp_path: Path) -> None:
    with world(tmp_path) as found:
        alice = found.as_("alice", timing=Hands().timing, policy=RetryPolicy(attempts=2))
        found.service.stop()
        with pytest.raises(Unreachable, match="refused"):
            alice.whoami()
        with pytest.raises(SubmitNotSent):
            alice.submit("nobody.x.aaaaaaaaaa", {"appId": APP})


def test_planning_reads_only(here: World) -> None:
    credentials = explicit(here.service.url, here.service.tokens["alice"])
    alice = here.as_("alice")
    run = here.finished(alice, "reader.x.aaaaaaaaaa")
    with agave.connect_reader(here.service.url, credentials) as reader:
        assert reader.whoami() == "alice"
        assert reader.runs_named(run.name) == [run]
        assert reader.access(run.id) == {} and reader.files(run.id)
        assert not hasattr(reader, "submit")
