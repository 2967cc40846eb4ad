"""The kinds of services, one folder each, and their table: a new one is a folder and a row.

A folder has ``platform.PLATFORM``, what its jobs mean, and ``connections.CONNECTIONS``, how its
services are reached. The latter is imported when a service is: a manifest needs no HTTP client.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from jobsync.platform import Platform
from jobsync.platforms.connections import Connections

_TABLE = (
    "agave",
)  # fmt: skip
"""The folders. The first is the platform of a target that names none."""

PLATFORMS: Mapping[str, Platform] = {
    platform.name: platform
    for folder in _TABLE
    for platform in (import_module(f"{__name__}.{folder}.platform").PLATFORM,)
}
"""By the name that ``api:`` of a target says."""


def connections_of(platform: Platform) -> Connections:
    """How the services of *platform* are reached."""
    folder = _TABLE[[*PLATFORMS].index(platform.name)]
    module = import_module(f"{__name__}.{folder}.connections")
    connections: Connections = module.CONNECTIONS
    return connections
