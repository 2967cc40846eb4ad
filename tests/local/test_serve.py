"""``jobsync serve`` as a process: first line, users, signals, restarts, bad command lines."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local.test_conformance import certificate

SERVE = [sys.executable, "-c", "from jobsync.cli.main import main; main()", "serve"]


@contextmanager
def serving(
    folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """A running command: (process, url, {name: token})."""
    process = subprocess.Popen(
        [*SERVE, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate(timeout=10)
        state = folder / ".jobsync"
        yield process, url, json.loads((state / "users.json").read_text())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def call(
    url: str,
    token: str,
    method: str = "GET",
    path: str = "/jobs/v2",
    body: Any = None,
    **headers: str,
) -> tuple[int, Any]:
    host = urllib.parse.urlsplit(url).netloc
    connection = http.client.HTTPConnection(host, timeout=20)
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    connection.request(method, path, json.dumps(body) if body else None, head)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    return answer.status, json.loads(raw) if raw else None


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_the_first_line_is_the_url_alone_and_users_are_made(tmp_path: Path) -> None:
    with serving(tmp_path, "--user", "alice", "--user", "bob") as (process, url, tokens):
        assert sorted(tokens) == ["alice", "bob"]
        assert call(url, tokens["bob"], path="/profiles/v2/me")[1]["result"]["username"] == "bob"
        code, out, err = ended(process)
    assert (code, out) == (0, "")
    assert "alice, bob" in err
    assert str(tmp_path / ".jobsync" / "users.json") in err
    assert f"export TAPIS_BASE_URL={url} TAPIS_TOKEN=" in err
    assert "jobsync jobs list" in err
    assert not any(token in err + out for token in tokens.values())
    assert (tmp_path / ".jobsync" / "users.json").stat().st_mode & 0o777 == 0o600


def test_the_next_command_to_type_works(tmp_path: Path) -> None:
    with serving(tmp_path, "--user", "alice") as (process, url, tokens):
        job = {"name": "hello", "appId": "wc-demo-1.00"}
        call(url, tokens["alice"], "POST", "/jobs/v2", job)
        lines = []
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.strip())
            if line.startswith("  jobsync"):
                break
        command = "\n".join(lines[-2:]).replace("jobsync jobs", f"{sys.executable} -m jobsync jobs")
        environ = {key: value for key, value in os.environ.items() if not key.startswith("TAPIS")}
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False,
            cwd=tmp_path, env=environ,
        )  # fmt: skip
        assert "hello" in done.stdout, done.stderr


def test_without_a_user_it_is_whoever_runs_it(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url, tokens):
        [token] = tokens.values()
        assert call(url, token)[0] == 200
        assert ended(process)[0] == 0


def test_sigterm_drains_and_running_jobs_run_on(tmp_path: Path) -> None:
    job = {"name": "long", "appId": "wc-demo-1.00", "parameters": {"seconds": 2}}
    with serving(tmp_path, "--user", "alice", "--fault", "slow,seconds=60,on=status") as (
        process, url, tokens,
    ):  # fmt: skip
        token = tokens["alice"]
        made = call(url, token, "POST", "/jobs/v2", job)[1]["result"]["id"]
        while call(url, token, path=f"/jobs/v2/{made}")[1]["result"]["status"] != "RUNNING":
            time.sleep(0.02)
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(call(url, token, path=f"/jobs/v2/{made}/status"))
        )
        waiting.start()
        while not call(url, token, path="/_faults")[1]["faults"][0]["hits"]:
            time.sleep(0.02)
        began = time.monotonic()
        code, _, err = ended(process)
        waiting.join()
    assert code == 0
    assert time.monotonic() - began < 30
    assert answers[0][1]["result"]["status"] == "RUNNING"  # the request under way was answered
    assert "Traceback" not in err
    with serving(tmp_path, "--user", "alice", "--keep-tokens") as (process, url, tokens):
        assert tokens["alice"] == token
        until = time.monotonic() + 20
        status = ""
        while status not in ("FINISHED", "FAILED"):
            assert time.monotonic() < until, status
            time.sleep(0.05)
            status = call(url, token, path=f"/jobs/v2/{made}/status")[1]["result"]["status"]
        assert status == "FINISHED"
        assert ended(process, signal.SIGINT)[0] == 0


def test_state_survives_kill_9(tmp_path: Path) -> None:
    with serving(tmp_path, "--user", "alice") as (process, url, tokens):
        job = {"name": "kept", "appId": "wc-demo-1.00"}
        made = call(url, tokens["alice"], "POST", "/jobs/v2", job)[1]["result"]["id"]
        process.kill()
        process.wait()
    with serving(tmp_path, "--user", "bob") as (process, url, tokens):
        assert sorted(tokens) == ["alice", "bob"]
        assert call(url, tokens["alice"], path=f"/jobs/v2/{made}")[0] == 200


def test_aloe_and_faults_and_apps_by_option(tmp_path: Path) -> None:
    app = tmp_path / "more" / "mine"
    app.mkdir(parents=True)
    (app / "app.json").write_text('{"name":"mine","version":"1.0","templatePath":"w.sh"}')
    (app / "w.sh").write_text("echo hi\n")
    options = ["--user", "alice", "--dialect", "aloe", "--apps", "more", "--fault", "throttle"]
    with serving(tmp_path, *options) as (_, url, tokens):
        assert call(url, tokens["alice"])[0] == 429
        status, document = call(url, tokens["alice"], path="/apps/v2/mine-1.0")
        assert (status, document["version"] > "2.2.22-r7deb380") == (200, True)
        assert call(url, "", path="/_faults")[0] == 200


def test_tls_by_option(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate")
    chain, key = certificate(tmp_path)
    process = subprocess.Popen(
        [*SERVE, "--user", "alice", "--tls-cert", chain, "--tls-key", key],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("https://127.0.0.1:")
        token = json.loads((tmp_path / ".jobsync" / "users.json").read_text())["alice"]
        reply = requests.get(
            f"{url}/jobs/v2",
            headers={"Authorization": f"Bearer {token}"},
            verify=str(chain),
            timeout=20,
        )
        assert (reply.status_code, reply.json()["result"]) == (200, [])
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tls-cert", "chain.pem"], "--tls-key is missing"),
        (["--tls-key", "chain.pem"], "--tls-cert is missing"),
        (["--tls-cert", "chain.pem", "--tls-key", "chain.pem"], "not a certificate and its key"),
    ],
)
def test_what_is_no_certificate_is_said(tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "chain.pem").write_text("nothing")
    done = subprocess.run(
        [*SERVE, *options], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_state_and_workspace_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    process = subprocess.Popen(
        [*SERVE, "--user", "alice", "--workspace", "w", "--state", "s/t"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://")
    assert ended(process)[0] == 0
    assert (tmp_path / "s" / "t" / "users.json").exists()
    assert not (tmp_path / "w" / ".jobsync").exists()


def refused(folder: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [*SERVE, *options], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_refusals(tmp_path: Path) -> None:
    assert refused(tmp_path, "--user", "World!")[0] == 1
    assert refused(tmp_path, "--user", "world")[0] == 1
    code, text = refused(tmp_path, "--host", "0.0.0.0")
    assert (code, "--i-am-behind-tls" in text) == (1, True)
    code, text = refused(tmp_path, "--fault", "nonsense")
    assert (code, "throttle" in text) == (1, True)
    assert refused(tmp_path, "--dialect", "v3")[0] == 64
    (tmp_path / "file").write_text("x")
    assert refused(tmp_path, "--state", "file/x")[0] == 1


def test_a_taken_port_is_one_clear_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = refused(tmp_path, "--port", str(port))
    assert (code, f"127.0.0.1:{port}" in text, "--port 0" in text) == (1, True, True)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_users_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / ".jobsync").mkdir()
    (tmp_path / ".jobsync" / "users.json").write_text(content)
    assert refused(tmp_path)[0] == 4
    subprocess.run([*SERVE, "--adopt-state"], cwd=tmp_path, check=True, timeout=30)
    code, text = refused(tmp_path)
    assert (code, "users.json" in text) == (1, True)


def test_two_services_on_one_folder(tmp_path: Path) -> None:
    with serving(tmp_path, "--user", "alice"):
        code, text = refused(tmp_path, "--user", "alice")
    assert (code, "another jobsync serve" in text) == (1, True)


def test_another_process_wakes_the_engine(tmp_path: Path) -> None:
    """A job stored by another process, as an embedded command does, is started too."""
    from jobsync.local.store.database import Store
    from jobsync.local.store.rows import JobRow

    def wait_for_the_end(store: Store, job_id: str) -> None:
        until = time.monotonic() + 30
        while (job := store.job(job_id)) is None or job.status not in ("FINISHED", "FAILED"):
            assert time.monotonic() < until, job
            time.sleep(0.05)

    with serving(tmp_path, "--user", "alice") as (_, url, tokens):
        store = Store(tmp_path / ".jobsync" / "jobs.db")
        # Once a job of its own has ended, the service has nothing to do and looks rarely.
        own = {"name": "own", "appId": "wc-demo-1.00"}
        wait_for_the_end(store, call(url, tokens["alice"], "POST", body=own)[1]["result"]["id"])
        row = JobRow("1-007", "alice", "x", "wc-demo-1.00", archive=False, queue="debug",
                     request={"parameters": {"lines": 1}})  # fmt: skip
        store.insert_job(row, "from outside")
        wait_for_the_end(store, "1-007")
        store.close()


def test_it_comes_back_under_the_same_url(tmp_path: Path) -> None:
    """The URL names the service in journals: a submit in doubt is looked for under the same."""
    urls = set()
    for _ in range(3):
        with serving(tmp_path, "--user", "alice") as (process, url, _):
            urls.add(url)
            assert ended(process)[0] == 0
    assert len(urls) == 1
    with serving(tmp_path, "--port", "0") as (process, other, _):
        assert other not in urls
        assert ended(process)[0] == 0
    with serving(tmp_path) as (_, url, _):
        assert url == other, "the last one counts"


@pytest.mark.parametrize("left", ["x", "", "80\n", "65536", "-1", "9" * 100, "\x00"])
def test_what_is_no_port_is_not_believed(tmp_path: Path, left: str) -> None:
    (tmp_path / ".jobsync").mkdir(mode=0o700)
    (tmp_path / ".jobsync" / "port").write_text(left)
    with serving(tmp_path) as (process, _, _):
        assert "Warning" not in ended(process)[2]


def test_a_port_that_is_taken_meanwhile_is_said(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url, _):
        ended(process)
    port = urllib.parse.urlsplit(url).port
    with (
        socket.create_server(("127.0.0.1", port)),
        serving(tmp_path) as (process, other, _),
    ):
        assert other != url
        assert (
            f"Warning: port {port}, which this service used before, is in use" in ended(process)[2]
        )
