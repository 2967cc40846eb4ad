"""Many names in one question: the same answers, fewer requests, and never a false "none"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobsync.errors import Unreadable
from jobsync.http.client import HttpClient
from jobsync.local.api.agave import search
from jobsync.model import Run
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.name_search import NameSearch
from tests.fakes.agave_world import APP, World, settled, until, world

NAMES = [f"many.job{number}.aaaaaaaaaa" for number in range(30)]


@pytest.fixture(params=["agave", "aloe"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, dialect=request.param, aloe_delay=0.0) as found:
        yield found


def search_of(client: agave.AgaveBackend) -> NameSearch:
    return NameSearch(client.jobs, client._pages, client.concurrency)


def made(client: agave.AgaveBackend, name: str) -> Run:
    run = client.submit(name, {"appId": APP, "archive": False})
    return settled(client, run.id)


def ids(found: Sequence[Sequence[Run]]) -> list[list[str]]:
    return [[run.id for run in runs] for runs in found]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that are asked for from now on."""
    urls: list[str] = []
    send = HttpClient.send

    def noting(self: HttpClient, request: Any, *credential: Any) -> Any:
        urls.append(request.url)
        return send(self, request, *credential)

    monkeypatch.setattr(HttpClient, "send", noting)
    return urls


def test_many_names_are_answered_as_each_alone(either: World) -> None:
    alice = either.as_("alice")
    shown, twin, hidden = (made(alice, NAMES[n]) for n in (3, 3, 7))
    alice.hide(hidden.id)
    until(lambda: not alice.runs_named(NAMES[7])[0].visible)
    bobs = made(either.as_("bob"), NAMES[9])
    found = search_of(alice).runs_of(NAMES)
    alone = [alice.runs_named(name) for name in NAMES]
    assert found == alone
    assert sorted(run.id for run in found[3]) == sorted([shown.id, twin.id])
    assert ids(found)[7] == [hidden.id] and bobs.id not in str(found)
    assert all(run.request is not None for run in found[3])


def test_where_nothing_is_two_questions_answer_for_all(either: World, asked: list[str]) -> None:
    alice = either.as_("alice")
    assert search_of(alice).runs_of(NAMES) == [[] for _ in NAMES]
    assert len(asked) == 2


def test_names_that_threads_ask_for_at_once_travel_together(
    either: World, asked: list[str]
) -> None:
    alice = either.as_("alice")
    run = made(alice, NAMES[3])
    asked.clear()
    with ThreadPoolExecutor(len(NAMES)) as pool:
        found = list(pool.map(alice.runs_named, NAMES))
    assert ids(found) == [[run.id] if name == NAMES[3] else [] for name in NAMES]
    assert len(asked) < 2 * len(NAMES)


def whole(value: str) -> str:
    return value


def first(value: str) -> str:
    return value.split(",")[0]


@pytest.mark.parametrize("read", [whole, first])
def test_a_service_that_knows_no_list_of_names_is_not_believed_to_have_none(
    either: World, monkeypatch: pytest.MonkeyPatch, read: Callable[[str], str]
) -> None:
    """One that takes the commas for a part of the name, or reads only the first of the names,
    would have every job made again."""
    alice = either.as_("alice")
    made(alice, NAMES[0])
    known = search.conditions

    def misread(pairs: Any, terms: Any, dialect: Any) -> Any:
        asked = [
            (key.replace(".in", ".eq"), read(value) if key == "name.in" else value)
            for key, value in pairs
        ]
        return known(asked, terms, dialect)

    monkeypatch.setattr("jobsync.local.api.agave.jobs.conditions", misread)
    with pytest.raises(Unreadable, match="leaves out one that it has"):
        search_of(alice).runs_of(NAMES[1:3])


def test_dropped_search_terms_void_the_answer_about_many(either: World) -> None:
    alice = either.as_("alice")
    shown, hidden = made(alice, NAMES[3]), made(alice, NAMES[6])
    alice.hide(hidden.id)
    either.service.faults.add("drop-filters")
    for names in (NAMES[5:9], [shown.name, hidden.name]):
        with pytest.raises(Unreadable):
            search_of(alice).runs_of(names)


def test_the_run_that_proves_an_answer_may_be_hidden_meanwhile(either: World) -> None:
    alice = either.as_("alice")
    first, second = made(alice, NAMES[3]), made(alice, NAMES[4])
    search = search_of(alice)
    assert ids(search.runs_of(NAMES[10:12])) == [[], []]
    alice.hide(next(run.id for run in (first, second) if run.name == search._known["true"]))
    found = search.runs_of(NAMES[3:5])
    assert ids(found) == [[first.id], [second.id]]
    assert {run.visible for runs in found for run in runs} == {True, False}


def test_names_with_a_comma_are_asked_alone(either: World, asked: list[str]) -> None:
    alice = either.as_("alice")
    odd = made(alice, "one, two") if either.service.settings.dialect == "agave" else None
    plain = made(alice, NAMES[3])
    found = search_of(alice).runs_of(["one, two", NAMES[3], "two"])
    assert ids(found) == [[odd.id] if odd else [], [plain.id], []]


def test_a_short_folder_takes_one_request_where_long_pages_were_seen(
    tmp_path: Path, asked: list[str]
) -> None:
    """Whoever was not cut off at seventy is not cut off at four (docs/decisions/0007)."""
    with world(tmp_path) as here:
        alice = here.as_("alice")
        run = made(alice, NAMES[3])
        asked.clear()
        known = alice.files(run.id)
        assert len(asked) > 1 and 0 < len(known) < 6
        rows = [f"other{number}" for number in range(70)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: alice.submit(name, {"appId": APP}), rows))
        alice.runs(lambda row: False)
        for at_least in (0, len(known), 1):
            asked.clear()
            assert alice.files(run.id, "", at_least) == known
            assert len(asked) == 1
        here.service.faults.add("page-limit,limit=3")
        assert alice.files(run.id) == known
