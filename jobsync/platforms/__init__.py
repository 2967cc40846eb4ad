"""The kinds of services, one folder each, and their table: a new one is a folder and a row.

A folder has ``platform.PLATFORM``, what its jobs mean, ``connections.CONNECTIONS``, how its
services are reached, and ``convert.CONVERTER``, what makes manifests of its jobs. The latter two
are imported when they are used: a manifest needs no HTTP client.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from jobsync.errors import SettingsError
from jobsync.platform import Platform
from jobsync.platforms.connections import Connections

if TYPE_CHECKING:
    from jobsync.platforms.converting import Converter

_TABLE = (
    "agave",
    "tapis",
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
    connections: Connections = _module(platform, "connections").CONNECTIONS
    return connections


def converter_of(platform: Platform) -> Converter:
    """What makes manifests of jobs of *platform*.

    Raises :class:`SettingsError` for one that has nothing to make them.
    """
    try:
        converter: Converter = _module(platform, "convert").CONVERTER
    except ModuleNotFoundError as error:
        raise SettingsError(f"jobsync cannot make manifests of jobs of {platform.name}") from error
    return converter


def _module(platform: Platform, name: str) -> ModuleType:
    folder = _TABLE[[*PLATFORMS].index(platform.name)]
    return import_module(f"{__name__}.{folder}.{name}")
