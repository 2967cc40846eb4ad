"""A listing is complete or it is an error, whatever moves while it is read."""

from __future__ import annotations

import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobsync.backend import HistoryEvent
from jobsync.errors import Unreadable
from jobsync.model import Access, RemoteFile, Run, RunState
from jobsync.platforms.agave.pagination import (
    _FOLDER_PAGES,
    all_events,
    all_files,
    all_permissions,
    all_runs,
)
from jobsync.platforms.agave.permissions import READ, READ_WRITE
from jobsync.platforms.agave.wire import Permission

BOTH = READ_WRITE
READ = READ


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def run(number: int) -> Run:
    return Run(f"{number:06d}-007", "n", "alice", "a-1", "FINISHED", RunState.FINISHED)


class Moving:
    """A service whose jobs come and go between two pages; ids are asked for in order."""

    def __init__(self, count: int, clip: int, seed: int, moves: int) -> None:
        self.dice = random.Random(seed)
        self.ids = {self.dice.randrange(10**6) for _ in range(count)}
        self.always = set(self.ids)
        self.clip = clip
        self.moves = moves
        self.asked = 0
        self.lock = threading.Lock()

    def page(self, offset: int) -> Sequence[Run]:
        with self.lock:
            self.asked += 1
            for _ in range(self.dice.randrange(3) if self.moves > 0 else 0):
                self.moves -= 1
                self.move()
            return [run(number) for number in sorted(self.ids)[offset : offset + self.clip]]

    def move(self) -> None:
        if self.ids and self.dice.random() < 0.6:
            gone = self.dice.choice(sorted(self.ids))
            self.ids.discard(gone)
            self.always.discard(gone)
        else:
            self.ids.add(self.dice.randrange(10**6))


@settings(deadline=None, max_examples=300)
@given(
    count=st.integers(0, 120),
    clip=st.integers(2, 30),
    seed=st.integers(0, 2**32),
    moves=st.integers(0, 60),
    ahead=st.integers(1, 8),
)
def test_no_job_that_was_there_all_the_time_is_missed(
    pool: ThreadPoolExecutor, count: int, clip: int, seed: int, moves: int, ahead: int
) -> None:
    service = Moving(count, clip, seed, moves)
    try:
        found = [item.id for item in all_runs(service.page, pool, ahead)]
    except Unreadable:
        assert service.moves < moves, "given up, and nothing moved"
        service.moves = 0  # once it stands still, it is read
        found = [item.id for item in all_runs(service.page, pool, ahead)]
    assert found == sorted(set(found))
    assert {run(number).id for number in service.always} <= set(found)


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 18, 19, 20, 95, 100, 101])
@pytest.mark.parametrize("clip", [2, 10, 250])
def test_a_quiet_listing_is_read_whole(pool: ThreadPoolExecutor, count: int, clip: int) -> None:
    service = Moving(count, clip, 1, 0)
    assert len(list(all_runs(service.page, pool, 4))) == len(service.ids)


def test_few_jobs_take_few_pages(pool: ThreadPoolExecutor) -> None:
    service = Moving(0, 250, 1, 0)
    assert list(all_runs(service.page, pool, 16)) == [] and service.asked == 1
    service = Moving(40, 250, 1, 0)
    assert len(list(all_runs(service.page, pool, 16))) == 40 and service.asked == 3


def test_a_service_that_ignores_the_offset_is_an_error(pool: ThreadPoolExecutor) -> None:
    for rows in ([run(1)], [run(1), run(2)], [run(n) for n in range(100)]):
        with pytest.raises(Unreadable):
            list(all_runs(partial(lambda rows, _offset: rows, rows), pool, 4))


def test_a_service_that_ignores_the_order_is_an_error(pool: ThreadPoolExecutor) -> None:
    rows = [run(3), run(1), run(2)]
    with pytest.raises(Unreadable, match="order"):
        list(all_runs(lambda offset: rows[offset:], pool, 4))


def test_the_end_needs_more_than_an_empty_page(pool: ThreadPoolExecutor) -> None:
    """101 jobs in pages of 100; one is hidden after the first page: offset 100 is empty."""
    jobs = [run(number) for number in range(101)]
    answers: list[int] = []

    def page(offset: int) -> Sequence[Run]:
        answers.append(offset)
        seen = jobs if len(answers) == 1 else jobs[1:]
        return seen[offset : offset + 100]

    assert len(list(all_runs(page, pool, 4))) == 101


def test_a_full_page_that_ends_at_the_last_row_is_not_the_end(pool: ThreadPoolExecutor) -> None:
    """The end looks empty while a job is away; then one comes in front of the page before it."""
    jobs = [run(number) for number in (10, 20, 30)]
    asked: list[int] = []

    def page(offset: int) -> Sequence[Run]:
        asked.append(offset)
        early = [run(5), *jobs] if offset == 1 and asked.count(1) == 1 else jobs
        seen = jobs[1:] if offset == 2 and asked.count(2) == 1 else early
        return seen[offset : offset + 2]

    assert [found.id for found in all_runs(page, pool, 1)] == [found.id for found in jobs]


def test_duplicated_rows_count_once(pool: ThreadPoolExecutor) -> None:
    rows = [run(1), run(1), run(2)]
    assert [r.id for r in all_runs(lambda offset: rows[offset:], pool, 1)] == [
        run(1).id,
        run(2).id,
    ]


# --- permissions -----------------------------------------------------------------------


def permission_pages(
    grants: dict[str, Access], clip: int, owner: str = "once"
) -> Callable[[int], Sequence[Permission]]:
    mine = Permission("alice", BOTH)
    rows = [Permission(user, grants[user]) for user in sorted(grants)]
    if owner == "also a row":
        rows = sorted([*rows, mine], key=lambda row: row.username)
    first = [mine, mine] if owner == "twice" else [mine]
    return lambda offset: [*first, *rows[offset : offset + clip]]


@settings(deadline=None, max_examples=60)
@given(
    users=st.sets(st.text(alphabet="abcxyz", min_size=1, max_size=4), max_size=12),
    clip=st.integers(2, 5),
    owner=st.sampled_from(["once", "twice", "also a row"]),
)
def test_every_grant_is_read_and_the_owner_is_not_one(
    users: set[str], clip: int, owner: str
) -> None:
    grants = dict.fromkeys(users, READ)
    assert all_permissions(permission_pages(grants, clip, owner)) == grants


def test_a_private_job_takes_one_page() -> None:
    asked: list[int] = []

    def page(offset: int) -> Sequence[Permission]:
        asked.append(offset)
        return [Permission("alice", BOTH)]

    assert all_permissions(page) == {} and asked == [0]


@settings(deadline=None, max_examples=200)
@given(users=st.integers(0, 80), clip=st.integers(2, 60), longest=st.integers(0, 600))
def test_a_far_shorter_page_is_the_whole_list(users: int, clip: int, longest: int) -> None:
    """Also where permissions are clipped up to ten times harder than the listing was."""
    grants = dict.fromkeys([f"u{number:02}" for number in range(users)], READ)
    asked: list[int] = []

    def page(offset: int) -> Sequence[Permission]:
        asked.append(offset)
        return permission_pages(grants, clip)(offset)

    assume(clip > longest // 10)
    assert all_permissions(page, longest) == grants
    assert (len(asked) == 1) == (users <= longest // 10 or not users)


@pytest.mark.parametrize(
    "page",
    [
        lambda offset: [],
        lambda offset: [Permission("bob", READ)],
        lambda offset: [] if offset else [Permission("alice", BOTH), Permission("bob", READ)],
        lambda offset: [Permission("alice", BOTH), Permission("bob", READ)],
        lambda offset: [
            Permission("alice" if not offset else "eve", BOTH),
            Permission(f"u{offset}", READ),
        ],
        lambda offset: [Permission("alice", BOTH), Permission(f"u{offset}", READ)],
    ],
)
def test_permissions_that_cannot_be_trusted_are_an_error(
    page: Callable[[int], Sequence[Permission]],
) -> None:
    with pytest.raises(Unreadable):
        all_permissions(page)


@pytest.mark.parametrize("users", [2, 3, 4, 5, 100, 101, 199])
@pytest.mark.parametrize("clip", [2, 3, 100])
def test_nobody_slips_through_the_gap_that_a_revoke_leaves(users: int, clip: int) -> None:
    """Whichever row goes, and between whichever two pages: who is there throughout is read."""
    names = [f"u{number:03}" for number in range(users)]
    for gone in {names[0], names[1], names[users // 2], names[-1]}:
        for moment in (2, 3, 4):
            grants = dict.fromkeys(names, READ)
            asked: list[int] = []

            def page(
                offset: int,
                asked: list[int] = asked,
                grants: dict[str, Access] = grants,
                gone: str = gone,
                moment: int = moment,
            ) -> Sequence[Permission]:
                asked.append(offset)
                if len(asked) == moment:
                    del grants[gone]
                return permission_pages(grants, clip)(offset)

            found = all_permissions(page)
            assert found.keys() >= set(names) - {gone}, (gone, moment)


def test_a_list_of_one_page_takes_two_requests() -> None:
    """The second begins with the last row of the first, and has nothing after it."""
    for users in (1, 2, 99):
        asked: list[int] = []

        def page(offset: int, asked: list[int] = asked, users: int = users) -> Sequence[Permission]:
            asked.append(offset)
            grants = dict.fromkeys([f"u{number:02}" for number in range(users)], READ)
            return permission_pages(grants, 100)(offset)

        assert len(all_permissions(page)) == users
        assert len(asked) == 2


# --- outputs and history ---------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    names=st.sets(st.text(alphabet="abcd", min_size=1, max_size=4), max_size=60),
    clip=st.integers(3, 9),
    at_least=st.integers(0, 60),
    stride=st.integers(0, 60),
)
def test_dot_entries_eat_the_window_and_nothing_is_lost(
    names: set[str], clip: int, at_least: int, stride: int
) -> None:
    """Whatever was thought of the folder before."""
    entries = sorted([".", "..", *names], key=lambda name: (name[-1:], name))

    def page(offset: int) -> Sequence[RemoteFile]:
        window = entries[offset : offset + clip]
        return [RemoteFile(name, 1, "") for name in window if name not in (".", "..")]

    with ThreadPoolExecutor(4) as pool:
        found = all_files(page, pool, at_least, stride)
    assert [file.path for file in found] == sorted(names)


def test_a_listing_of_one_file_that_ignores_the_offset_ends(pool: ThreadPoolExecutor) -> None:
    assert len(all_files(lambda offset: [RemoteFile("a", 1, "")], pool)) == 1


@pytest.mark.parametrize(("count", "most"), [(3, 2), (4, 2), (8, 4), (40, 26)])
def test_a_long_folder_is_read_in_few_rounds(
    count: int, most: int, pool: ThreadPoolExecutor
) -> None:
    names = [f"{number:03}" for number in range(count)]
    asked: list[int] = []

    def page(offset: int) -> Sequence[RemoteFile]:
        asked.append(offset)
        return [RemoteFile(name, 1, "") for name in names[offset : offset + 4]]

    assert [file.path for file in all_files(page, pool)] == names
    assert len(asked) <= most


@pytest.mark.parametrize("dots", [0, 2])
def test_a_folder_whose_size_is_known_is_read_in_one_round(dots: int) -> None:
    names = [f"{number:03}" for number in range(35)]
    entries = [*[".", ".."][:dots], *names]
    together = threading.Barrier(_FOLDER_PAGES)

    def page(offset: int) -> Sequence[RemoteFile]:
        together.wait(timeout=10)
        window = entries[offset : offset + 6]
        return [RemoteFile(name, 1, "") for name in window if name not in (".", "..")]

    with ThreadPoolExecutor(_FOLDER_PAGES) as pool:
        found = all_files(page, pool, at_least=35, stride=6)
    assert [file.path for file in found] == names


def test_a_page_that_begins_too_late_is_asked_for_again(pool: ThreadPoolExecutor) -> None:
    """One page in the middle is shorter than the others, so those asked for with it do not fit."""
    names = [f"{number:03}" for number in range(60)]

    def page(offset: int) -> Sequence[RemoteFile]:
        size = 2 if 20 <= offset < 26 else 4
        return [RemoteFile(name, 1, "") for name in names[offset : offset + size]]

    assert [file.path for file in all_files(page, pool)] == names


def test_a_long_folder_costs_memory_for_its_entries_only(pool: ThreadPoolExecutor) -> None:
    """However many rounds it takes, few pages are asked for at once, and nothing else is kept."""
    names = [f"{number:05}" for number in range(2_000)]
    pending = most = 0
    guard = threading.Lock()

    def page(offset: int) -> Sequence[RemoteFile]:
        nonlocal pending, most
        with guard:
            pending += 1
            most = max(most, pending)
        rows = [RemoteFile(name, 1, "") for name in names[offset : offset + 12]]
        with guard:
            pending -= 1
        return rows

    tracemalloc.start()
    try:
        found = all_files(page, pool)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [file.path for file in found] == names
    assert most <= _FOLDER_PAGES
    assert peak < 1_000 * len(names)


def test_a_folder_without_end_is_given_up_at_the_limit(pool: ThreadPoolExecutor) -> None:
    asked = []

    def page(offset: int) -> Sequence[RemoteFile]:
        asked.append(offset)
        return [RemoteFile(f"{offset + number:09}", 1, "") for number in range(10)]

    with pytest.raises(Unreadable, match="more than 500 entries"):
        all_files(page, pool, limit=500)
    assert len(asked) < 100


def test_permissions_and_histories_are_given_up_at_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobsync.platforms.agave.pagination.ENTRY_LIMIT", 500)
    grants = dict.fromkeys((f"u{number:05}" for number in range(2_000)), READ)
    with pytest.raises(Unreadable, match="more than 500 users"):
        all_permissions(permission_pages(grants, 50))
    with pytest.raises(Unreadable, match="more than 500 events"):
        all_events(lambda offset: [HistoryEvent("RUNNING", str(offset), "alice", "")] * 50)


def test_a_history_may_repeat_itself() -> None:
    events = [HistoryEvent("RUNNING", "t", "alice", "") for _ in range(7)]
    assert all_events(lambda offset: events[offset : offset + 4]) == events


def test_a_history_that_ignores_the_offset_is_an_error() -> None:
    with pytest.raises(Unreadable):
        all_events(lambda offset: [HistoryEvent("RUNNING", "t", "alice", "")])


@pytest.mark.parametrize("count", [1, 2, 3, 40, 49, 50, 51, 120])
@pytest.mark.parametrize("clip", [2, 3, 50])
def test_rows_that_come_twice_on_a_page_count_once(
    pool: ThreadPoolExecutor, count: int, clip: int
) -> None:
    """And push others off the end of the page."""
    dice = random.Random(count * clip)
    lock = threading.Lock()
    jobs = [run(number) for number in range(count)]

    def page(offset: int) -> Sequence[Run]:
        rows = jobs[offset : offset + clip]
        with lock:
            again = dice.randrange(len(rows) + 1)
        return [*rows[:again], *rows[max(0, again - 1) :]][:clip]

    assert [item.id for item in all_runs(page, pool, 4)] == [item.id for item in jobs]
