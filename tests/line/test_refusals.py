"""What goes wrong in daily use: one clear message, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from jobsync.cli.main import COMMANDS, cli
from tests.line.linebench import Bench, serving


@pytest.mark.parametrize("command", ["plan", "apply", "validate", "drift"])
def test_a_missing_manifest(wordcount: Bench, command: str) -> None:
    done = wordcount.run(command, "nosuch.yaml")
    assert done.code == 1
    assert "nosuch.yaml" in done.err


def test_a_folder_without_manifests(wordcount: Bench) -> None:
    (wordcount.folder / "empty").mkdir()
    done = wordcount.run("plan", "empty")
    assert done.code == 1
    assert "jobsync init" in done.err


def test_an_app_that_the_service_does_not_have(wordcount: Bench) -> None:
    wordcount.edit("wordcount.yaml", "wordcount-1.0", "nosuch-1.0")
    done = wordcount.run("plan")
    assert done.code == 1
    assert "wordcount.yaml:8:" in done.err
    assert "nosuch-1.0" in done.err


def test_an_input_that_is_not_there(wordcount: Bench) -> None:
    wordcount.edit("wordcount.yaml", "data/text.txt", "data/none.txt")
    done = wordcount.run("plan")
    assert done.code == 1
    assert "wordcount.yaml:10:" in done.err
    assert "data/none.txt" in done.err


def test_a_damaged_database_of_the_local_service(wordcount: Bench) -> None:
    assert wordcount.run("status").code == 0
    database = wordcount.folder / ".jobsync" / "jobs.db"
    for leftover in database.parent.glob("jobs.db*"):
        leftover.unlink()
    database.write_text("this is no database\n" * 100)
    done = wordcount.run("status")
    assert done.code == 1 and done.out == ""
    assert f"Error: {database} cannot be used: file is not a database" in done.err
    assert f"delete the folder {database.parent}" in done.err


def test_a_database_of_the_local_service_that_cannot_be_opened(wordcount: Bench) -> None:
    assert wordcount.run("status").code == 0
    for leftover in (wordcount.folder / ".jobsync").glob("jobs.db*"):
        leftover.unlink()
    (wordcount.folder / ".jobsync" / "jobs.db").mkdir()
    done = wordcount.run("status")
    assert done.code == 1 and "jobs.db cannot be used: unable to open" in done.err
    assert "can write to it" in done.err and "delete" not in done.err


def test_a_state_folder_that_is_a_file(wordcount: Bench) -> None:
    (wordcount.folder / ".jobsync").write_text("")
    done = wordcount.run("status")
    assert done.code == 1 and "for state: Not a directory" in done.err
    assert "this account can write to" in done.err


def test_a_wrong_token(wordcount: Bench) -> None:
    with serving(wordcount) as (url, _):
        done = wordcount.run("plan", "--target", "env", TAPIS_BASE_URL=url, TAPIS_TOKEN="wrong")
    assert done.code == 1
    assert "Invalid Credentials" in done.err


def test_a_service_that_is_down(wordcount: Bench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = wordcount.run("plan", "--target", "env", TAPIS_BASE_URL=url, TAPIS_TOKEN="x")
    assert done.code == 1
    assert url.removeprefix("http://") in done.err
    assert "refused" in done.err
    assert "check that the base URL is right" in done.err


def test_a_token_is_never_sent_in_clear(wordcount: Bench) -> None:
    done = wordcount.run(
        "plan", "--target", "env", TAPIS_BASE_URL="http://192.0.2.1", TAPIS_TOKEN="secret-token"
    )
    assert done.code == 1
    assert "https://" in done.err
    assert "secret-token" not in done.err


def test_a_port_that_is_taken(wordcount: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = wordcount.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 1
    assert "in use" in done.err


@pytest.mark.parametrize(
    "arguments", [("plan", "--nosuch"), ("nosuch",), ("plan", "--only", "x"), ("resolve", "count")]
)
def test_usage_errors_are_64(wordcount: Bench, arguments: tuple[str, ...]) -> None:
    assert wordcount.run(*arguments).code == 64


def paths_of(command: click.Command) -> Iterator[click.Path]:
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            yield parameter.type
    for below in getattr(command, "commands", {}).values():
        yield from paths_of(below)


def test_whether_a_file_can_be_read_is_never_left_to_the_command_line() -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert not [path for path in paths_of(command) if path.readable], name


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize(
    "arguments", [("validate", "wordcount.yaml"), ("validate", "."), ("show", "wordcount.yaml")]
)
def test_a_file_that_cannot_be_read(wordcount: Bench, arguments: tuple[str, ...]) -> None:
    (wordcount.folder / "wordcount.yaml").chmod(0)
    done = wordcount.run(*arguments)
    assert done.code == 1 and "cannot be read: permission denied" in done.err.lower()


def test_in_ci_the_local_service_is_chosen_and_never_fallen_into(wordcount: Bench) -> None:
    wordcount.edit("wordcount.yaml", "target: local\n", "")
    done = wordcount.run("plan", CI="true")
    assert done.code == 1
    assert "--target local" in done.err
    assert wordcount.run("plan", "--target", "local", CI="true").code == 0


def test_output_to_a_reader_that_left_is_no_error(wordcount: Bench) -> None:
    process = wordcount.start("plan")
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""


def test_a_full_disk_under_the_output_is_said(wordcount: Bench) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "jobsync", "plan"],
            cwd=wordcount.folder,
            env=wordcount.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_that_is_not_utf_8(wordcount: Bench) -> None:
    done = wordcount.run("plan", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.code == 0, done.err


def test_bob_reads_what_was_shared_and_nothing_else(wordcount: Bench) -> None:
    assert wordcount.run("apply", "--auto-approve").code == 0
    (job,) = wordcount.jobs()
    shutil.copy(wordcount.folder / "data/text.txt", wordcount.folder / "private.txt")
    with serving(wordcount, "--user", "bob", "--user", "carol") as (url, tokens):

        def run(user: str, *arguments: str, code: int = 0) -> str:
            environ = {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": tokens[user]}
            done = wordcount.run("jobs", *arguments, "--target", "env", **environ)
            assert done.code == code, done.err
            return done.out + done.err

        assert job["id"] in run("bob", "list")
        assert "FINISHED" in run("bob", "status", job["id"])
        assert "counts.txt" in run("bob", "outputs-list", job["id"])
        assert "does not have permission" in run(
            "bob", "pems-grant", job["id"], "carol", "READ", code=1
        )
        assert "permission" in run("bob", "cancel", job["id"], code=1)
        assert "permission" in run("bob", "delete", job["id"], code=1)
        assert job["id"] not in run("carol", "list")
        assert "permission" in run("carol", "show", job["id"], code=1)
        assert "permission" in run("carol", "outputs-list", job["id"], code=1)

        record = json.loads(run("bob", "show", job["id"], "--format", "json"))
        archive = record["archivePath"]
        for path in (
            "agave://local/.jobsync/users.json",
            "agave://local/.jobsync/jobs.db",
            "agave://local/x/../.jobsync/users.json",
            f"agave://archive/{archive}/../../../../users.json",
        ):
            assert submit(wordcount, url, tokens["bob"], path) in (400, 403)
        assert (
            submit(wordcount, url, tokens["carol"], f"agave://archive/{archive}/counts.txt") == 403
        )
        assert submit(wordcount, url, tokens["bob"], f"agave://archive/{archive}/counts.txt") == 201


def submit(bench: Bench, url: str, token: str, path: str) -> int:
    """Submit the example's app on *path* and give the status of the answer."""
    import requests

    body = {"name": "steal", "appId": "wordcount-1.0", "inputs": {"text": path}}
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{url}/jobs/v2/", json=body, headers=headers, timeout=30).status_code


def test_completion_scripts(wordcount: Bench) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = wordcount.run("completion", shell)
        assert done.code == 0
        assert "jobsync" in done.out


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("ZeroDivisionError('seeded')", "this is a defect in jobsync: ZeroDivisionError: seeded\n"),
        (
            "OSError(5, 'Input/output error', 'a')",
            "Input/output error: 'a': jobsync cannot continue.",
        ),
        ("ImportError('x.so: cannot open')", "x.so: cannot open: jobsync cannot continue."),
    ],
)
def test_no_traceback_whatever_happens(tmp_path: Path, raised: str, told: str) -> None:
    code = (
        "import sys, jobsync.cli.pipeline as line\n"
        f"def broken(*a): raise {raised}\n"
        "line.load = broken\n"
        "sys.argv = ['jobsync', 'plan']\n"
        "from jobsync.cli.main import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {told}")
    assert "Traceback" not in done.stderr


def test_the_log_names_each_request_and_never_a_token(wordcount: Bench) -> None:
    with serving(wordcount, "--user", "alice") as (url, tokens):
        environ = {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": tokens["alice"]}
        arguments = ("--target", "env", "-v", "--log-file", "requests.log")
        plan = wordcount.run("plan", *arguments, **environ)
        jobs = wordcount.run("jobs", "list", *arguments, **environ)
    log = (wordcount.folder / "requests.log").read_text()
    assert plan.code == jobs.code == 0
    assert f"GET {url}/profiles/v2/me: 200" in log
    assert f"GET {url}/profiles/v2/me: 200" in plan.err
    assert log.count("/jobs/v2/?") >= 2
    assert not any(token in log + plan.err + jobs.err for token in tokens.values())


@pytest.mark.parametrize("account", ["me", "Ada Lovelace", "world", ""])
def test_an_account_whose_name_is_no_user_name(wordcount: Bench, account: str) -> None:
    names = {"LOGNAME": account, "USER": account, "LNAME": account, "USERNAME": account}
    done = wordcount.run("apply", "--auto-approve", **names)
    assert done.code == 0, done.err
