"""The service inside a command: reached over HTTP like any other, gone when the command ends.

Each command serves the state folder on a port of its own, and takes its turn at moving jobs along
(:mod:`jobsync.local.leader`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobsync.local.service import Drive, Service, ServiceSettings


@contextmanager
def embedded(
    state_dir: Path,
    workspace: Path,
    user: str,
    *,
    drive: Drive,
    environment: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    """The URL of a service for *workspace* and the token of *user*.

    With ``Drive.STEP`` queued jobs are started while this is open; with ``Drive.OBSERVE`` nothing
    is, but what has happened to running jobs is seen and stops are carried out.

    Raises :class:`~jobsync.errors.LocalServiceError` when it cannot start.
    """
    settings = ServiceSettings(
        state_dir=state_dir,
        workspace=workspace,
        users=(user,),
        apps=(workspace / "apps",),
        environment=environment,
        drive=drive,
    )
    with Service(settings) as service:
        yield service.url, service.tokens[user]
