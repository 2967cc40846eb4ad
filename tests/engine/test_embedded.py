"""The embedded service: several commands on one state folder, one loop, and what starts when."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobsync.errors import LocalServiceError, NotFound
from jobsync.local.embedded import embedded as _embedded
from jobsync.local.engine import processes
from jobsync.local.service import Drive
from jobsync.local.store.database import Store
from jobsync.platforms.agave.connections import connect_reader
from jobsync.platforms.agave.credentials import explicit
from tests.engine.embedded_command import call

Command = subprocess.Popen[str]
Run = Callable[..., Command]
SCRIPT = Path(__file__).with_name("embedded_command.py")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".jobsync"


@pytest.fixture
def run(state: Path, tmp_path: Path) -> Iterator[Run]:
    """Start a command; it stays until its standard input closes."""
    commands: list[Command] = []

    def start(user: str, drive: str, app: str = "") -> Command:
        arguments = [str(state), str(tmp_path), user, drive, "30", *([app] if app else [])]
        commands.append(
            subprocess.Popen(
                [sys.executable, str(SCRIPT), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return commands[-1]

    yield start
    for command in commands:
        if command.poll() is None:
            command.kill()
        command.wait()
        for stream in (command.stdin, command.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def embedded(
    state: Path, workspace: Path, user: str, drive: Drive = Drive.STEP
) -> Iterator[tuple[str, str]]:
    with _embedded(state, workspace, user, drive=drive, environment=os.environ) as service:
        yield service.url, service.token


def line(command: Command) -> str:
    assert command.stdout is not None
    return command.stdout.readline().strip()


def finish(command: Command) -> list[str]:
    assert command.stdin is not None and command.stdout is not None
    command.stdin.close()
    rest = command.stdout.read().split()
    assert command.wait(20) == 0
    return rest


def status(state: Path, job_id: str) -> str:
    store = Store(state / "jobs.db")
    try:
        row = store.job(job_id)
        assert row is not None
        return row.status
    finally:
        store.close()


def until(state: Path, job_id: str, wanted: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while status(state, job_id) != wanted:
        assert time.monotonic() < deadline, status(state, job_id)
        time.sleep(0.02)


def test_state_folder_is_private_and_out_of_git(state: Path, tmp_path: Path) -> None:
    with embedded(state, tmp_path, "alice") as (url, token):
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert not (state / "users.json").exists(), "only this process knows the token"
        assert token.encode() not in (state / "jobs.db").read_bytes()
        assert (state / ".gitignore").read_text() == "*\n"
        me = call(url, token, "/profiles/v2/me")
        assert isinstance(me, dict) and me["username"] == "alice"
    with embedded(state, tmp_path, "alice") as (_, again):
        assert again != token


def test_two_commands_at_once(run: Run, state: Path) -> None:
    first = run("alice", "step", "0")
    line(first)
    job = line(first)
    second = run("bob", "step", "0")
    line(second)
    until(state, job, "FINISHED")
    until(state, line(second), "FINISHED")
    assert finish(second) == ["FINISHED"]
    assert finish(first) == ["FINISHED"]


def test_work_of_one_goes_on_when_the_one_with_the_loop_leaves(run: Run, state: Path) -> None:
    first = run("alice", "step")
    line(first)
    second = run("bob", "step", "1")
    line(second)
    job = line(second)
    assert finish(first) == []
    until(state, job, "FINISHED")
    assert finish(second) == ["FINISHED"]


def test_killed_and_another_takes_over(run: Run, state: Path) -> None:
    first = run("alice", "step", "1")
    line(first)
    job = line(first)
    line(run("bob", "step"))
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(state, job, "FINISHED")


def test_read_command_starts_nothing_and_looks_after_what_runs(run: Run, state: Path) -> None:
    apply = run("alice", "step", "1")
    line(apply)
    job = line(apply)
    until(state, job, "RUNNING")
    apply.send_signal(signal.SIGKILL)
    apply.wait()
    reader = run("alice", "observe", "0")
    line(reader)
    waiting = line(reader)
    until(state, job, "FINISHED")
    assert status(state, waiting) == "PENDING"
    assert finish(reader) == ["PENDING"]


def test_apply_beside_a_read_command_starts_work(run: Run, state: Path) -> None:
    line(run("alice", "observe"))
    apply = run("alice", "step", "0")
    line(apply)
    until(state, line(apply), "FINISHED")


def test_stop_reaches_a_waiting_job_under_a_read_command(state: Path, tmp_path: Path) -> None:
    with embedded(state, tmp_path, "alice", drive=Drive.OBSERVE) as (url, token):
        body = {"name": "x", "appId": "wc-demo-1.00"}
        job = call(url, token, "/jobs/v2/", body)
        assert isinstance(job, dict)
        call(url, token, f"/jobs/v2/{job['id']}", {"action": "stop"})
        assert status(state, str(job["id"])) == "STOPPED"


def test_many_commands_at_once_have_one_loop(run: Run, state: Path) -> None:
    commands = [run("alice", "step", "0") for _ in range(5)]
    for command in commands:
        line(command)
    jobs = [line(command) for command in commands]
    for job in jobs:
        until(state, job, "FINISHED")
    store = Store(state / "jobs.db")
    for job in jobs:
        words = [event.status for event in store.events(job)]
        assert len(words) == len(set(words)), words
    store.close()


def test_folder_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(LocalServiceError, match="cannot use"),
        embedded(tmp_path / "file" / "state", tmp_path, "alice"),
    ):
        pass


def test_a_bad_app_leaves_the_others(tmp_path: Path, state: Path) -> None:
    folder = tmp_path / "apps" / "bad"
    folder.mkdir(parents=True)
    (folder / "app.json").write_text('{"name": "bad",\n "version": }')
    with (
        embedded(state, tmp_path, "alice") as (url, token),
        connect_reader(url, explicit(url, token)) as reader,
    ):
        assert reader.app("wc-demo-1.00") is not None
        with pytest.raises(NotFound):
            reader.app("bad-1.0")


def test_job_lost_with_the_machine_is_failed_at_the_first_look(run: Run, state: Path) -> None:
    apply = run("alice", "step", "30")
    line(apply)
    job = line(apply)
    until(state, job, "RUNNING")
    apply.send_signal(signal.SIGKILL)
    apply.wait()
    store = Store(state / "jobs.db")
    row = store.job(job)
    assert row is not None and row.native_id is not None
    os.killpg(int(row.native_id.split(".")[0]), signal.SIGKILL)
    while processes.is_alive(row.native_id):
        time.sleep(0.01)
    with embedded(state, state.parent, "alice", Drive.OBSERVE) as (url, token):
        seen = call(url, token, f"/jobs/v2/{job}")
    assert isinstance(seen, dict)
    assert (seen["status"], "without an exit record" in seen["message"]) == ("FAILED", True)
    store.close()


def test_a_command_starts_a_service_and_imports_none() -> None:
    """Every command on the target `local` would wait for what only the service needs."""
    program = (
        "import sys, jobsync.local.users, jobsync.local.embedded; "
        "print(sorted({'werkzeug', 'waitress', 'regex'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
