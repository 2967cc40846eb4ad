"""The 15 operations of the seed, by effect, over HTTP and over TLS, as the real SDK sends them.

The SDK itself (agavepy 0.9.5) needs an old environment: give its Python in
``JOBSYNC_AGAVEPY_PYTHON`` and the script that drives it in ``JOBSYNC_AGAVEPY_SCRIPT``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobsync.testing import LocalService, Reply, local_service


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", chain, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


@pytest.fixture(params=["http", "https"])
def service(request: pytest.FixtureRequest, tmp_path: Path, dialect: str) -> Iterator[LocalService]:
    if request.param == "https" and shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate")
    made = certificate(tmp_path) if request.param == "https" else None
    with local_service(
        tmp_path / "w", dialect=dialect, aloe_delay=0.0, certificate=made
    ) as running:
        assert running.url.startswith(request.param + "://")
        yield running
        running.stop_jobs()


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()


def test_the_fifteen_operations(service: LocalService, dialect: str) -> None:
    def ask(method: str, path: str, body: Any = None, status: int = 200) -> Reply:
        reply = service.call("alice", method, f"/jobs/v2/{path}", body)
        assert reply.status == status, reply.body
        return reply

    def acl() -> dict[str, Any]:
        rows = ask("GET", f"{job}/pems").result
        return {row["username"]: row["permission"] for row in rows}

    body = {
        "name": "conformance", "appId": "wc-demo-1.00", "archive": True,
        "archivePath": "",
        "inputs": {"query1": "agave://data.local/in.txt"}, "parameters": {"lines": 5},
        "maxRunTime": "00:10:00", "nodeCount": 1, "processorsPerNode": 1,
        "memoryPerNode": "1GB", "notifications": [],
    }  # fmt: skip
    sent = ask("POST", "", body, 201).result  # 1 submit
    job = sent["id"]
    assert (sent["name"], sent["inputs"]) == ("conformance", {})
    assert [row["id"] for row in ask("GET", "?limit=250&offset=0").result] == [job]  # 2 list
    assert ask("GET", job).result["owner"] == "alice"  # 3 get
    assert ask("GET", f"{job}/status").result["id"] == job  # 4 getStatus
    history = ask("GET", f"{job}/history?limit=250&offset=0").result  # 5 getHistory
    assert all({"status", "created"} <= set(line) for line in history)
    assert list(acl()) == ["alice"]  # 6 listPermissions
    grant = {"username": "otheruser", "permission": "READ"}
    ask("POST", f"{job}/pems", grant, 201)  # 7 updatePermissions
    assert acl()["otheruser"] == {"read": True, "write": False}
    one = ask("GET", f"{job}/pems/otheruser").result  # 8 listPermissionsForUser
    assert one["username"] == "otheruser"
    assert ask("GET", f"{job}/pems/otheruser?limit=250&offset=0").result == one
    ask("POST", f"{job}/pems/otheruser", {"permission": "READ_WRITE"}, 201)  # 9 ...ForUser
    assert acl()["otheruser"] == {"read": True, "write": True}
    ask("DELETE", "%7BjobId%7D/pems/otheruser", None, 404)  # 10, as the SDK sends it
    assert "otheruser" in acl()
    ask("DELETE", f"{job}/pems/otheruser")  # 10 deletePermissionsForUser
    assert list(acl()) == ["alice"]
    ask("POST", f"{job}/pems", grant, 201)
    ask("DELETE", f"{job}/pems")  # 11 deletePermissions
    assert list(acl()) == ["alice"]
    files = _files(service, job)  # 12 listOutputs
    assert all({"name", "path", "type"} <= set(file) for file in files)
    file = next(file for file in files if file["length"])
    raw = ask("GET", f"{job}/outputs/media{file['path']}")  # 13 downloadOutput
    assert len(raw.body) == file["length"]
    assert "json" not in raw.headers["content-type"]
    stopped = ask("POST", job, {"action": "stop"}).json  # 14 manage
    assert ("result" in stopped) is (dialect == "aloe")
    again = ask("POST", job, {"action": "resubmit"}, 202).result
    assert again["id"] != job
    assert "result" not in ask("DELETE", job).json  # 15 delete
    assert [row["id"] for row in ask("GET", "?limit=1000").result] == [again["id"]]
    ask("GET", job, None, 404)
    ask("GET", "no-such-job-007", None, 404)


def _files(service: LocalService, job: str) -> list[dict[str, Any]]:
    """What the job has made, at rest: a wrapper that is listed before is gone from the archive."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        status = service.call("alice", "GET", f"/jobs/v2/{job}/status").result["status"]
        if status == "FINISHED":
            path = f"/jobs/v2/{job}/outputs/listings//?limit=250&offset=0"
            found: list[dict[str, Any]] = service.call("alice", "GET", path).result
            return found
        time.sleep(0.05)
    raise AssertionError(f"the job has not finished: {status}")


SDK = os.environ.get("JOBSYNC_AGAVEPY_PYTHON", "")
SCRIPT = os.environ.get("JOBSYNC_AGAVEPY_SCRIPT", "")


@pytest.mark.skipif(not (SDK and SCRIPT), reason="JOBSYNC_AGAVEPY_PYTHON and _SCRIPT are not set")
def test_the_real_sdk(service: LocalService) -> None:
    # What is read is at rest: what is listed of a running job may be gone when it is downloaded.
    job = service.wait("alice", service.submit("alice", archivePath="")["id"])["id"]
    done = subprocess.run(
        [SDK, SCRIPT, service.url, service.tokens["alice"], "--job", job],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "15/15 operations PASS", done.stdout
    assert done.returncode == 0
