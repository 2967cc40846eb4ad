"""Logging in and out, against the local service's own token endpoint."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.line.linebench import Bench, serving


def login(bench: Bench, url: str, user: str, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "jobsync", "auth", "login", "--api", "agave/v2"),
            *("--username", user, "--password-stdin"),
        ],
        cwd=bench.folder,
        env={**bench.environ, "TAPIS_BASE_URL": url, "JOBSYNC_TARGET": "env"},
        input=password + "\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_login_keeps_what_every_client_reads_and_nothing_of_the_password(wordcount: Bench) -> None:
    with serving(wordcount, "--user", "alice", "--user", "bob") as (url, tokens):
        environ = {"TAPIS_BASE_URL": url}
        before = wordcount.run("plan", "--target", "env", **environ)
        assert before.code == 1
        assert "no credentials" in before.err

        done = login(wordcount, url, "alice", tokens["alice"])
        assert done.returncode == 0, done.stderr
        kept = wordcount.folder / ".agave/current"
        assert kept.stat().st_mode & 0o777 == 0o600
        context = json.loads(kept.read_text())
        assert {"baseurl", "apikey", "apisecret", "access_token", "refresh_token"} <= set(context)
        assert tokens["alice"] not in kept.read_text()
        assert context["access_token"] not in done.stdout + done.stderr

        status = wordcount.run("auth", "status", "--target", "env", **environ)
        assert f"alice at {url}" in status.out
        assert "current" in status.out
        assert wordcount.run("plan", "--target", "env", **environ).code == 0

        again = wordcount.run("auth", "login", "--target", "env", "--username", "alice", **environ)
        assert again.code == 64 and "no terminal" in again.err, "the saved login tells the api"

        other = login(wordcount, url, "bob", tokens["bob"])
        assert other.returncode == 1, "the login of another user is never taken away"
        assert "log out" in other.stderr
        assert json.loads(kept.read_text()) == context

        assert wordcount.run("auth", "logout", "--target", "env", **environ).code == 0
        assert not kept.exists()


def test_a_wrong_password_leaves_nothing(wordcount: Bench) -> None:
    with serving(wordcount, "--user", "alice") as (url, _):
        done = login(wordcount, url, "alice", "wrong")
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (wordcount.folder / ".agave/current").exists()


@pytest.mark.parametrize("verb", ["login", "logout"])
def test_the_local_service_needs_no_login(wordcount: Bench, verb: str) -> None:
    arguments = ["--username", "alice"] if verb == "login" else []
    done = wordcount.run("auth", verb, *arguments)
    assert done.code == 1
    assert "needs no login" in done.err


def test_status_of_the_local_service(wordcount: Bench) -> None:
    done = wordcount.run("auth", "status")
    assert done.code == 0
    assert ".jobsync" in done.out
