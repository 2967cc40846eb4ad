"""The service of a command ends with it, however it ends, and before another one answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.local import orphans
from jobsync.local.drive import Drive
from jobsync.local.embedded import embedded
from jobsync.local.engine import processes

SCRIPT = Path(__file__).with_name("embedded_command.py")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".jobsync"


@pytest.fixture
def command(state: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command whose service is ready, with a job that runs for half a minute."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(state), str(tmp_path), "alice", "step", "60", "30"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline().startswith("http")
    assert process.stdout.readline()
    yield process
    process.kill()
    process.communicate()
    for service in services(state):
        processes.kill(service)


def services(state: Path) -> list[int]:
    """The services of commands that live."""
    pids = [int(path.name) for path in (state / orphans.FOLDER).iterdir()]
    return [pid for pid in pids if processes.identity(pid) is not None]


def wait_until_gone(pid: int, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while processes.identity(pid) is not None:
        assert time.monotonic() < end, "still there"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_service_of_a_command_that_is_killed_ends(
    state: Path, command: subprocess.Popen[str], number: signal.Signals
) -> None:
    [service] = services(state)
    command.send_signal(number)
    command.wait(30)
    wait_until_gone(service)


def test_ctrl_c_reaches_the_command_alone(state: Path, command: subprocess.Popen[str]) -> None:
    """A terminal sends it to a whole group; the command needs its service to end in order."""
    [service] = services(state)
    assert os.getpgid(service) != os.getpgid(command.pid)
    os.kill(service, signal.SIGINT)
    time.sleep(0.2)
    assert services(state) == [service]
    os.killpg(command.pid, signal.SIGINT)
    command.wait(30)
    wait_until_gone(service)


def test_a_service_that_outlives_its_command_is_ended_before_another_answers(
    state: Path, command: subprocess.Popen[str], tmp_path: Path
) -> None:
    """What a killed command sent could else arrive after the next one has looked for it."""
    [service] = services(state)
    os.kill(service, signal.SIGSTOP)
    command.kill()
    command.wait()
    assert services(state) == [service]
    with embedded(state, tmp_path, "alice", drive=Drive.OBSERVE, environment=os.environ):
        assert service not in services(state)
        assert len(services(state)) == 1
    assert services(state) == []


def test_a_command_beside_another_leaves_its_service_alone(
    state: Path, command: subprocess.Popen[str], tmp_path: Path
) -> None:
    [service] = services(state)
    with embedded(state, tmp_path, "bob", drive=Drive.OBSERVE, environment=os.environ):
        assert service in services(state) and len(services(state)) == 2
    assert services(state) == [service]


def test_modules_in_the_current_folder_are_not_ours(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "jobsync", "sqlite3", "werkzeug"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user')\n")
    monkeypatch.chdir(tmp_path)
    with embedded(state, tmp_path, "alice", drive=Drive.OBSERVE, environment=os.environ) as found:
        assert found.url.startswith("http://127.0.0.1:")
