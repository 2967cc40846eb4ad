"""One running service for each module and dialect; every test has users of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, local_service

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _nowhere_that_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service moves and deletes files: a mistake must not meet the repository."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", params=["agave", "aloe"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("workspace")
    with local_service(
        folder, dialect=dialect, aloe_delay=0.0, kill_delay=0.0, names=("example.org",)
    ) as service:
        yield service
        service.stop_jobs()


@pytest.fixture
def service(shared: LocalService) -> Iterator[LocalService]:
    yield shared
    shared.disarm()


@pytest.fixture
def new_user(service: LocalService) -> Callable[[], str]:
    """A user that nobody else in this module is."""

    def make() -> str:
        name = f"user{next(_numbers)}"
        service.add_user(name)
        return name

    return make


@pytest.fixture
def owner(new_user: Callable[[], str]) -> str:
    return new_user()


@pytest.fixture
def put(service: LocalService, owner: str) -> Callable[..., JobRow]:
    """Store a job that has ended long ago, so that the engine leaves it alone."""

    def store(**columns: Any) -> JobRow:
        number = next(_numbers)
        row = JobRow(
            **{
                "id": f"{number:019d}-test-0001-007",
                "owner": owner,
                "name": f"job-{number}",
                "app_id": "wc-demo-1.00",
                "status": "FINISHED",
                "archive_system": "archive",
                "archive_path": f"{owner}/archive/jobs/job-{number}",
                "request": {"inputs": {"text": ["a", "b"]}, "parameters": {"lines": 5}},
                "created": 1_500_000_000.25 + number,
                "submitted": 1_500_000_000.25 + number,
                **columns,
            }
        )
        return service.service.store.insert_job(row, "accepted")

    return store


def stored(service: LocalService, job_id: str) -> JobRow:
    """The job as it stands in the database."""
    row = service.service.store.job(job_id)
    assert row is not None
    return row
