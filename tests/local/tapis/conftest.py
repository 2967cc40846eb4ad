"""One running service for each module; every test has users and apps of its own."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import TAPIS, JobRow
from jobsync.testing import LocalService, Reply, local_service

_numbers = itertools.count(1)

APP: dict[str, Any] = {
    "version": "1.0",
    "runtime": "ZIP",
    "jobAttributes": {"execSystemId": "local"},
}
OK = "echo ran\n"


class User:
    """Somebody who asks the service."""

    def __init__(self, service: LocalService, name: str) -> None:
        self.service = service
        self.name = name

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.service.call(self.name, method, f"/v3/{path}", body, **more)

    def get(self, path: str, **more: Any) -> Reply:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return self.ask("POST", path, body, **more)

    def submit(self, app: str, **request: Any) -> str:
        reply = self.post(
            "jobs/submit", {"name": "run", "appId": app, "appVersion": "1.0", **request}
        )
        assert reply.status == 200, reply.body
        return str(reply.result["uuid"])

    def run(self, app: str, **request: Any) -> dict[str, Any]:
        """Submit and wait: the job at its end."""
        return self.wait(self.submit(app, **request))

    def wait(self, uuid: str, *statuses: str) -> dict[str, Any]:
        wanted = statuses or ("FINISHED", "FAILED", "CANCELLED")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            job: dict[str, Any] = self.get(f"jobs/{uuid}").result
            if job["status"] in wanted:
                return job
            time.sleep(0.02)
        raise AssertionError(job)

    def wait_for_file(self, uuid: str, name: str) -> None:
        """Wait until a job that runs has written something."""
        path = f"jobs/{uuid}/output/list/{name}?allowIfRunning=true"
        until = time.monotonic() + 30
        while not (self.get(path).result or [{}])[0].get("name"):
            assert time.monotonic() < until
            time.sleep(0.02)

    def text(self, uuid: str, name: str = "tapisjob.out") -> str:
        reply = self.get(f"jobs/{uuid}/output/download/{name}")
        assert reply.status == 200, reply.body
        return reply.body.decode()


def write_app(folder: Path, name: str, script: str = OK, **document: Any) -> str:
    """Make a ZIP app below a workspace; its id."""
    place = folder / "apps" / name
    place.mkdir(parents=True)
    attributes = {**APP["jobAttributes"], **document.pop("jobAttributes", {})}
    content = {**APP, "id": name, "jobAttributes": attributes, **document}
    (place / "app.json").write_text(json.dumps(content))
    if script:
        (place / "tapisjob_app.sh").write_text(script)
    return name


@pytest.fixture(scope="module")
def profile() -> str:
    return "tapis-25Q4"


@pytest.fixture(scope="module")
def shared(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("workspace")
    with local_service(folder, users=(), api=TAPIS, dialect=profile, cpus=4) as service:
        yield service
        service.stop_jobs()


@pytest.fixture
def service(shared: LocalService) -> Iterator[LocalService]:
    yield shared
    shared.disarm()


@pytest.fixture
def user(service: LocalService) -> Callable[..., User]:
    def make(name: str = "") -> User:
        name = name or f"user{next(_numbers)}"
        service.add_user(name)
        return User(service, name)

    return make


@pytest.fixture
def alice(user: Callable[..., User]) -> User:
    return user()


@pytest.fixture
def bob(user: Callable[..., User]) -> User:
    return user()


@pytest.fixture
def app(service: LocalService) -> Callable[..., str]:
    def make(script: str = OK, **document: Any) -> str:
        return write_app(service.workspace, f"app{next(_numbers)}", script, **document)

    return make


@pytest.fixture
def put(service: LocalService, alice: User) -> Callable[..., JobRow]:
    """Store a job that has ended long ago, so that the engine leaves it alone."""

    def store(**columns: Any) -> JobRow:
        number = next(_numbers)
        uuid = f"{number:08d}-0000-4000-8000-000000000000-007"
        request = {
            "appVersion": "1.0", "description": "d", "jobType": "FORK", "memoryMB": 100,
            "maxMinutes": 10, "isMpi": False, "mpiCmd": None, "cmdPrefix": None, "notes": {},
            "archiveOnAppError": True, "archiveMode": "ALWAYS", "dynamicExecSystem": False,
            "execSystemConstraints": None, "execSystemLogicalQueue": None,
            "dtnSystemInputDir": None, "dtnSystemOutputDir": None, "subscriptions": [],
            "fileInputs": [], "containerImage": "", "macros": {},
            "parameterSet": {"appArgs": [], "containerArgs": [], "schedulerOptions": [],
                             "envVariables": [], "archiveFilter": {}, "logConfig": {}},
            **columns.pop("request", {}),
        }  # fmt: skip
        row = JobRow(
            **{
                "id": uuid, "owner": alice.name, "name": f"job-{number}", "app_id": "some-app",
                "api": TAPIS, "status": "FINISHED", "request": request, "archive_system": "archive",
                "archive_path": f"jobs/{uuid}/archive", "created": 1_500_000_000.25 + number,
                "directories": dict.fromkeys(("exec", "input", "output"), f"/.work/jobs/{uuid}"),
                **columns,
            }
        )  # fmt: skip
        return service.service.store.insert_job(row, "Job created")

    return store
