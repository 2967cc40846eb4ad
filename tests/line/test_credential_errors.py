"""What an error of the service advises works when it is typed."""

from __future__ import annotations

import json
import socket

from tests.line.linebench import Lab


def test_a_token_that_is_not_accepted_names_where_it_came_from(lab: Lab) -> None:
    done = lab.run("jobs", "list", TAPIS_TOKEN="wrong")
    assert done.code == 1
    assert "the token is from TAPIS_TOKEN: set a valid one" in done.err
    assert done.err.count("900901") == 1, done.err
    folder = lab.folder / ".agave"
    folder.mkdir()
    login = {"baseurl": lab.service.url, "username": "alice", "access_token": "wrong"}
    (folder / "current").write_text(json.dumps(login))
    del lab.environ["TAPIS_TOKEN"]
    done = lab.run("auth", "status", "--target", "env")
    assert done.code == 1
    assert f"the token is from {folder / 'current'}: jobsync auth login --target env" in done.err


def test_in_ci_the_secret_is_named(lab: Lab) -> None:
    done = lab.run("jobs", "list", TAPIS_TOKEN="wrong", CI="1")
    assert done.code == 1
    first, second = done.err.splitlines()[:2]
    assert first.startswith("Error: TAPIS_TOKEN is refused (expired or revoked): "), first
    assert second.strip() == "put a new one into the secret that CI gives as TAPIS_TOKEN"


def test_a_service_that_does_not_answer(lab: Lab) -> None:
    """The host, what it was asked in words, the cause and the next step; the URL with ``-v``."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    lab.write("one: {appId: wc-demo-1.00}")
    for words, asks in (
        (("auth", "status", "--target", "env"), "say who you are"),
        (("jobs", "list"), "list jobs"),
        (("jobs", "show", "7"), "show job 7"),
    ):
        done = lab.run(*words, TAPIS_BASE_URL=f"http://{host}")
        assert done.code == 1
        assert done.err == (
            f"Error: no answer: Connection refused (asked {host} to {asks})\n"
            "  check that the base URL is right, the network is up, and the service runs\n"
        )
    done = lab.run("plan", "-v", "--target", "env", TAPIS_BASE_URL=f"http://{host}")
    assert f"http://{host}/profiles/v2/me" in done.err


def test_a_job_that_is_not_there_names_the_list_of_those_that_are(lab: Lab) -> None:
    for command in (("jobs", "show", "nosuch"), ("import", "123")):
        done = lab.run(*command, "--target", "env")
        assert done.code == 1
        assert "No job found" in done.err
        assert "the jobs that you can see: jobsync jobs list --target env" in done.err


def test_nobody_is_asked_where_nobody_is(lab: Lab) -> None:
    for words, missing in (((), "--username"), (("--username", "x"), "--password-stdin")):
        done = lab.run("auth", "login", "--target", "env", *words)
        assert done.code == 64, done
        assert missing in done.err and "Password" not in done.err.replace("--password", "")
