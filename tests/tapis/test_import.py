"""A set made of jobs that exist on Tapis v3: they are pinned, and its first plan is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobsync.testing import LocalService, local_service
from tests.fakes.tapis_world import add_app
from tests.line.linebench import Bench, Done


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    folder = tmp_path_factory.mktemp("service")
    add_app(folder, "echo", 'echo ok > "$_tapisExecSystemOutputDir/out.txt"\n')
    with local_service(folder, api="tapis/v3") as running:
        yield running
        running.stop_jobs()


@pytest.fixture
def bench(tmp_path: Path, service: LocalService) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.environ |= {
        "TAPIS_BASE_URL": service.url,
        "TAPIS_ACCESS_TOKEN": service.jwt("alice"),
        "JOBSYNC_STATE_DIR": str(tmp_path / "state"),
    }
    yield made
    made.close()
    service.disarm()


def finished(service: LocalService, user: str = "alice", **request: Any) -> str:
    job = service.submit(
        user, **{"name": "by hand", "appId": "echo", "appVersion": "1.0", **request}
    )
    service.wait(user, job["uuid"])
    return str(job["uuid"])


def share(service: LocalService, uuid: str, user: str, *resources: str) -> None:
    body = {"grantee": user, "jobResource": [*resources], "jobPermission": "READ"}
    assert service.call("alice", "POST", f"/v3/jobs/{uuid}/share", body).status == 200


ALL = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")


def written(bench: Bench, *arguments: str) -> tuple[dict[str, Any], Done]:
    done = bench.run("import", *arguments, "--target", "env", "-o", "set.yaml")
    assert done.code == 0, done.err
    document: dict[str, Any] = yaml.safe_load((bench.folder / "set.yaml").read_text())
    return document, done


def test_jobs_are_pinned_as_they_are(bench: Bench, service: LocalService) -> None:
    uuid = finished(
        service, description="d", maxMinutes=5, tags=["mine", "jobsync:a/b"],
        notes={"x": [1.5, "${y}"]},
        parameterSet={
            "appArgs": [{"name": "t", "arg": "a ${HOME} ${JobUUID} $${x} ${var.y}"}],
            "envVariables": [{"key": "A", "value": ""}],
            "archiveFilter": {"excludes": ["*.log"], "includeLaunchFiles": False},
        },
    )  # fmt: skip
    other = finished(service, name="phylo.tree.lg.1.tabcdefghi.r2")
    share(service, uuid, "bob", *ALL)
    share(service, uuid, "carol", "JOB_OUTPUT")
    share(service, uuid, "dave", "JOB_INPUT")
    document, _ = written(bench, uuid, other)
    assert (document["api"], document["target"]) == ("tapis/v3", "env")
    one, two = document["jobs"].values()
    assert list(document["jobs"]) == ["by-hand", "tree-lg-1"] and (one["id"], two["id"]) == (
        uuid,
        other,
    )
    assert one["permissions"] == {"bob": "READ", "carol": ["JOB_OUTPUT"], "dave": ["JOB_INPUT"]}
    assert one["tags"] == ["mine"] and one["maxMinutes"] == 5 and "name" not in one
    plan = bench.run("plan", "set.yaml", "--detailed-exitcode")
    assert (plan.code, "No changes." in plan.out) == (0, True), plan.out + plan.err
    bench.edit("set.yaml", "maxMinutes: 5", "maxMinutes: 6")
    assert bench.run("plan", "set.yaml", "--detailed-exitcode").code == 0, "placement is no change"
    bench.edit("set.yaml", "*.log", "*.txt")
    drift = bench.run("plan", "set.yaml")
    assert drift.code == 1 and "remove id" in drift.err, drift.out + drift.err


def test_a_pinned_run_that_is_hidden_is_told_with_the_command_that_shows_it(
    bench: Bench, service: LocalService
) -> None:
    uuid = finished(service)
    written(bench, uuid)
    assert bench.run("jobs", "hide", uuid, "--target", "env").code == 0
    for command in (("plan", "set.yaml"), ("logs", "-m", "set.yaml", "by-hand")):
        done = bench.run(*command)
        assert done.code == 1 and f"by-hand: run {uuid} is hidden" in done.err, done.err
        assert f"restore it with: jobsync jobs unhide {uuid}" in done.err
    assert bench.run("jobs", "unhide", uuid, "--target", "env").code == 0
    assert bench.run("plan", "set.yaml", "--detailed-exitcode").code == 0


def test_files_of_another_workspace_are_told(bench: Bench, service: LocalService) -> None:
    (service.workspace / "numbers.txt").write_text("1\n")
    uuid = finished(
        service,
        fileInputs=[
            {"name": "one", "sourceUrl": "tapis://local/numbers.txt"},
            {"name": "two", "sourceUrl": "tapis://local/numbers.txt", "targetPath": "m"},
        ],
    )
    document, done = written(bench, uuid)
    assert "fileInputs" not in document["jobs"]["by-hand"]
    assert "fileInputs[0] left out" in done.err and "- {name: one, sourceUrl:" in done.err
    assert "fileInputs[1] left out" in done.err
    plan = bench.run("plan", "set.yaml", "--detailed-exitcode")
    assert plan.code == 0, plan.out + plan.err


def test_a_job_whose_request_is_not_told_cannot_be_declared(
    bench: Bench, service: LocalService
) -> None:
    service.arm("no-record")
    uuid = finished(service)
    done = bench.run("import", uuid, "--target", "env")
    assert done.code == 1 and f"job {uuid}: the service does not tell" in done.err
    assert done.out == ""


def test_the_job_of_somebody_else_is_imported_without_its_permissions(
    bench: Bench, service: LocalService
) -> None:
    uuid = finished(service, "bob")
    body = {"grantee": "alice", "jobResource": [*ALL], "jobPermission": "READ"}
    assert service.call("bob", "POST", f"/v3/jobs/{uuid}/share", body).status == 200
    document, done = written(bench, uuid)
    assert "permissions" not in document["jobs"]["by-hand"]
    assert "permissions left out" in done.err
    plan = bench.run("plan", "set.yaml", "--detailed-exitcode")
    assert plan.code == 0, plan.out + plan.err
