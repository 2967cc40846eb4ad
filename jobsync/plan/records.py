"""What a run was asked for, as far as its record tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from jobsync.model import JsonValue, Run, Value
from jobsync.platform import Platform


def request_of(run: Run, platform: Platform) -> Mapping[str, Value] | None:
    """The request of *run*; None for a summary row, and where the service does not tell it."""
    if run.request is None or not platform.tells_request(run.request):
        return None
    return as_request(run.request)


def as_request(record: Mapping[str, JsonValue] | None) -> Mapping[str, Value]:
    """A record from the service, as a request without references."""
    return cast("Mapping[str, Value]", record or {})


def untold(run: Run) -> str:
    """Why the request of *run* is not known, in words."""
    if run.request is None:
        return f"the record of run {run.id} was not read"
    return f"the service does not tell what run {run.id} was asked for"
