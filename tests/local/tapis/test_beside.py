"""Apps, systems and files (tapis-v3 §11, §12, §13)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync.testing import Drive, LocalService, local_service
from tests.local.tapis.conftest import User

MULTIPART = {"Content-Type": "multipart/form-data; boundary=B"}


def part(content: bytes, name: str = "file") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'
    return head.encode() + content + b"\r\n--B--\r\n"


# --- apps ---------------------------------------------------------------------------------


def test_apps(service: LocalService, alice: User, app: Callable[..., str]) -> None:
    name = app(description="first")
    folder = service.workspace / "apps" / name
    later = service.workspace / "apps" / f"{name}-later"
    later.mkdir()
    for version, place in (("1.10", later),):
        text = (folder / "app.json").read_text().replace('"1.0"', f'"{version}"')
        (place / "app.v3.json").write_text(text)
    assert alice.get(f"apps/{name}").result["version"] == "1.10", "numbers count as numbers"
    one = alice.get(f"apps/{name}/1.0").result
    assert (one["description"], one["runtime"]) == ("first", "ZIP")
    assert one["jobAttributes"]["parameterSet"]["archiveFilter"]["includeLaunchFiles"] is True
    for missing in (f"apps/{name}/9", "apps/nothing"):
        reply = alice.get(missing)
        assert (reply.status, reply.json["status"]) == (404, "Not Found")
    listed = alice.get("apps?listType=ALL&limit=-1").result
    assert [row["version"] for row in listed if row["id"] == name] == ["1.10"]
    assert alice.get("apps").result == [], "OWNED is the default, and nobody owns any"
    found = alice.get(f"apps?listType=ALL&search=(id.like.{name[:-1]}*)~(version.eq.1.10)").result
    assert name in [row["id"] for row in found]
    everything = alice.get(
        f"apps?listType=ALL&select=allAttributes&search=(id.eq.{name})&computeTotal=true"
    )
    assert everything.result == [alice.get(f"apps/{name}").result]
    assert everything.json["metadata"]["totalCount"] == 1
    assert alice.get("apps?search=nonsense").status == 400


def test_docker_apps_are_listed(alice: User, app: Callable[..., str]) -> None:
    name = app(runtime="DOCKER", containerImage="x/y:1")
    assert alice.get(f"apps/{name}").result["runtime"] == "DOCKER"


# --- systems --------------------------------------------------------------------------------


def test_systems(tmp_path: Path) -> None:
    (tmp_path / ".jobsync").mkdir()
    (tmp_path / ".jobsync" / "systems.yaml").write_text(
        "systems:\n  cluster:\n    engine: slurm\n    queues:\n"
        "      short: {default: true, maxNodes: 2, maxRequestedTime: '01:00:00',"
        " maxMemoryPerNode: 2GB, maxProcessorsPerNode: 4, partition: debug}\n      long: {}\n"
    )
    with local_service(tmp_path, api="tapis/v3", drive=Drive.NONE) as service:
        alice = User(service, "alice")
        cluster = alice.get("systems/cluster").result
        assert (cluster["canRunBatch"], cluster["batchScheduler"]) == (True, "SLURM")
        assert cluster["batchDefaultLogicalQueue"] == "short"
        queue = cluster["batchLogicalQueues"][0]
        assert (queue["hpcQueueName"], queue["maxNodeCount"], queue["maxMinutes"]) == (
            "debug", 2, 60)  # fmt: skip
        assert queue["maxMemoryMB"] == 2048
        local, archive = alice.get("systems/local").result, alice.get("systems/archive").result
        assert (local["canExec"], local["canRunBatch"], archive["canExec"]) == (True, False, False)
        assert local["jobRuntimes"][0]["runtimeType"] == "ZIP"
        assert alice.get("systems/mars").status == 404
        names = [row["id"] for row in alice.get("systems?listType=ALL").result]
        assert sorted(names) == ["archive", "cluster", "local"]
        body = {"name": "x", "appId": "wc-demo", "appVersion": "1.00", "execSystemId": "cluster",
                "jobType": "BATCH"}  # fmt: skip
        job = alice.post("jobs/submit", {**body, "nodeCount": 2, "coresPerNode": 4}).result
        assert (job["jobType"], job["execSystemLogicalQueue"]) == ("BATCH", "short")
        for limit in ({"nodeCount": 3}, {"coresPerNode": 5}, {"memoryMB": 2049},
                      {"maxMinutes": 61}, {"execSystemLogicalQueue": "none"},
                      {"jobType": "FORK"}):  # fmt: skip
            assert alice.post("jobs/submit", {**body, **limit}).status == 400, limit
        longer = {**body, "execSystemLogicalQueue": "long", "maxMinutes": 100}
        assert alice.post("jobs/submit", longer).result["execSystemLogicalQueue"] == "long"


# --- files --------------------------------------------------------------------------------


@pytest.fixture
def tree(service: LocalService, alice: User) -> Path:
    folder = service.workspace / f"tree-{alice.name}"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("0123456789")
    (folder / "deep" / "b.log").write_text("b")
    (folder / ".hidden").write_text("h")
    (folder / "leak").symlink_to("/etc")
    return folder


def test_listings(alice: User, tree: Path) -> None:
    def names(query: str = "", path: str = tree.name) -> list[str]:
        reply = alice.get(f"files/ops/local/{path}{query}")
        assert reply.status == 200, reply.body
        return [row["path"].removeprefix(f"/{tree.name}/") for row in reply.result]

    assert names() == ["a.txt", "deep"]
    assert names(path=f"/{tree.name}//") == ["a.txt", "deep"]
    assert names("?recurse=true") == ["a.txt", "deep", "deep/b.log"]
    assert names("?recurse=True&pattern=*.log") == ["deep/b.log"]
    assert names("?limit=1") == ["a.txt"]
    assert names("?limit=1&offset=1") == ["deep"]
    assert names(path=f"{tree.name}/a.txt") == ["a.txt"]
    assert names(path="")
    for path in ("nothing", f"{tree.name}/a.txt/x"):
        assert alice.get(f"files/ops/local/{path}").status == 404
    for path in (".jobsync", f"{tree.name}/.hidden", f"{tree.name}/leak", "..", ".work/jobs",
                 ".work/.owners", "%2e%2e/x"):  # fmt: skip
        assert alice.get(f"files/ops/local/{path}").status == 403, path
    assert alice.get("files/ops/mars/x").status == 404


def test_contents(alice: User, tree: Path) -> None:
    path = f"files/content/local/{tree.name}"
    reply = alice.get(f"{path}/a.txt")
    assert (reply.body, reply.headers["content-disposition"]) == (
        b"0123456789", 'attachment; filename="a.txt"')  # fmt: skip
    for given, body in (("2,4", b"234"), ("0,0", b"0"), ("8,100", b"89"), ("20,30", b""),
                        ("bytes=2-4", b"0123456789"), ("4,2", b"")):  # fmt: skip
        assert alice.get(f"{path}/a.txt", headers={"range": given}).body == body, given
    assert alice.get(path).status == 400
    with zipfile.ZipFile(io.BytesIO(alice.get(f"{path}?zip=true").body)) as opened:
        assert sorted(opened.namelist()) == ["a.txt", "deep/b.log"]
    assert alice.get(f"{path}/nothing").status == 404


def test_uploads_and_folders(service: LocalService, alice: User, tree: Path) -> None:
    path = f"files/ops/local/{tree.name}"
    made = alice.post(f"{path}/new/up.bin", part(b"\0\1up"), headers=MULTIPART)
    assert (made.status, (tree / "new" / "up.bin").read_bytes()) == (200, b"\0\1up")
    assert alice.post(f"{path}/new/up.bin", part(b"\0\1up"), headers=MULTIPART).status == 200
    assert alice.post(f"{path}/a.txt", part(b"other"), headers=MULTIPART).status == 403
    assert (tree / "a.txt").read_text() == "0123456789", "nothing is replaced"
    assert alice.post(f"{path}/x", part(b"x", "other"), headers=MULTIPART).status == 400
    for bad in (".jobsync/x", f"{tree.name}/.x", f"{tree.name}/leak/x", "../x"):
        reply = alice.post(f"files/ops/local/{bad}", part(b"x"), headers=MULTIPART)
        assert reply.status == 403, bad
    assert alice.post("files/ops/archive/x", part(b"x"), headers=MULTIPART).status == 403
    for _ in range(2):
        assert alice.post("files/ops/local", {"path": f"{tree.name}/m/n"}).status == 200
    assert (tree / "m" / "n").is_dir()
    wrong: list[dict[str, str]] = [{}, {"path": ""}, {"path": f"{tree.name}/a.txt"}]
    for body in wrong:
        assert alice.post("files/ops/local", body).status == 400
    for bad in ("../x", f"{tree.name}/leak/x", ".x"):
        assert alice.post("files/ops/local", {"path": bad}).status == 403


def test_deleting(
    service: LocalService, alice: User, bob: User, app: Callable[..., str], tree: Path
) -> None:
    job = alice.run(app(), archiveSystemId="archive", archiveSystemDir=f"/{alice.name}/keep/x")
    default = alice.run(app(), archiveSystemId="archive")
    for path in (f"local/{tree.name}/a.txt", f"local/{tree.name}", f"archive/{alice.name}",
                 f"archive/jobs/{default['uuid']}", "archive/jobs"):  # fmt: skip
        assert alice.ask("DELETE", f"files/ops/{path}").status in (403,), path
    assert (tree / "a.txt").exists()
    own = f"archive/{alice.name}/keep/x/tapisjob.out"
    theirs = f"archive/jobs/{default['uuid']}/archive/tapisjob.out"
    grant = {"grantee": bob.name, "jobResource": ["JOB_OUTPUT"], "jobPermission": "READ"}
    for one in (job, default):
        alice.post(f"jobs/{one['uuid']}/share", grant)
    for path in (own, theirs):
        assert bob.get(f"files/content/{path}").status == 200
        assert bob.ask("DELETE", f"files/ops/{path}").status == 403
        assert alice.ask("DELETE", f"files/ops/{path}").status == 200
        assert alice.get(f"files/content/{path}").status == 404
    assert alice.ask("DELETE", f"files/ops/{own}").status == 404


def test_a_folder_of_the_service_is_no_users(
    service: LocalService, alice: User, bob: User, app: Callable[..., str]
) -> None:
    """In the archive, ``/jobs`` holds the outputs of all: no user of either api comes to own it."""
    job = alice.run(app(), archiveSystemId="archive")
    assert bob.get("files/ops/archive/jobs").status == 403
    bearer = {"Authorization": f"Bearer {service.tokens[bob.name]}"}
    body = {"name": "x", "appId": "wc-demo-1.00", "archivePath": "jobs/mine"}
    assert service.call("", "POST", "/jobs/v2", body, headers=bearer).status == 403
    path = f"/files/v2/media/system/archive/jobs/{job['uuid']}/archive/tapisjob.out"
    assert service.call("", "GET", path, headers=bearer).status == 403
    mine = {"Authorization": f"Bearer {service.tokens[alice.name]}"}
    assert service.call("", "GET", path, headers=mine).body == b"ran\n"
