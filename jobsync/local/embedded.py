"""The service of one command: a process of its own, reached over HTTP like any other, and gone when
the command ends, however that ends.

Each command serves the state folder on a port of its own, and takes its turn at moving jobs along
(:mod:`jobsync.local.leader`). A process, because in threads of the command the service, its engine
and the client keep each other from running.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from jobsync.errors import LocalServiceError
from jobsync.local.drive import Drive
from jobsync.local.state import prepare
from jobsync.local.tie import Owner

_PROGRAM = (
    "import sys; sys.path = [p for p in sys.path if p] + sys.argv[1:2]; "
    "from jobsync.local.embedded_service import main; main()"
)
"""Not ``-m``, which would look for modules in the current folder: that is a user's."""

_PATIENCE = 30.0
"""Seconds within which a service that was told to end has finished what is under way."""


class Embedded:
    """An embedded service that is ready: its URL, and the token of the acting user.

    ``is_held`` says whether queued jobs wait because the state folder was adopted.
    """

    def __init__(self, process: subprocess.Popen[bytes], answer: Mapping[str, Any]) -> None:
        self._process = process
        self.url: str = answer["url"]
        self.token: str = answer["token"]
        self.is_held: bool = answer["is_held"]

    def start_jobs(self, *, all_of_them: bool) -> None:
        """Start jobs that are queued from now on.

        With *all_of_them*, also those held since the folder was adopted; for that, a person must
        have confirmed an apply. Raises :class:`LocalServiceError` when that could not be done.
        """
        _tell(self._process, {"start_jobs": all_of_them})
        self.is_held = _answer(self._process)["is_held"]


@contextmanager
def embedded(
    state_dir: Path,
    workspace: Path,
    user: str,
    *,
    drive: Drive,
    environment: Mapping[str, str],
    owner: Owner | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[Embedded]:
    """A service for *workspace* and the token of *user*, which only this process and it know.

    With ``Drive.STEP`` queued jobs are started while this is open; with ``Drive.OBSERVE`` nothing
    is, but what has happened to running jobs is seen and stops are carried out. The service ends
    when this is closed, and when this process ends without closing it. *meanwhile* is called while
    the service gets ready.

    Raises :class:`~jobsync.errors.LocalServiceError` when it cannot start, and
    :class:`~jobsync.local.state.NotTied` for a state folder that is not tied to *owner*.
    """
    if owner is not None:
        prepare(state_dir, owner)
    asked = {
        "state_dir": str(state_dir.absolute()),
        "workspace": str(workspace.absolute()),
        "user": user,
        "drive": drive.value,
        "key": owner.key.hex() if owner is not None else "",
        "environment": dict(environment),
    }
    with _started(asked) as process:
        meanwhile()
        yield Embedded(process, _answer(process))


@contextmanager
def _started(asked: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a service that has been told what to do."""
    package = Path(__file__).parents[2]
    try:
        process = subprocess.Popen(  # noqa: S603 -- our own program in our own Python
            [sys.executable, "-c", _PROGRAM, str(package), "(service of a command)"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the command's, which ends the service in order
        )
    except OSError as error:
        raise LocalServiceError(
            f"the local service cannot be started: {error.strerror or error}",
            hint="see whether this account may start more processes",
        ) from error
    try:
        _tell(process, asked)
        yield process
    finally:
        _end(process)


def _tell(process: subprocess.Popen[bytes], message: Mapping[str, Any]) -> None:
    told, _ = _pipes(process)
    with suppress(BrokenPipeError):  # it has ended: that shows when it does not answer
        told.write(json.dumps(message).encode() + b"\n")
        told.flush()


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the service says once it has done what it was told."""
    _, said = _pipes(process)
    line = said.readline()
    if not line:
        raise LocalServiceError(
            f"the local service of this command has ended (exit code {process.wait()})",
            hint="what it printed above says why; free memory or disk space, then try again",
        )
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise LocalServiceError(answer["error"], hint=answer["hint"])
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have the service end, and wait until it has; jobs run on."""
    told, said = _pipes(process)
    with suppress(OSError):
        told.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
    except BaseException:  # somebody presses Ctrl-C once more
        process.kill()
        raise
    finally:
        process.wait()
        said.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Its standard input and output."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("a process without pipes")
    return process.stdin, process.stdout
