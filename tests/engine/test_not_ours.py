"""The service moves and deletes files, so it must never take a folder that it did not make."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsync.errors import LocalServiceError
from jobsync.local.api.agave import records
from jobsync.local.service import Service, ServiceSettings
from jobsync.local.storage.archive import ArchiveError, archive
from jobsync.local.storage.staging import StagingError, prepare
from jobsync.local.store.statuses import TERMINAL
from jobsync.structs import replace
from jobsync.testing import LocalService, local_service
from tests.engine.embedded_command import call
from tests.engine.engine_lab import Lab

pytestmark = pytest.mark.fork


# --- a work folder that is none ---------------------------------------------------------------


@pytest.mark.parametrize("work_dir", [None, "", ".", "relative/folder"])
def test_a_row_without_a_work_folder_never_means_the_current_folder(
    work_dir: str | None, tmp_path: Path
) -> None:
    (tmp_path / "relative/folder").mkdir(parents=True)
    assert not records.work_of(work_dir).exists()


def test_a_folder_that_was_not_staged_is_not_archived(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".jobsync").mkdir(parents=True)
    (home / "thesis.tex").write_text("years")
    with pytest.raises(ArchiveError, match="not the work folder of a job"):
        archive(home, tmp_path / "archive")
    assert (home / "thesis.tex").read_text() == "years"
    assert not (tmp_path / "archive").exists()


def staged(folder: Path) -> Path:
    (folder / ".jobsync").mkdir(parents=True)
    records.write_run(folder, "x", "x", ())
    (folder / "result").write_text("x")
    return folder


def test_a_link_in_the_place_of_a_work_folder_is_not_archived(tmp_path: Path) -> None:
    real = staged(tmp_path / "real")
    (tmp_path / "job-1").symlink_to(real)
    with pytest.raises(ArchiveError):
        archive(tmp_path / "job-1", tmp_path / "archive")
    assert (real / "result").exists()


@pytest.mark.parametrize("target", [".", "..", "below/deep"])
def test_an_archive_that_shares_a_path_with_the_work_folder(tmp_path: Path, target: str) -> None:
    work = staged(tmp_path / "a" / "job-1")
    with pytest.raises(ArchiveError):
        archive(work, work / target)
    assert (work / "result").exists()


@pytest.mark.parametrize("work_dir", ["", ".", "here"])
def test_a_job_with_an_odd_work_folder_touches_nothing(tmp_path: Path, work_dir: str) -> None:
    lab = Lab(tmp_path / "lab")
    here = tmp_path / "here"
    for folder in (tmp_path, here):
        (folder / ".jobsync").mkdir(parents=True)
        (folder / ".jobsync" / "run.sh").write_text("")
        (folder / "precious").write_text("x")
    job = lab.submit()
    for status in ("PROCESSING_INPUTS", "STAGED", "SUBMITTING", "QUEUED", "RUNNING", "CLEANING_UP"):
        lab.store.transition(job, status, "", work_dir=work_dir)
    assert lab.storage.data_folder(lab.job(job)) is None
    other = lab.submit(appId="probe-1.0")
    lab.store.transition(other, "PROCESSING_INPUTS", "", work_dir=work_dir)
    (lab.workspace / "apps/probe/app.json").unlink()  # so that it fails before it is staged
    lab.engine().step()
    assert {lab.job(job).status, lab.job(other).status} <= TERMINAL
    for folder in (tmp_path, here):
        assert sorted(path.name for path in (folder / ".jobsync").iterdir()) == ["run.sh"]
        assert (folder / "precious").exists()
    lab.close()


@pytest.mark.parametrize("change", [{"owner": ".."}, {"owner": "a/b"}, {"id": "x/../../y"}])
def test_only_the_folder_of_the_job_is_made_anew(tmp_path: Path, change: dict[str, str]) -> None:
    lab = Lab(tmp_path)
    row = lab.job(lab.submit())
    app = lab.apps.get("probe-1.0")
    assert app is not None
    with pytest.raises(StagingError, match="not the folder of job"):
        prepare(replace(row, **change), app, lab.systems.by_name["local"], lab.storage)
    lab.close()


def test_a_link_in_the_place_of_a_new_work_folder(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    job = lab.submit()
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years")
    (lab.state / "work" / "alice").mkdir(parents=True)
    (lab.state / "work" / "alice" / f"job-{job}").symlink_to(home)
    lab.engine().step()
    assert lab.job(job).status == "FAILED"
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]
    lab.close()


# --- a state folder that is somebody's ----------------------------------------------------------


def settings(state: Path, workspace: Path) -> ServiceSettings:
    return ServiceSettings(state_dir=state, workspace=workspace, users=("alice",))


def test_a_folder_with_other_files_does_not_become_state(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "thesis.tex").write_text("years")
    (tmp_path / "link").symlink_to(home)
    for state, why in ((home, "holds other files"), (tmp_path / "link", "symbolic link")):
        with pytest.raises(LocalServiceError, match=why):
            Service(settings(state, tmp_path)).start()
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]


def test_the_workspace_is_not_the_state(tmp_path: Path) -> None:
    (tmp_path / "same").mkdir()
    (tmp_path / "link").symlink_to("same")
    for workspace in (tmp_path / "same", tmp_path / "link"):
        with pytest.raises(LocalServiceError, match="both the workspace and the state"):
            Service(settings(tmp_path / "same", workspace)).start()


@pytest.mark.parametrize("work", ["archive", "archive/jobs", ".", "..", "../data/.."])
def test_jobs_do_not_run_where_other_things_are(tmp_path: Path, work: str) -> None:
    state = tmp_path / ".jobsync"
    state.mkdir()
    (tmp_path / "data").mkdir()
    (state / "systems.json").write_text(json.dumps({"systems": {"x": {"workFolder": work}}}))
    with pytest.raises(LocalServiceError, match="jobs cannot run in"):
        Service(settings(state, tmp_path)).start()


# --- odd places ---------------------------------------------------------------------------------


def finished(service: LocalService, **request: object) -> dict[str, object]:
    job = service.wait("alice", service.submit("alice", **request)["id"])
    assert job["status"] == "FINISHED", job
    return job


def test_state_in_the_workspace_under_another_name_is_not_part_of_it(tmp_path: Path) -> None:
    """No dot hides it, but it holds the tokens; and copied as an input it would have no end."""
    (tmp_path / "a.txt").write_text("a")
    app = tmp_path / "apps" / "tell"
    app.mkdir(parents=True)
    document = {"name": "tell", "version": "1", "templatePath": "w.sh", "inputs": [{"id": "in"}]}
    (app / "app.json").write_text(json.dumps(document))
    (app / "w.sh").write_text("find ${in} | sort > found\n")
    made = replace(
        settings(tmp_path / "kept", tmp_path), apps=(tmp_path / "apps",), faults=(),
        environment=dict(os.environ),
    )  # fmt: skip
    with Service(made) as running:
        service = LocalService(running)
        body = {"name": "x", "appId": "tell-1", "inputs": {"in": "agave://local/kept/users.json"}}
        assert service.call("alice", "POST", "/jobs/v2", body).status == 403
        path = "/files/v2/media/system/local/kept/users.json"
        assert service.call("alice", "GET", path).status == 403
        listed = service.call("alice", "GET", "/files/v2/listings/system/local/").result
        assert {entry["name"] for entry in listed} == {".", "a.txt", "apps"}
        job = finished(service, appId="tell-1", inputs={"in": "agave://local/"})
        found = service.call("alice", "GET", f"/jobs/v2/{job['id']}/outputs/media/found").body
        names = found.decode().split()
        assert any(name.endswith("a.txt") for name in names)
        assert not any("kept" in name for name in names)


@pytest.mark.parametrize("linked", [".jobsync/work", ".jobsync/archive", "workspace"])
def test_links_in_the_place_of_our_folders(tmp_path: Path, linked: str) -> None:
    real, workspace = tmp_path / "elsewhere", tmp_path / "workspace"
    real.mkdir()
    if linked == "workspace":
        workspace.symlink_to(real)
    else:
        (workspace / linked).parent.mkdir(parents=True)
        (workspace / linked).symlink_to(real)
    (tmp_path / "beside").write_text("x")
    with local_service(workspace) as service:
        job = finished(service)
        path = f"/jobs/v2/{job['id']}/outputs/media/demo.out"
        assert service.call("alice", "GET", path).status == 200
        if linked == ".jobsync/work":
            assert [one.name for one in real.iterdir()] == ["alice"]
            assert not list((real / "alice").iterdir())
    assert (tmp_path / "beside").read_text() == "x"


@contextmanager
def serving(cwd: Path, *words: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobsync", "serve", "--user", "alice", *words],
        cwd=cwd, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        if process.stdout is not None:
            process.stdout.close()


def test_the_current_folder_is_removed(tmp_path: Path) -> None:
    """Relative --state and --workspace mean what they meant at the start."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "w").mkdir()
    with serving(tmp_path / "cwd", "--workspace", "../w", "--state", "../s/t") as url:
        (tmp_path / "cwd").rmdir()
        token = json.loads((tmp_path / "s/t/users.json").read_text())["alice"]
        job = call(url, token, "/jobs/v2/", {"name": "x", "appId": "wc-demo-1.00"})
        assert isinstance(job, dict)
        deadline = time.monotonic() + 20
        while job["status"] not in TERMINAL:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            job = call(url, token, f"/jobs/v2/{job['id']}")
            assert isinstance(job, dict)
    assert job["status"] == "FINISHED"
    assert {path.name for path in tmp_path.iterdir()} == {"w", "s"}
    assert list((tmp_path / "w").iterdir()) == []


def test_an_app_that_holds_the_work_folders_is_not_copied_into_itself(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    app = lab.workspace / "apps" / "probe"
    (app / "inner").symlink_to(lab.state)
    job = lab.submit()
    lab.engine().step()
    assert lab.job(job).status == "FAILED"
    assert "the work folders of jobs lie in it" in lab.job(job).message
    lab.close()


@pytest.mark.parametrize("text", ["4711 --user=root", "4711 -u", "x y", "-1 -1", ""])
def test_what_a_job_writes_into_its_claim_is_no_argument(tmp_path: Path, text: str) -> None:
    """A job may overwrite its claim; its words must not reach ``kill`` or ``scancel``."""
    (tmp_path / ".jobsync").mkdir()
    (tmp_path / ".jobsync" / "claim").write_text(text)
    claim = records.read_claim(tmp_path)
    assert claim is not None
    assert claim.scheduler_id == ""
    assert claim.pid in (4711, None)
