"""The service inside a command: reached over HTTP like any other, gone when the command ends.

Each command serves the state folder on a port of its own, and takes its turn at moving jobs along
(:mod:`jobsync.local.leader`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobsync.local.service import Drive, Service, ServiceSettings
from jobsync.local.tie import Owner


@contextmanager
def embedded(
    state_dir: Path,
    workspace: Path,
    user: str,
    *,
    drive: Drive,
    environment: Mapping[str, str],
    owner: Owner | None = None,
) -> Iterator[tuple[Service, str]]:
    """A service for *workspace* and the token of *user*, which only this process knows.

    With ``Drive.STEP`` queued jobs are started while this is open; with ``Drive.OBSERVE`` nothing
    is, but what has happened to running jobs is seen and stops are carried out.

    Raises :class:`~jobsync.errors.LocalServiceError` when it cannot start, and
    :class:`~jobsync.local.state.NotTied` for a state folder that is not tied to *owner*.
    """
    settings = ServiceSettings(
        state_dir=state_dir,
        workspace=workspace,
        acting=user,
        owner=owner,
        apps=(workspace / "apps",),
        environment=environment,
        drive=drive,
    )
    with Service(settings) as service:
        yield service, service.tokens[user]
