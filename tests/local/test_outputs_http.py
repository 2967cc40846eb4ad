"""agave-v2 §11, outputs; agave-v2 §6."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsync.local.store.rows import JobRow
from jobsync.testing import LocalService, Reply
from tests.local.conftest import stored


@pytest.fixture
def job(service: LocalService, put: Callable[..., JobRow], owner: str) -> str:
    """A finished job whose work folder holds a few files; not archived."""
    work = service.state / "work" / owner / "job-x"
    (work / "sub" / "deeper").mkdir(parents=True)
    (work / "empty").mkdir()
    (work / ".jobsync").mkdir()
    (work / ".jobsync" / "run.sh").write_text("secret")
    (work / "a.txt").write_text("0123456789")
    (work / "empty.bin").write_bytes(b"")
    (work / "sub" / "b.html").write_text("<p>")
    (work / "sub" / "deeper" / "c.JPG").write_bytes(b"\xff")
    (work / "with space+&.txt").write_text("odd")
    (work / "~tilde").write_text("unreachable")
    (work / "two..dots").write_text("unreachable")
    return put(work_dir=str(work)).id


def listing(service: LocalService, user: str, job: str, path: str = "", query: str = "") -> Any:
    reply = service.call(user, "GET", f"/jobs/v2/{job}/outputs/listings{path}?{query}")
    assert reply.status == 200, reply.body
    return reply.result


def media(
    service: LocalService,
    user: str,
    job: str,
    path: str,
    method: str = "GET",
    **headers: str,
) -> Reply:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return service.call(user, method, f"/jobs/v2/{job}/outputs/media{path}", headers=named)


# --- listings -------------------------------------------------------------------------------


def test_a_folder_is_listed_and_not_its_folders(
    service: LocalService, owner: str, job: str
) -> None:
    rows = listing(service, owner, job)
    assert [row["name"] for row in rows] == [
        "a.txt", "empty", "empty.bin", "sub", "two..dots", "with space+&.txt", "~tilde",
    ]  # fmt: skip
    assert [row["path"] for row in listing(service, owner, job, "/sub")] == [
        "/sub/b.html",
        "/sub/deeper",
    ]
    assert listing(service, owner, job, "/sub/deeper/")[0]["path"] == "/sub/deeper/c.JPG"
    assert listing(service, owner, job, "/empty") == []


def test_the_shape_of_a_row(service: LocalService, owner: str, job: str) -> None:
    by_name = {row["name"]: row for row in listing(service, owner, job)}
    file, folder = by_name["a.txt"], by_name["sub"]
    assert list(file) == ["name", "path", "lastModified", "length", "permission", "mimeType",
                          "format", "type", "_links"]  # fmt: skip
    assert (file["length"], file["mimeType"], file["format"], file["type"], file["permission"]) == (
        10, "text/plain", "unknown", "file", "READ",
    )  # fmt: skip
    assert (folder["mimeType"], folder["format"], folder["type"]) == (
        "text/directory", "folder", "dir",
    )  # fmt: skip
    base = f"{service.url}/jobs/v2/{job}"
    assert file["_links"]["self"]["href"] == f"{base}/outputs/media/a.txt"
    assert file["_links"]["parent"]["href"] == base
    assert by_name["~tilde"]["mimeType"] == "application/octet-stream"


def test_a_file_is_a_listing_of_one(service: LocalService, owner: str, job: str) -> None:
    [row] = listing(service, owner, job, "/a.txt")
    assert row["path"] == "/a.txt"
    [row] = listing(service, owner, job, "/sub/b.html")
    assert (row["name"], row["path"]) == ("b.html", "sub/b.html")
    assert row["_links"]["self"]["href"].endswith("/outputs/mediasub/b.html")


def test_dots_take_room_on_the_page_and_are_left_out(
    service: LocalService, owner: str, job: str
) -> None:
    def names(query: str) -> list[str]:
        return [row["name"] for row in listing(service, owner, job, "", query)]

    everything = names("")
    assert names("limit=1") == []
    assert names("limit=2") == []
    assert names("limit=3") == everything[:1]
    assert names("limit=3&offset=2") == everything[:3]
    assert names("limit=2&offset=3") == everything[1:3]
    assert names("offset=99") == []


def test_dots_and_tildes_are_deleted_from_the_path(
    service: LocalService, owner: str, job: str
) -> None:
    assert listing(service, owner, job, "/s~ub/b.ht..ml")[0]["name"] == "b.html"
    assert listing(service, owner, job, "/../../sub/..//deeper")[0]["name"] == "c.JPG"
    assert listing(service, owner, job, "/%2e%2e/%2E%2E/sub")[0]["name"] == "b.html"
    for path in ("/~tilde", "/two..dots"):
        assert media(service, owner, job, path).status == 500


def test_the_path_is_decoded(service: LocalService, owner: str, job: str) -> None:
    [row] = listing(service, owner, job, "/with%20space+%26.txt")
    assert row["name"] == "with space+&.txt"
    assert media(service, owner, job, "/with%20space%2B%26.txt").body == b"odd"
    assert media(service, owner, job, "/sub%2Fb.html").body == b"<p>"


def test_errors_of_listings(
    service: LocalService,
    owner: str,
    job: str,
    put: Callable[..., JobRow],
    new_user: Callable[[], str],
) -> None:
    def error(user: str, target: str) -> tuple[int, str]:
        reply = service.call(user, "GET", f"/jobs/v2/{target}")
        assert "result" not in reply.json
        return reply.status, reply.json["message"]

    gone = (500, "Unable to locate job data. Work folder no longer exists.")
    assert error(owner, f"{job}/outputs/listings/nope") == gone
    assert error(owner, f"{put(work_dir='/nonexistent').id}/outputs/listings") == gone
    assert error(owner, f"{put().id}/outputs/listings") == gone
    assert error(owner, "x/outputs/listings") == (400, "Not job found with job id x")
    hidden = put(visible=False).id
    assert error(owner, f"{hidden}/outputs/listings")[0] == 400
    assert error(new_user(), f"{job}/outputs/listings") == (
        401,
        "User does not have permission to view this resource.",
    )


# --- media ----------------------------------------------------------------------------------


def test_a_download(service: LocalService, owner: str, job: str) -> None:
    reply = media(service, owner, job, "/a.txt")
    assert (reply.status, reply.body) == (200, b"0123456789")
    assert reply.headers["content-length"] == "10"
    assert reply.headers["content-type"].startswith("text/plain")
    assert "content-disposition" not in reply.headers
    assert "etag" not in reply.headers
    assert media(service, owner, job, "/empty.bin").body == b""
    assert media(service, owner, job, "/sub/deeper/c.JPG").headers["content-type"] == (
        "application/octet-stream"
    )


def test_force_makes_an_attachment(service: LocalService, owner: str, job: str) -> None:
    forced = media(service, owner, job, "/a.txt?force=true")
    assert forced.headers["content-disposition"] == "attachment; filename=a.txt"


def test_head(service: LocalService, owner: str, job: str) -> None:
    reply = media(service, owner, job, "/a.txt", "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == "10"
    assert reply.headers["content-disposition"] == "attachment; filename=a.txt"
    assert "last-modified" in reply.headers
    assert media(service, owner, job, "/nope", "HEAD").status == 500


@pytest.mark.parametrize(
    ("header", "status", "body", "shown"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=0-9", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-10", 416, None, None),
        ("bytes=10-", 416, None, None),
        ("bytes=11-", 416, None, None),
        ("bytes=5-4", 416, None, None),
        ("bytes=0-1,3-4", 416, None, None),
        ("bytes=-3", 416, None, None),
        ("bytes=99999999999999999999-", 416, None, None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
    ],
)
def test_ranges(
    service: LocalService,
    owner: str,
    job: str,
    header: str,
    status: int,
    body: bytes | None,
    shown: str | None,
) -> None:
    reply = media(service, owner, job, "/a.txt", Range=header)
    assert reply.status == status
    assert reply.headers.get("content-range") == shown
    if body is not None:
        assert reply.body == body
        assert reply.headers["content-length"] == str(len(body))


def test_a_range_of_an_empty_file_is_416(service: LocalService, owner: str, job: str) -> None:
    assert media(service, owner, job, "/empty.bin", Range="bytes=0-").status == 416


def test_errors_of_media(
    service: LocalService,
    owner: str,
    job: str,
    put: Callable[..., JobRow],
    new_user: Callable[[], str],
) -> None:
    def error(user: str, target: str) -> tuple[int, str]:
        reply = service.call(user, "GET", f"/jobs/v2/{target}")
        return reply.status, reply.json["message"]

    assert error(owner, f"{job}/outputs/media/nope") == (500, "File/folder does not exist")
    assert error(owner, f"{job}/outputs/media/sub")[0] == 500
    assert error(owner, f"{job}/outputs/media")[0] == 400
    assert error(owner, f"{job}/outputs/media/")[0] == 400
    assert error(owner, f"{job}/outputs/media/a.txt%00")[0] == 500
    assert error(owner, "x/outputs/media/a.txt") == (400, "Invalid job id")
    status, text = error(owner, f"{put().id}/outputs/media/a.txt")
    assert (status, text.startswith("No work directory specified")) == (500, True)
    assert error(new_user(), f"{job}/outputs/media/a.txt")[0] == 401


def test_links_and_pipes_lead_nowhere(
    service: LocalService, owner: str, job: str, put: Callable[..., JobRow]
) -> None:
    work = Path(stored(service, job).work_dir or "")
    (work / "passwd").symlink_to("/etc/passwd")
    (work / "etc").symlink_to("/etc")
    (work / "tokens").symlink_to(service.state / "users.json")
    (work / "inside").symlink_to("a.txt")
    (work / "ours").symlink_to(".jobsync")
    (work / "loop").symlink_to("loop")
    os.mkfifo(f"{work}/pipe")
    names = {row["name"] for row in listing(service, owner, job)}
    assert "inside" in names
    assert not names & {"passwd", "etc", "tokens", "ours", "loop", "pipe", ".jobsync"}
    for path in (
        "passwd",
        "etc/passwd",
        "tokens",
        "pipe",
        ".jobsync/run.sh",
        "ours/run.sh",
        "loop",
    ):
        assert media(service, owner, job, f"/{path}").status == 500, path
        assert service.call(owner, "GET", f"/jobs/v2/{job}/outputs/listings/{path}").status == 500
    assert media(service, owner, job, "/inside").body == b"0123456789"


def test_names_that_are_not_text(service: LocalService, owner: str, job: str) -> None:
    work = Path(stored(service, job).work_dir or "")
    (work / os.fsdecode(b"bad\xff.txt")).write_bytes(b"x")
    [row] = [row for row in listing(service, owner, job) if row["name"].startswith("bad")]
    assert row["_links"]["self"]["href"].endswith("/bad%FF.txt")
    assert media(service, owner, job, "/bad%FF.txt").body == b"x"


def test_where_the_data_is(service: LocalService, owner: str, dialect: str) -> None:
    """Running: the work folder, with what is there so far. Finished: the archive."""
    job = service.submit(owner, parameters={"seconds": 1, "lines": 3}, name="where")["id"]
    path = f"/jobs/v2/{job}/outputs/listings"
    reply = service.call(owner, "GET", path)
    log = f"where-{job}.out" if dialect == "aloe" else "where.out"
    while reply.status != 200 or log not in [row["name"] for row in reply.result]:
        assert service.call(owner, "GET", f"/jobs/v2/{job}").result["status"] != "FAILED"
        time.sleep(0.01)
        reply = service.call(owner, "GET", path)
    assert not stored(service, job).archived
    assert service.wait(owner, job)["status"] == "FINISHED"
    rows = listing(service, owner, job)
    assert "counts.txt" in [row["name"] for row in rows]
    assert rows[0]["_links"]["system"]["href"].endswith("/systems/v2/archive")
    got = service.call(owner, "GET", f"/jobs/v2/{job}").result
    assert got["_links"]["archiveData"]["href"] == (
        f"{service.url}/files/v2/listings/system/archive/{owner}/archive/jobs/job-{job}"
    )


def test_outputs_can_be_read_at_every_instant_of_archiving(
    service: LocalService, owner: str
) -> None:
    job = service.submit(owner, parameters={"seconds": 0.2}, name="always")["id"]
    seen, until = [], time.monotonic() + 20
    path = f"/jobs/v2/{job}/outputs/listings"

    def look() -> None:
        while time.monotonic() < until:
            seen.append((service.call(owner, "GET", path).status, time.monotonic()))
            if stored(service, job).status == "FINISHED":
                return

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    began = next(moment for status, moment in seen if status == 200)
    assert {status for status, moment in seen if moment > began + 0.05} == {200}
