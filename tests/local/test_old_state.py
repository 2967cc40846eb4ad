"""A state folder from before the second api: the same bytes, and said that there is no way back."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from jobsync.local.store.database import Store
from jobsync.local.store.rows import Conflict, JobRow
from jobsync.testing import Drive, local_service
from tests.local import old_state


def test_the_same_bytes(tmp_path: Path) -> None:
    assert old_state.answers(tmp_path) == json.loads(old_state.ANSWERS.read_text("utf-8"))


def test_the_way_is_one_way_and_is_said(tmp_path: Path) -> None:
    old_state.make(tmp_path)
    store = Store(tmp_path / ".jobsync" / "jobs.db")
    assert store.migrated
    assert [job.number for n in (1, 2, 3, 4, 5) if (job := store.job(f"{n}-007"))] == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert store.insert_job(JobRow("6-007", "alice", "x", "a-1"), "").number == 6
    store.close()
    again = Store(tmp_path / ".jobsync" / "jobs.db")
    assert not again.migrated
    again.close()
    with sqlite3.connect(tmp_path / ".jobsync" / "jobs.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(Conflict, match="newer jobsync"):
        Store(tmp_path / ".jobsync" / "jobs.db")


def test_a_new_state_is_not_called_migrated(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.db")
    assert not store.migrated
    store.close()


def test_a_job_of_the_other_api_is_not_there(tmp_path: Path) -> None:
    """Neither in a list nor by its id, nor as an input by its URL."""
    old_state.make(tmp_path)
    with local_service(tmp_path, users=(), drive=Drive.NONE) as service:
        before = old_state.ask(service)
        row = JobRow("9-007", "alice", "other", "a", api="tapis/v3", status="FINISHED")
        service.service.store.insert_job(row, "")
        assert old_state.ask(service) == before
        for path in ("", "/status", "/history", "/pems", "/outputs/listings"):
            assert service.call("alice", "GET", f"/jobs/v2/9-007{path}").status in (400, 404)
