"""What an error of the service advises works when it is typed."""

from __future__ import annotations

import json

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
