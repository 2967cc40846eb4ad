"""A manifest set and a service, for whatever platform of the table a target names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from jobsync import manifest
from jobsync.backend import Backend, Reader
from jobsync.manifest import OutputsFolder
from jobsync.model import DesiredState, Target
from jobsync.platform import platform_of
from jobsync.platforms import PLATFORMS, connections_of
from jobsync.platforms.connections import Account
from jobsync.platforms.environment import in_environment

_AS_THE_SET_SAYS = OutputsFolder()


def load(
    paths: str | Path | Sequence[str | Path],
    *,
    target: str | Target | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    permitted: Collection[str] | None = None,
    outputs: OutputsFolder = _AS_THE_SET_SAYS,
) -> DesiredState:
    """All that the manifests under *paths* declare: see :func:`jobsync.manifest.load`."""
    return manifest.load(
        _several(paths),
        platforms=PLATFORMS,
        target=target,
        variables=variables,
        environ=environ,
        permitted=permitted,
        outputs=outputs,
        in_environment=in_environment,
    )


def load_each(
    paths: str | Path | Sequence[str | Path],
    *,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    permitted: Collection[str] | None = None,
    outputs: OutputsFolder = _AS_THE_SET_SAYS,
) -> list[DesiredState]:
    """The same for each api that the files name: see :func:`jobsync.manifest.load_each`."""
    return manifest.load_each(
        _several(paths),
        platforms=PLATFORMS,
        variables=variables,
        environ=environ,
        permitted=permitted,
        outputs=outputs,
        in_environment=in_environment,
    )


def connect(target: Target, token: str) -> AbstractContextManager[Backend]:
    """The service of *target* as the user of *token*, to be changed: see :mod:`jobsync.backend`."""
    from jobsync.http.connection import Connection

    return _account(target, token).backend(Connection(concurrency=target.concurrency))


def connect_reader(target: Target, token: str) -> AbstractContextManager[Reader]:
    """The same service, only to be read: nothing is sent that changes anything."""
    from jobsync.http.connection import Connection

    return _account(target, token).reader(Connection(concurrency=target.concurrency))


def _account(target: Target, token: str) -> Account:
    connections = connections_of(platform_of(target, PLATFORMS))
    return connections.account_of(target.base_url, token)


def _several(paths: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    return (paths,) if isinstance(paths, (str, Path)) else paths
