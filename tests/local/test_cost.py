"""What requests cost beside their work: how often they write, and what they leave behind."""

from __future__ import annotations

import gc
from contextlib import closing
from pathlib import Path

import pytest
from werkzeug.wrappers import Request

from jobsync.local.api.tapis.places import Places
from jobsync.local.drive import Drive
from jobsync.local.store.database import Store
from jobsync.local.store.rows import AGAVE, TAPIS, JobRow
from jobsync.testing import local_service


def row(number: int, api: str = TAPIS) -> JobRow:
    return JobRow(id=f"j{number}-007", owner="alice", name=f"job-{number}", app_id="wc", api=api)


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
