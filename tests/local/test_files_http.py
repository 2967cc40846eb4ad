"""The few files endpoints, the apps, and what the storage shows to whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.testing import LocalService, Reply


@pytest.fixture(scope="module", autouse=True)
def workspace(shared: LocalService) -> Path:
    folder = shared.workspace
    (folder / "data").mkdir()
    (folder / "data" / "x.fa").write_text(">x\nACGT\n")
    (folder / ".hidden").write_text("secret")
    (folder / "data" / "out").symlink_to("/etc")
    (folder / "data" / "state").symlink_to(shared.state)
    return folder


def upload(
    service: LocalService,
    user: str,
    path: str,
    content: bytes,
    name: str = "new.txt",
    extra: bytes = b"",
) -> Reply:
    body = (
        extra + b'--x\r\nContent-Disposition: form-data; name="fileToUpload"; filename="'
        + name.encode() + b'"\r\n\r\n' + content + b"\r\n--x--\r\n"
    )  # fmt: skip
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    return service.call(user, "POST", path, body, headers=head)


def test_listing_the_workspace(service: LocalService, owner: str) -> None:
    for path in ("/files/v2/listings/system/local/data", "/files/v2/listings/data/"):
        reply = service.call(owner, "GET", path)
        assert [row["name"] for row in reply.result] == [".", "x.fa"]
    file = reply.result[1]
    assert (file["path"], file["system"], file["length"], file["type"]) == (
        "/data/x.fa", "local", 8, "file",
    )  # fmt: skip
    root = service.call(owner, "GET", "/files/v2/listings/system/local").result
    assert not {".hidden", ".jobsync"} & {row["name"] for row in root}


def test_download(service: LocalService, owner: str) -> None:
    reply = service.call(owner, "GET", "/files/v2/media/system/local/data/x.fa")
    assert (reply.status, reply.body) == (200, b">x\nACGT\n")
    ranged = service.call(owner, "GET", "/files/v2/media/data/x.fa", headers={"Range": "bytes=3-6"})
    assert (ranged.status, ranged.body) == (206, b"ACGT")
    assert service.call(owner, "GET", "/files/v2/media/system/local/data").status == 400
    assert service.call(owner, "GET", "/files/v2/media/system/local/nope").status == 404


@pytest.mark.parametrize(
    "path",
    ["local/.hidden", "local/.jobsync/users.json", "local/data/../../etc/passwd", "archive",
     "local/data/out/passwd", "local/data/state/users.json", "nowhere/x", "local/%2e%2e/x",
     "archive/.owners", "archive/bob/x", "local/x%00y"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["listings", "media"])
def test_what_nobody_may_see(service: LocalService, owner: str, kind: str, path: str) -> None:
    reply = service.call(owner, "GET", f"/files/v2/{kind}/system/{path}")
    assert reply.status in (400, 403)
    assert "result" not in reply.json


def test_an_archive_is_seen_through_its_job(
    service: LocalService, owner: str, new_user: Callable[[], str]
) -> None:
    reader = new_user()
    job = service.submit(owner)
    service.wait(owner, job["id"])
    path = f"/files/v2/media/system/archive/{job['archivePath']}/counts.txt"
    assert service.call(owner, "GET", path).status == 200
    assert service.call(reader, "GET", path).status == 403
    grant = {"username": reader, "permission": "READ"}
    service.call(owner, "POST", f"/jobs/v2/{job['id']}/pems", grant)
    assert service.call(reader, "GET", path).status == 200


def test_upload(service: LocalService, owner: str, workspace: Path) -> None:
    reply = upload(service, owner, "/files/v2/media/system/local/data", b"hello", "up.txt")
    assert reply.status == 202
    assert (reply.result["path"], reply.result["status"]) == ("/data/up.txt", "STAGING_QUEUED")
    assert (workspace / "data" / "up.txt").read_bytes() == b"hello"
    named = b'--x\r\nContent-Disposition: form-data; name="fileName"\r\n\r\nother.txt\r\n'
    assert upload(service, owner, "/files/v2/media/data", b"x", extra=named).result["name"] == (
        "other.txt"
    )
    job = service.submit(owner, inputs={"text": "agave://local/data/up.txt"})["id"]
    assert service.wait(owner, job)["status"] == "FINISHED"


def test_an_upload_never_overwrites(service: LocalService, owner: str, workspace: Path) -> None:
    same = upload(service, owner, "/files/v2/media/data", b">x\nACGT\n", "x.fa")
    assert same.status == 202
    other = upload(service, owner, "/files/v2/media/data", b"other", "x.fa")
    assert other.status == 403
    assert (workspace / "data" / "x.fa").read_text() == ">x\nACGT\n"
    assert not list((workspace / "data").glob(".upload-*"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("local/data", "../up.txt"), ("local/data", ".hidden"), ("local/data", ".."),
     ("local/data/out", "x"), ("local/nope", "x"), ("archive/x", "x"), ("local/.jobsync", "x"),
     ("local/data/x.fa", "x")],
)  # fmt: skip
def test_refused_uploads(service: LocalService, owner: str, folder: str, name: str) -> None:
    assert upload(service, owner, f"/files/v2/media/system/{folder}", b"x", name).status in (
        400,
        403,
    )


def test_upload_without_a_file(service: LocalService, owner: str) -> None:
    assert service.call(owner, "POST", "/files/v2/media/data", {"a": 1}).status == 400


def test_apps(service: LocalService, owner: str) -> None:
    rows = service.call(owner, "GET", "/apps/v2").result
    assert "wc-demo-1.00" in [row["id"] for row in rows]
    assert "parameters" not in rows[0]
    app = service.call(owner, "GET", "/apps/v2/wc-demo-1.00/").result
    assert {"id", "name", "version", "inputs", "parameters", "executionSystem", "_links"} <= set(
        app
    )
    missing = service.call(owner, "GET", "/apps/v2/nothing-1.0")
    assert missing.status == 404
    assert service.call(owner, "GET", "/apps/v2?limit=0").result == []


def test_a_bad_app_is_told_by_name(service: LocalService, owner: str, workspace: Path) -> None:
    broken = workspace / "apps" / "broken"
    broken.mkdir(parents=True)
    (broken / "app.json").write_text("{")
    try:
        reply = service.call(owner, "GET", "/apps/v2/broken-1.0")
        assert (reply.status, "app.json" in reply.json["message"]) == (404, True)
        assert service.call(owner, "GET", "/apps/v2/wc-demo-1.00").status == 200
    finally:
        (broken / "app.json").unlink()
    assert service.call(owner, "GET", "/apps/v2").status == 200
