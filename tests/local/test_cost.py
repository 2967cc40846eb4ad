"""What requests cost beside their work: how often they write, and what they leave behind."""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from werkzeug.wrappers import Request

from jobsync.local.api.tapis.places import Places
from jobsync.local.drive import Drive
from jobsync.local.store.database import Store
from jobsync.local.store.rows import AGAVE, TAPIS, Conflict, JobRow
from jobsync.testing import local_service


class Counting(Store):
    """Counts its transactions."""

    transactions = 0

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with super()._write() as db:
            yield db
        self.transactions += 1


def row(number: int, api: str = TAPIS) -> JobRow:
    return JobRow(id=f"j{number}-007", owner="alice", name=f"job-{number}", app_id="wc", api=api)


def test_what_requests_write_at_once_is_one_transaction_and_a_failure_is_nobody_elses(
    tmp_path: Path,
) -> None:
    store = Counting(tmp_path / "jobs.db")
    store.insert_job(row(0), "accepted")
    store.set_grant("j0-007", "bob", "READ", "alice")
    store.transactions = 0
    with closing(store), ThreadPoolExecutor(8) as pool:
        with _kept_waiting(tmp_path / "jobs.db"):
            first = pool.submit(store.insert_job, row(1), "accepted")
            _until(lambda: store._groups._is_busy)
            writes: list[Future[object]] = [
                pool.submit(store.accept, row(2), "accepted", {"name": "job-2"}, []),
                pool.submit(store.share, "j0-007", "carol", ["JOB_OUTPUT"], "alice"),
                pool.submit(store.unshare, "j0-007", "nobody", "alice"),
                pool.submit(store.set_grant, "j0-007", "dave", "READ", "alice"),
            ]
            _until(lambda: len(store._groups._waiting) == 4)
        assert first.result(10) == store.job("j1-007")
        assert [write.result(10) for write in writes] == [store.job("j2-007"), None, 0, None]
        assert store.transactions == 2
        assert store.request_of("j2-007") == {"name": "job-2"}
        assert [one.grantee for one in store.shares("j0-007")] == ["carol"]

        with _kept_waiting(tmp_path / "jobs.db"):
            last = pool.submit(store.insert_job, row(3), "accepted")
            _until(lambda: store._groups._is_busy)
            refused = pool.submit(store.set_grant, "j0-007", "Bob", "READ", "alice")
            twice = pool.submit(store.insert_jobs, [row(4), row(1)], "accepted")
            taken = pool.submit(store.insert_jobs, [row(5), row(6)], "accepted")
            _until(lambda: len(store._groups._waiting) == 3)
        with pytest.raises(Conflict):
            refused.result(10)
        with pytest.raises(sqlite3.IntegrityError):
            twice.result(10)
        assert taken.result(10) == [store.job("j5-007"), store.job("j6-007")]
        assert store.job("j4-007") is None
        assert store.events("j4-007") == []
        assert store.grants("j0-007") == {"bob": "READ", "dave": "READ"}
        numbers = [one.number for one in (first.result(), last.result(10), *taken.result())]
        assert numbers == sorted(set(numbers))


def test_what_is_shared_and_its_history_are_two_statements(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "jobs.db")) as store:
        store.insert_job(row(0), "accepted")
        said: list[str] = []
        store._connection().set_trace_callback(said.append)
        store.share("j0-007", "bob", ["JOB_OUTPUT", "JOB_INPUT"], "alice")
        store._connection().set_trace_callback(None)
        assert [text.partition(" ")[0] for text in said] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
        store.share("j0-007", "bob", ["JOB_OUTPUT", "JOB_HISTORY"], "alice")
        store.share("j0-007", "bob", [], "alice")
        shared = [one.resource for one in store.shares("j0-007", "bob")]
        assert shared == ["JOB_OUTPUT", "JOB_INPUT", "JOB_HISTORY"]
        told = [(one.status, one.by, one.description) for one in store.events("j0-007")[1:]]
        assert told == [
            ("JOB_SHARE_EVENT", "alice", f"{resource} shared with bob")
            for resource in ("JOB_OUTPUT", "JOB_INPUT", "JOB_OUTPUT", "JOB_HISTORY")
        ]


@contextmanager
def _kept_waiting(path: Path) -> Iterator[None]:
    """Another process writes: ours wait for it, and gather."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize(("api", "path"), [(AGAVE, "/jobs/v2?limit=1"), (TAPIS, "/v3/jobs/list")])
def test_a_request_leaves_nothing_that_only_the_garbage_collector_finds(
    tmp_path: Path, api: str, path: str
) -> None:
    with local_service(tmp_path, api=api) as service:

        def ask() -> None:
            assert service.call("alice", "GET", path).status == 200

        for _ in range(20):
            ask()
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                ask()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            requests = [one for one in gc.garbage if isinstance(one, Request)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert requests == []


def test_a_submit_claims_each_directory_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What leads where is looked up in each folder above, name by name."""
    claimed: list[str] = []
    claim = Places.claim

    def claiming(places: Places, system: str, path: str, owner: str, uuid: str) -> str:
        claimed.append(path)
        return claim(places, system, path, owner, uuid)

    monkeypatch.setattr(Places, "claim", claiming)
    with local_service(tmp_path, api=TAPIS, drive=Drive.NONE) as service:
        job = service.submit("alice", execSystemOutputDir="/.work/alice/out")
        execute = f"/.work/jobs/{job['uuid']}"
        archive = f"/jobs/{job['uuid']}/archive"
        assert claimed == [execute, "/.work/alice/out", archive]
        assert service.service.store.job(job["uuid"]).directories == {  # type: ignore[union-attr]
            "exec": execute, "input": execute, "output": "/.work/alice/out",
        }  # fmt: skip
