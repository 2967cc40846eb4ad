"""The seam between jobsync and a kind of service: what the service's jobs mean. Pure.

Floor 1. ``platforms/`` has one value for each kind; the core is handed one of them and knows none.
To the core a request is JSON in which places and references stand; what a field of it means is
asked here. No method sends, reads files, or keeps anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jobsync.errors import SettingsError
from jobsync.model import App, Archive, Run, Target, Value


class Platform(Protocol):
    """What a kind of service means by its jobs."""

    @property
    def name(self) -> str:
        """What ``api:`` of a target says to mean this platform."""

    @property
    def placement(self) -> tuple[str, ...]:
        """The request fields that say where and how long, not what: they never re-run a job."""

    def same_placement(self, field: str, declared: Value, remote: Value) -> bool:
        """Whether a placement field as *declared* asks for what the record of a run has."""

    def node_hours(self, request: Mapping[str, Value], app: App | None) -> float | None:
        """The most node-hours that one run of *request* may use; None when that is unknown.

        *app* fills in what *request* leaves out; None when its definition is not known.
        """

    def output_folder(self, request: Mapping[str, object]) -> Archive | None:
        """The folder that a request, or the record of a run, puts outputs into.

        None when none is named, or another one for each run.
        """

    def output_uri(self, run: Run, path: str) -> str | None:
        """What an input says to take output *path* of *run*; None when the run keeps none."""

    def is_output(self, uri: str, run: Run, path: str) -> bool:
        """Whether *uri*, however it is spelled, is output *path* of *run*."""


def platform_of(target: Target | None, platforms: Mapping[str, Platform]) -> Platform:
    """The platform of *target*: the first of *platforms* where it names none.

    Raises :class:`SettingsError` when it names another one.
    """
    name = target.api if target else ""
    if name and name not in platforms:
        known = ", ".join(platforms)
        raise SettingsError(f"no service is known as api {name!r}", hint=f"known are: {known}")
    return platforms[name or next(iter(platforms))]
