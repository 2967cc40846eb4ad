"""Fills references to other jobs in, once those have finished. Pure.

A reference stays symbolic in plans, diffs and fingerprints; only what is sent has the real place.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.errors import JobsyncError
from jobsync.model import Address, IdRef, JsonValue, OutputRef, Run, Sealed, Value
from jobsync.platform import Platform
from jobsync.secret import Sensitive


class UnresolvedReference(JobsyncError):
    """A reference to a job that has no such thing to offer."""


def fill_references(
    request: Mapping[str, Value], runs: Mapping[Address, Run], platform: Platform
) -> dict[str, JsonValue]:
    """*request* with every reference replaced; *runs* are the finished runs by address.

    Raises :class:`UnresolvedReference`.
    """
    return {key: _value(value, runs, platform) for key, value in request.items()}


def output_uri(run: Run, path: str, platform: Platform) -> str:
    """The URI with which an input takes output *path* of *run*.

    Raises :class:`UnresolvedReference`.
    """
    uri = platform.output_uri(run, path)
    if uri is None:
        raise UnresolvedReference(
            f"job {run.id} ({run.name}) has no archive to take {path} from",
            hint=platform.no_uri_hint(run, path),
        )
    return uri


def _value(value: Value, runs: Mapping[Address, Run], platform: Platform) -> JsonValue:
    if isinstance(value, OutputRef):
        return output_uri(_run(value.address, runs), value.path, platform)
    if isinstance(value, IdRef):
        return _run(value.address, runs).id
    if isinstance(value, Sensitive):
        return value.reveal()
    if isinstance(value, Sealed):
        raise UnresolvedReference(
            "a value of this saved plan is sensitive and was not saved",
            hint="plan again",
        )
    if isinstance(value, list):
        return [_value(item, runs, platform) for item in value]
    if isinstance(value, dict):
        return {key: _value(item, runs, platform) for key, item in value.items()}
    return value


def _run(address: Address, runs: Mapping[Address, Run]) -> Run:
    if address not in runs:
        raise UnresolvedReference(f"{address} has no finished run")
    return runs[address]
