"""Lists read by pages: whole, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobsync.errors import Unreadable
from jobsync.model import JsonValue, RemoteFile
from jobsync.platforms.records import Record
from jobsync.platforms.tapis.name_search import NameSearch
from jobsync.platforms.tapis.operations import Jobs, Page, Terms
from jobsync.platforms.tapis.outputs import Outputs
from jobsync.platforms.tapis.pagination import Listing, all_events, all_files


def uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}-007"


def row(number: int, name: str = "p.a") -> Record:
    return {"uuid": uuid(number), "id": number, "name": name, "owner": "alice", "status": "QUEUED"}


class Scripted:
    """A service that gives out pages of at most *clip* rows. *between* is called after a page."""

    def __init__(self, rows: list[Record], clip: int = 1000) -> None:
        self.rows, self.clip = rows, clip
        self.lacking: frozenset[str] = frozenset()
        self.asked: list[dict[str, str | int]] = []
        self.counts = True
        self.uncounted = 0
        self.moves: list[int] = []
        self.shows: list[int] = []
        self.new = 0
        self.lock = threading.Lock()

    def search(self, terms: Terms) -> Page:
        with self.lock:
            return self._page(terms)

    def _page(self, terms: Terms) -> Page:
        asked = dict(terms)
        self.asked.append(asked)
        skip, limit = int(asked["skip"]), min(int(asked["limit"]), self.clip)
        rows = self.rows[skip : skip + limit]
        total = (
            len(self.rows) - self.uncounted if asked.get("computeTotal") and self.counts else None
        )
        if self.moves:  # hidden by somebody after this page
            number = self.moves.pop(0)
            self.rows = [one for one in self.rows if one["id"] != number]
        if self.shows:  # and one that was hidden before is shown again
            self.rows = sorted(
                [*self.rows, row(self.shows.pop(0))], key=lambda one: str(one["uuid"])
            )
        for _ in range(self.new):  # submitted by somebody after this page
            self.rows = [*self.rows, row(1000 + len(self.asked) * 10 + len(self.rows))]
        return Page(rows, total, "asked")

    def listing(self) -> Listing:
        return Listing(cast("Jobs", self), map)


def ids(service: Scripted) -> list[str]:
    return [one.id for one in service.listing().rows((), ("uuid",))]


@pytest.mark.parametrize("clip", [2, 3, 10, 1000])
@pytest.mark.parametrize("count", [0, 1, 3, 10, 11])
def test_every_row_comes_once_whatever_the_service_clips(clip: int, count: int) -> None:
    service = Scripted([row(number) for number in range(count)], clip)
    assert ids(service) == [uuid(number) for number in range(count)]
    first, *others = service.asked
    assert first["computeTotal"] == "true" and first["orderBy"] == "id(asc)"
    assert not any("computeTotal" in one for one in others[:-1])


def test_pages_of_one_row_are_no_list() -> None:
    assert ids(Scripted([row(1)], clip=1)) == [uuid(1)]
    with pytest.raises(Unreadable, match="pages of 1"):
        ids(Scripted([row(1), row(2)], clip=1))


def test_one_request_is_enough_for_a_thousand() -> None:
    service = Scripted([row(number) for number in range(1000)])
    assert len(ids(service)) == 1000 and len(service.asked) == 1


def test_a_row_that_is_missed_once_is_found_by_reading_again() -> None:
    """One that was hidden between two pages moves another to the page that was read already."""
    service = Scripted([row(number) for number in range(8)], clip=4)
    service.moves = [1]
    assert ids(service) == [uuid(number) for number in range(8) if number != 1]


def test_a_list_of_which_rows_are_hidden_page_by_page_is_read_by_going_back() -> None:
    service = Scripted([row(number) for number in range(40)], clip=4)
    service.moves = [*range(30), 39]
    assert set(ids(service)) >= {uuid(number) for number in range(30, 39)}


def test_a_row_that_comes_back_pushes_none_out_of_the_list() -> None:
    """The last one stands behind the last page that the count of the first asks for."""
    service = Scripted([row(number) for number in range(0, 14, 2)], clip=4)
    service.shows = [7]
    assert set(ids(service)) >= {uuid(number) for number in range(0, 14, 2)}


def test_a_list_that_does_not_end_where_its_count_says_is_unreadable() -> None:
    service = Scripted([row(number) for number in range(40)], clip=4)
    service.uncounted = -1
    with pytest.raises(Unreadable, match="does not end"):
        ids(service)


def test_a_list_without_a_count_or_without_order_is_unreadable() -> None:
    service = Scripted([row(2), row(1)])
    with pytest.raises(Unreadable, match="order"):
        ids(service)
    service = Scripted([])
    service.counts = False
    assert ids(service) == [], "an empty list may come without the number (tapis-v3 §6.1)"
    service = Scripted([row(1)])
    service.counts = False
    with pytest.raises(Unreadable, match="how many"):
        ids(service)


@pytest.mark.parametrize(
    ("member", "value"),
    [("uuid", "../x"), ("uuid", ""), ("id", "1"), ("id", None), ("name", None), ("owner", 7)],
)
def test_a_row_that_is_none_is_unreadable(member: str, value: JsonValue) -> None:
    with pytest.raises(Unreadable):
        ids(Scripted([{**row(1), member: value}]))


def test_names_are_asked_for_together_and_only_they_may_come() -> None:
    service = Scripted([row(1, "p.a"), row(2, "p.b"), row(3, "p.a")])
    search = NameSearch(service.listing(), ("uuid",))
    found = search.rows_of(["p.a", "p.b"])
    assert [[one.number for one in rows] for rows in found] == [[1, 3], [2]]
    assert service.asked[0]["name.in"] == "p.a,p.b"
    with pytest.raises(Unreadable, match=r"p\.b"):
        search.rows_of(["p.a"])


def test_a_name_that_a_list_cannot_hold_is_asked_for_alone() -> None:
    service = Scripted([])
    NameSearch(service.listing(), ("uuid",)).rows_of(["a,b~(c)"])
    assert service.asked[0]["name.eq"] == r"a\,b\~\(c\)"


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 30),
    clip=st.integers(1, 12),
    moves=st.lists(st.integers(0, 29), max_size=12),
    shows=st.lists(st.integers(0, 29), max_size=6, unique=True),
    new=st.integers(0, 3),
)
def test_what_is_there_all_the_time_is_never_missed(
    count: int, clip: int, moves: list[int], shows: list[int], new: int
) -> None:
    """Whatever is hidden, shown again, and submitted, between two pages."""
    service = Scripted([row(2 * number) for number in range(count)], clip)
    service.moves, service.new = [2 * number for number in moves], new
    service.shows = [2 * number + 1 for number in shows]
    try:
        found = ids(service)
    except Unreadable:
        assert clip == 1 or clip <= new, "as many come as are read at a time"
        return
    assert set(found) >= {uuid(2 * number) for number in range(count) if number not in moves}
    assert len(found) == len(set(found))


# --- folders of outputs ------------------------------------------------------------------


class Folder:
    """A folder given out by pages of at most *clip* rows.

    Before each page but the first, a file of *gone* vanishes and one of *new* comes.
    """

    def __init__(self, names: list[str], clip: int) -> None:
        self.names, self.clip = sorted(names), clip
        self.gone: list[str] = []
        self.new: list[str] = []
        self.asked: list[int] = []

    def page(self, at: int) -> Page:
        if self.asked:
            left = {*self.names, *self.new[:1]} - {*self.gone[:1]}
            self.names, self.gone, self.new = sorted(left), self.gone[1:], self.new[1:]
        self.asked.append(at)
        rows: list[Record] = [{"path": name} for name in self.names[at : at + self.clip]]
        return Page(rows, None, "asked")


def listed(folder: Folder) -> list[str]:
    return [file.path for file in all_files(folder.page, entry)[0]]


def entry(row: Record, asked: str) -> RemoteFile:
    return RemoteFile(str(row["path"]), 1, "")


def named(numbers: Iterable[int]) -> list[str]:
    return [f"f{number:03}" for number in numbers]


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 30),
    clip=st.integers(2, 12),
    gone=st.lists(st.integers(0, 29), max_size=4),
    new=st.lists(st.sampled_from(["a", "f000x", "f012x", "z"]), max_size=4, unique=True),
)
def test_no_file_is_missed_however_pages_are_cut(
    count: int, clip: int, gone: list[int], new: list[str]
) -> None:
    folder = Folder(named(range(count)), clip)
    folder.gone, folder.new = named(gone), new
    try:
        found = listed(folder)
    except Unreadable:
        assert gone or new, "a folder that stays as it is can be read"
        return
    assert found == sorted({*found}) and {*found} >= {*named(range(count))} - {*named(gone)}


def test_a_folder_of_which_one_row_comes_at_a_time_is_unreadable() -> None:
    assert listed(Folder(["a"], 1)) == ["a"]
    with pytest.raises(Unreadable, match="one row"):
        listed(Folder(["a", "b", "c"], 1))


def test_a_folder_shorter_than_a_page_that_has_come_is_whole() -> None:
    folder = Folder(named(range(9)), 12)
    assert all_files(folder.page, entry)[1] == 9 and folder.asked == [0, 8]
    folder = Folder(named(range(8)), 12)
    found, most = all_files(folder.page, entry, lambda rows: rows < 9)
    assert (len(found), most, folder.asked) == (8, 8, [0])


def test_the_outputs_of_a_run_are_listed_with_few_requests() -> None:
    class Service(Folder):
        def get(self, uuid: str) -> tuple[Record, str]:
            place: Record = {"archiveSystemId": "a", "archiveSystemDir": "/x"}
            return {**row(1), **place, "status": "FINISHED", "visible": True}, "asked"

        def outputs(self, run_id: str, folder: str, terms: Terms) -> Page:
            page = self.page(int(dict(terms)["skip"]))
            rows = [{"path": f"x/{one['path']}", "size": 1, "type": "file"} for one in page.rows]
            return Page(cast("list[Record]", rows), None, "asked")

    service = Service(named(range(9)), 12)
    outputs = Outputs(cast("Jobs", service), "alice")
    for _ in range(2):
        assert len(outputs.entries(uuid(1), "")) == 9
    assert service.asked == [0, 8, 0]
    service.names += named([9])
    assert len(outputs.entries(uuid(1), "")) == 10, "another number of entries is asked about"
    assert service.asked[3:] == [0, 9]
    service.names = service.names[:3]
    assert len(outputs.entries(uuid(2), "")) == 3 and service.asked[5:] == [0]


def test_a_folder_without_end_is_unreadable() -> None:
    class Same(Folder):
        def page(self, at: int) -> Page:
            return super().page(0)

    with pytest.raises(Unreadable):
        listed(Same(named(range(9)), 4))


def test_a_history_ends_where_nothing_more_comes() -> None:
    rows = [
        {"event": "JOB_NEW_STATUS", "created": f"2026-01-01T00:00:{n:02}Z", "eventDetail": "QUEUED"}
        for n in range(7)
    ]

    def page(at: int) -> Page:
        return Page(cast("list[Record]", rows[at : at + 3]), None, "asked")

    assert len(all_events(page)) == 7
