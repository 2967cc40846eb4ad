"""``jobsync serve`` with two apis: dialects, apps of both, what it says of an old state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobsync.testing import local_service
from tests.local import old_state

SERVE = (sys.executable, "-m", "jobsync", "serve")


def refused(*options: str) -> str:
    done = subprocess.run(
        [*SERVE, *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("pair", [("agave", "aloe"), ("tapis-1.7", "tapis-25Q4")])
def test_a_dialect_once_for_each_api(pair: tuple[str, str], tmp_path: Path) -> None:
    options = [word for dialect in pair for word in ("--dialect", dialect)]
    said = refused("--workspace", str(tmp_path), *options)
    assert "once for each api" in said
    assert not (tmp_path / ".jobsync").exists()


def test_an_unknown_profile(tmp_path: Path) -> None:
    assert "tapis-25Q4" in refused("--workspace", str(tmp_path), "--dialect", "tapis-2")


def test_both_dialects_at_once(tmp_path: Path) -> None:
    with local_service(tmp_path, dialect="aloe", profile="1.7") as service:
        assert service.call("alice", "GET", "/jobs/v2").json["version"].startswith("2.4")
        health = service.call("", "GET", "/v3/jobs/healthcheck").json
        assert health["version"] == "1.7.1"


def test_a_folder_may_hold_an_app_of_each_api(tmp_path: Path) -> None:
    """Neither sees the definition of the other, nor takes it along to a job."""
    folder = tmp_path / "apps" / "both"
    folder.mkdir(parents=True)
    v2 = {"name": "both", "version": "1.0", "templatePath": "wrapper.sh"}
    v3 = {"id": "both", "version": "2.0", "runtime": "ZIP",
          "jobAttributes": {"execSystemId": "local"}}  # fmt: skip
    (folder / "app.json").write_text(json.dumps(v2))
    (folder / "app.v3.json").write_text(json.dumps(v3))
    (folder / "wrapper.sh").write_text("ls > files.txt\n")
    (folder / "tapisjob_app.sh").write_text("ls\n")
    with local_service(tmp_path) as service:
        job = service.submit("alice", appId="both-1.0")
        assert service.wait("alice", job["id"])["status"] == "FINISHED"
        path = f"/jobs/v2/{job['id']}/outputs/media/files.txt"
        listed = service.call("alice", "GET", path).body.decode()
        assert "app" not in listed.replace("tapisjob_app.sh", "")
        service.api = "tapis/v3"
        made = service.submit("alice", appId="both", appVersion="2.0")
        assert service.wait("alice", made["uuid"])["status"] == "FINISHED"
        path = f"/v3/jobs/{made['uuid']}/output/download/tapisjob.out"
        assert "app.json" not in service.call("alice", "GET", path).body.decode()
        assert service.call("alice", "GET", "/v3/apps/both/1.0").status == 404


def test_a_conversion_is_said_once(tmp_path: Path) -> None:
    old_state.make(tmp_path)
    folder = ["--workspace", str(tmp_path)]
    subprocess.run([*SERVE, *folder, "--adopt-state"], check=True, capture_output=True, timeout=60)
    for said in (True, False):
        process = subprocess.Popen(
            [*SERVE, *folder, "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http")
        process.terminate()
        _, text = process.communicate(timeout=30)
        assert ("an earlier jobsync cannot read it" in text) == said
