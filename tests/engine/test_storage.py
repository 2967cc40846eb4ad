"""Who may read what as an input, and where a job may archive: as the caller, by real path."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.storage.files import Storage
from jobsync.local.store.database import Store
from jobsync.local.store.rows import JobRow


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace, self.archive = root / "workspace", root / "workspace/.jobsync/archive"
        self.archive.mkdir(parents=True)
        self.store = Store(root / "jobs.db")
        for user in ("alice", "bob", "carol"):
            self.store.add_user(user, user)
        self.storage = Storage(self.workspace, self.archive, self.store)

    def put(self, path: str, text: str = "x") -> Path:
        file = self.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def job(self, job_id: str, owner: str, path: str, **fields: object) -> JobRow:
        self.storage.claim_archive("archive", path, owner)
        folder = self.storage.archive_folder(path)
        (folder / "sub").mkdir()
        (folder / "out.txt").write_text(job_id)
        (folder / "sub" / "deep.txt").write_text(job_id)
        row = JobRow(
            job_id, owner, "n", "a-1", archive_system="archive", archive_path=path, archived=True,
            status="FINISHED", **fields,  # type: ignore[arg-type]
        )  # fmt: skip
        return self.store.insert_job(row, "")

    def readable(self, uri: str, user: str) -> bool:
        try:
            return self.storage.locate(uri, user).path.exists()
        except Refusal as refusal:
            assert refusal.status in (400, 403)
            return False


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_workspace(world: World) -> None:
    world.put("data/x.fa")
    world.put("data/a b%.fa")
    for uri in ("agave://local/data/x.fa", "agave://local//data//x.fa", "data/x.fa", "/data/x.fa",
                "agave://local/data/a%20b%25.fa", "data/a b%.fa"):  # fmt: skip
        assert world.readable(uri, "bob"), uri


@pytest.mark.parametrize(
    "uri",
    [
        "agave://local/.jobsync/users.json",
        "agave://local/%2ejobsync/users.json",
        "agave://local/data/../.jobsync/users.json",
        "agave://local/data/../../outside.txt",
        "agave://local/%2e%2e/outside.txt",
        "agave://local/link-to-state/users.json",
        "agave://local/link-out/outside.txt",
        "agave://local/file-link-out",
        "agave://archive/.owners/x",
        "agave://archive/",
        "agave://archive/../users.json",
        "agave://archive/%2e%2e/users.json",
        "agave://other/x",
        "agave:///x",
        ".jobsync/users.json",
        "../outside.txt",
        "file:///etc/passwd",
        "http://[bad/x",
        "agave://local/x%00y",
        "agave://archive/alice/x%00y",
        "http://127.0.0.1/jobs/v2/1/outputs/media/x%00y",
        "data/x\0y",
    ],
)
def test_nothing_leads_to_secrets_or_out(world: World, uri: str) -> None:
    world.put(".jobsync/users.json")
    world.put("data/x")
    (world.root / "outside.txt").write_text("x")
    (world.workspace / "link-to-state").symlink_to(".jobsync")
    (world.workspace / "link-out").symlink_to(world.root)
    (world.workspace / "file-link-out").symlink_to(world.root / "outside.txt")
    with pytest.raises(Refusal) as refused:
        world.storage.locate(uri, "alice")
    assert refused.value.status in (400, 403)


def test_links_inside_the_workspace_are_fine(world: World) -> None:
    world.put("data/x.fa")
    (world.workspace / "latest").symlink_to("data/x.fa")
    assert world.readable("agave://local/latest", "bob")


@pytest.mark.parametrize("path", ["alice/archive/jobs/job-1", "shared/run1", "alice/x"])
def test_archive_is_readable_through_the_owning_job_only(world: World, path: str) -> None:
    world.job("1", "alice", path)
    uri = f"agave://archive/{path}/sub/deep.txt"
    assert world.readable(uri, "alice")
    assert not world.readable(uri, "bob")
    world.store.set_grant("1", "bob", "READ", "alice")
    assert world.readable(uri, "bob")
    assert not world.readable(uri, "carol")
    assert not world.readable(f"agave://archive/{path.split('/')[0]}", "bob")
    world.store.set_grant("1", "bob", "WRITE", "alice")
    assert not world.readable(uri, "bob")
    world.store.set_grant("1", "world", "READ", "alice")
    assert world.readable(uri, "carol")


def test_a_grant_on_one_run_opens_no_other(world: World) -> None:
    world.job("1", "alice", "alice/archive/jobs/job-1")
    world.job("2", "alice", "alice/archive/jobs/job-2")
    world.store.set_grant("1", "bob", "READ", "alice")
    (world.archive / "alice/archive/jobs/job-1/link").symlink_to("../job-2/out.txt")
    assert world.readable("agave://archive/alice/archive/jobs/job-1/out.txt", "bob")
    assert not world.readable("agave://archive/alice/archive/jobs/job-2/out.txt", "bob")
    assert not world.readable("agave://archive/alice/archive/jobs/job-1/link", "bob")
    assert not world.readable("agave://archive/alice/archive/jobs/job-1/../job-2/out.txt", "bob")


def test_archive_of_a_hidden_job_is_its_owners_alone(world: World) -> None:
    world.job("1", "alice", "alice/archive/jobs/job-1", visible=False)
    world.store.set_grant("1", "bob", "READ", "alice")
    assert world.readable("agave://archive/alice/archive/jobs/job-1/out.txt", "alice")
    assert not world.readable("agave://archive/alice/archive/jobs/job-1/out.txt", "bob")


def test_claims_on_the_archive(world: World) -> None:
    world.storage.claim_archive("archive", "shared/one", "alice")
    world.storage.claim_archive("archive", "shared/two", "alice")
    for path in ("shared/three", "alice/x", "carol/x", "../x", "bob/../alice/x", ".owners/x", ""):
        with pytest.raises(Refusal) as caught:
            world.storage.claim_archive("archive", path, "bob")
        assert caught.value.status == 403, path


def test_a_link_in_the_archive_is_no_way_out_for_a_claim(world: World) -> None:
    world.storage.claim_archive("archive", "alice/a", "alice")
    (world.archive / "alice/link").symlink_to(world.root)
    with pytest.raises(Refusal):
        world.storage.claim_archive("archive", "alice/link/x", "alice")


def test_archive_path_that_is_a_file(world: World) -> None:
    world.job("1", "alice", "alice/a")
    with pytest.raises(Refusal, match="not a folder") as caught:
        world.storage.claim_archive("archive", "alice/a/out.txt", "alice")
    assert caught.value.status == 400


def test_own_output_urls_are_inputs(world: World) -> None:
    world.job("1-007", "alice", "alice/a")
    work = world.root / "work"
    work.mkdir()
    (work / "out.txt").write_text("x")
    running = JobRow("2-007", "alice", "n", "a-1", work_dir=str(work), status="RUNNING")
    world.store.insert_job(running, "")
    for job in ("1-007", "2-007"):
        uri = f"http://127.0.0.1:4711/jobs/v2/{job}/outputs/media/out.txt"
        assert world.readable(uri, "alice")
        assert not world.readable(uri, "bob")
        world.store.set_grant(job, "bob", "READ", "alice")
        assert world.readable(uri, "bob")
    assert not world.readable("http://127.0.0.1/jobs/v2/2-007/outputs/media/../../x", "alice")
    assert not world.readable("http://127.0.0.1/jobs/v2/2-007/outputs/media/.jobsync/x", "alice")
    assert not world.readable("http://other.example/jobs/v2/1-007/outputs/media/out.txt", "alice")
    (work / "link").symlink_to("/etc/hostname")
    assert not world.readable("http://127.0.0.1/jobs/v2/2-007/outputs/media/link", "alice")
