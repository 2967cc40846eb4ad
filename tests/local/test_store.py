"""The store: transitions, grants, listings, several threads, a second process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.database import Store
from jobsync.local.store.rows import Conflict, IllegalTransition, JobRow, Queued, Token, UnknownJob
from jobsync.local.store.search import Condition, Listing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "jobs.db")
    yield store
    store.close()


def row(number: int = 1, owner: str = "alice", **columns: Any) -> JobRow:
    return JobRow(
        id=f"j{number}-007",
        owner=owner,
        name=f"job-{number}",
        app_id="wc-demo-1.00",
        request={"inputs": {"a": ["x"]}, "parameters": {"n": 1}},
        **columns,
    )


def test_a_job_reads_back_as_it_was_written(store: Store) -> None:
    written = store.insert_job(row(notifications=[{"url": "x"}]), "accepted")
    assert store.job("j1-007") == written
    assert [(e.status, e.by, e.description) for e in store.events("j1-007")] == [
        ("PENDING", "alice", "accepted")
    ]


def test_a_status_moves_only_along_the_table(store: Store) -> None:
    store.insert_job(row(), "accepted")
    with pytest.raises(IllegalTransition):
        store.transition("j1-007", "RUNNING", "no")
    assert [e.status for e in store.events("j1-007")] == ["PENDING"]
    store.transition("j1-007", "PROCESSING_INPUTS", "yes")
    moved = store.transition("j1-007", "PROCESSING_INPUTS", "again", by="bob", work_dir="/w")
    assert moved == store.job("j1-007")
    assert moved.work_dir == "/w"
    assert store.events("j1-007")[-1].by == "bob"
    store.transition("j1-007", "FAILED", "bad")
    with pytest.raises(IllegalTransition):
        store.transition("j1-007", "PENDING", "back")


def test_unknown_job_and_unknown_column(store: Store) -> None:
    with pytest.raises(UnknownJob):
        store.transition("nope", "FAILED", "x")
    store.insert_job(row(), "accepted")
    with pytest.raises(TypeError):
        store.update("j1-007", nonsense=1)


def test_grants_are_sorted_logged_and_refused_by_case(store: Store) -> None:
    store.insert_job(row(), "accepted")
    store.set_grant("j1-007", "zoe", "READ", "alice")
    store.set_grant("j1-007", "bob", "READ", "alice")
    store.set_grant("j1-007", "bob", "ALL", "alice")
    assert list(store.grants("j1-007").items()) == [("bob", "ALL"), ("zoe", "READ")]
    with pytest.raises(Conflict):
        store.set_grant("j1-007", "Bob", "READ", "alice")
    with pytest.raises(Conflict):
        store.set_grant("j1-007", "u" * 33, "READ", "alice")
    store.set_grant("j1-007", "nobody", None, "alice")
    store.drop_grants("j1-007", "alice")
    assert store.grants("j1-007") == {}
    told = [(e.status, e.description) for e in store.events("j1-007")][1:]
    assert told == [
        ("PERMISSION_GRANT", "READ permission granted to zoe"),
        ("PERMISSION_GRANT", "READ permission granted to bob"),
        ("PERMISSION_GRANT", "READ permission granted to bob"),
        ("PERMISSION_REVOKE", "All permissions revoked"),
    ]


def test_listing_is_own_and_shared(store: Store) -> None:
    for number, owner in enumerate(["alice", "bob", "carol"], start=1):
        store.insert_job(row(number, owner), "accepted")
    store.set_grant("j2-007", "alice", "EXECUTE", "bob")
    store.set_grant("j3-007", "world", "READ", "carol")
    found = store.find(Listing("alice", order_by="id", descending=False))
    assert [r.id for r in found] == ["j1-007", "j2-007"]
    store.update("j1-007", visible=False)
    assert [r.id for r in store.find(Listing("alice"))] == ["j2-007"]
    hidden = store.find(Listing("alice", (Condition("visible", "eq", (0,)),)))
    assert [r.id for r in hidden] == ["j1-007"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("name", "eq", ("job-1",)), [1]),
        (Condition("name", "neq", ("job-1",)), [2, 3]),
        (Condition("name", "in", ("job-1", "job-3")), [1, 3]),
        (Condition("name", "nin", ("job-1", "job-3")), [2]),
        (Condition("name", "like", ("%-2",)), [2]),
        (Condition("name", "rlike", ("[13]$",)), [1, 3]),
        (Condition("name", "rlike", ("(",)), []),
        (Condition("created", "between", (15, 25)), [2]),
        (Condition("created", "gte", (20,)), [2, 3]),
        (Condition("inputs", "like", ('%"x"%',)), [1, 2, 3]),
        (Condition("charge", "eq", (1,)), []),
    ],
)
def test_conditions(store: Store, condition: Condition, expected: list[int] | list[Any]) -> None:
    for number in (1, 2, 3):
        store.insert_job(row(number, created=number * 10.0), "accepted")
    found = store.find(Listing("alice", (condition,), order_by="id", descending=False))
    assert [r.id for r in found] == [f"j{n}-007" for n in expected]


def test_of_two_refreshes_with_one_token_one_wins(store: Store) -> None:
    store.put_tokens([Token("old", "alice", "refresh", "c", 0, None)])
    assert store.put_tokens([Token("new", "alice", "refresh", "c", 0, None)], revoke=["old"])
    assert not store.put_tokens([Token("x", "alice", "refresh", "c", 0, None)], revoke=["old"])
    assert store.token("x") is None


def test_many_threads_and_a_second_store_on_the_same_file(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "jobs.db")

    def work(target: Store, base: int) -> None:
        for number in range(base, base + 20):
            target.insert_job(row(number), "accepted")
            target.set_grant(f"j{number}-007", "bob", "READ", "alice")

    threads = [
        threading.Thread(target=work, args=(store if n % 2 else other, 100 * n)) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.find(Listing("bob", limit=1000))) == 120
    other.close()


def test_state_survives_a_restart_and_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    first = Store(path)
    first.add_user("alice", "h1")
    first.add_user("alice", "h2")
    first.close()
    second = Store(path)
    assert (second.user_of("h1"), second.user_of("h2")) == (None, "alice")
    second._connection().execute("PRAGMA user_version = 99")
    second.close()
    with pytest.raises(Conflict, match="newer"):
        Store(path)


@pytest.mark.parametrize("key", ["id", "last_updated", "number"])
def test_the_rows_before_a_page_are_passed_over_in_an_index(store: Store, key: str) -> None:
    store.insert_jobs([row(number) for number in range(20)], "accepted")
    said: list[str] = []
    db = store._connection()
    db.set_trace_callback(said.append)
    assert len(store.find(Listing("alice", order_by=key, descending=False, offset=15))) == 5
    db.set_trace_callback(None)
    [page] = [text for text in said if "OFFSET" in text]
    inner = page[page.index("(") + 1 : page.index(") AS page")]
    steps = [str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {inner}")]
    assert any("USING COVERING INDEX" in step for step in steps), steps


def test_what_decides_about_a_start_is_read_oldest_first(store: Store) -> None:
    store.insert_job(row(2, created=20.0, queue="long"), "accepted")
    store.insert_job(row(1, created=30.0), "accepted")
    store.insert_job(row(3, created=10.0, status="RUNNING"), "accepted")
    store.request_cancel("j1-007")
    assert store.queued(("PENDING", "STAGED")) == [
        Queued("j2-007", "local", "long", stop=False),
        Queued("j1-007", "local", "normal", stop=True),
    ]
