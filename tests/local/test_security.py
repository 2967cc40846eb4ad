"""What must not leak: tokens in logs and answers, and files through work folders."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable

import pytest

from jobsync.testing import LocalService


def test_no_secret_is_logged_or_answered(
    service: LocalService, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = service.tokens[owner]
    secret = base64.b64encode(f"{owner}:{token}".encode()).decode()
    replies = [
        service.call(owner, "GET", f"/jobs/v2?x-nonce={token}&orderBy={token}"),
        service.call(owner, "POST", "/jobs/v2", {"name": "x", "appId": "none-1.0"}),
        service.call("", "GET", f"/jobs/v2?token={token}"),
        service.call("", "GET", "/clients/v2", headers={"Authorization": f"Basic {secret}"}),
        service.call("", "POST", "/token", f"grant_type=password&password={token}".encode()),
        service.call("", "GET", "/jobs/v2", headers={"Authorization": f"Bearer {token}x"}),
    ]
    assert token not in caplog.text
    assert secret not in caplog.text
    # Only the one that was told to echo its own query does.
    assert not [reply for reply in replies[1:] if token.encode() in reply.body]


def test_a_bug_of_ours_answers_in_the_envelope_and_is_logged(
    service: LocalService,
    owner: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service.service.store, "find", None)
    reply = service.call(owner, "GET", "/jobs/v2")
    assert (reply.status, reply.json["message"]) == (500, "Internal error")
    assert "Traceback" in caplog.text
    assert service.tokens[owner] not in caplog.text


@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "../../../etc/passwd",
        "data/../../x",
        ".jobsync/users.json",
        "agave://local/.jobsync/jobs.db",
        "agave://local//.jobsync//users.json",
        "agave://local/%2e%6aobsync/users.json",
        "agave://archive/../users.json",
        "agave://archive/%2e%2e/users.json",
        "link/users.json",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_inputs_reach_neither_tokens_nor_the_system(
    service: LocalService, owner: str, uri: str
) -> None:
    link = service.workspace / "link"
    if not link.exists():
        link.symlink_to(service.state)
    body = {"name": "x", "appId": "wc-demo-1.00", "inputs": {"text": uri}}
    reply = service.call(owner, "POST", "/jobs/v2", body)
    if reply.status == 201:  # /etc/passwd is etc/passwd of the workspace: nothing is there
        job = service.wait(owner, reply.result["id"])
        assert job["status"] == "FAILED"
    else:
        assert reply.status in (400, 403)


def test_another_users_archive_is_no_input(
    service: LocalService, owner: str, new_user: Callable[[], str]
) -> None:
    other = new_user()
    job = service.submit(owner)
    service.wait(owner, job["id"])
    for uri in (
        f"agave://archive/{job['archivePath']}/counts.txt",
        f"{service.url}/jobs/v2/{job['id']}/outputs/media/counts.txt",
    ):
        body = {"name": "x", "appId": "wc-demo-1.00", "inputs": {"text": uri}}
        assert service.call(other, "POST", "/jobs/v2", body).status == 403
        assert service.call(owner, "POST", "/jobs/v2", body).status == 201
