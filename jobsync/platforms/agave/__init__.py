"""Agave v2: the value for what its jobs mean, and connections to its services.

The names of ``connections`` are imported when they are first used: what a manifest means needs no
HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobsync.platforms.agave.connections import (
        AgaveBackend,
        AgaveReader,
        Connection,
        Jobs,
        connect,
        connect_jobs,
        connect_reader,
        login_client,
    )

__all__ = [
    "AgaveBackend",
    "AgaveReader",
    "Connection",
    "Jobs",
    "connect",
    "connect_jobs",
    "connect_reader",
    "login_client",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.connections"), name)
