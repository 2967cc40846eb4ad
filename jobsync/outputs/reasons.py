"""Why the outputs of a run cannot be read, in words."""

from __future__ import annotations

from jobsync.errors import (
    Forbidden,
    NotFound,
    Refused,
    ServiceError,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from jobsync.model import Run, RunState
from jobsync.platform import Platform

_NOT_FOUND = 404


def not_ready(run: Run) -> str:
    """Why the outputs of *run* cannot be fetched yet, or ever; empty when they can be."""
    if run.state is RunState.FINISHED:
        return "" if run.visible else f"run {run.id} is hidden; restore it to read its outputs"
    if run.state is RunState.ACTIVE:
        return f"run {run.id} is {run.status}: outputs are fetched once it has finished"
    word = "failed" if run.state is RunState.FAILED else "was stopped"
    return f"run {run.id} {word} ({run.status}): only a finished run has outputs to fetch"


def outputs_unavailable(run_id: str, error: ServiceError, platform: Platform) -> str:
    """The reason that *error*, from a listing or a download, gives for unreadable outputs."""
    if isinstance(error, Forbidden):
        return f"you have no permission to read the outputs of {run_id}: ask its owner for READ"
    if isinstance(error, Unauthorized):
        return "the service does not accept the token any more: log in again"
    if isinstance(error, NotFound):
        return f"the service has no job {run_id} (deleted, or it never existed)"
    if isinstance(error, Throttled):
        return "the service still asks for fewer requests after a wait: try again later"
    if isinstance(error, Refused):
        said = f" (the service says: {error.said})" if error.said else ""
        status = f"(status {error.status}){said}"
        refused = f"the service refused to show the outputs of {run_id} {status}"
        return platform.outputs_refused(run_id, error) or refused
    if isinstance(error, Unreachable):
        return f"the service did not answer: {error}"
    if isinstance(error, Unreadable):
        return f"the listing of {run_id} cannot be understood: {error}"
    return f"the outputs of {run_id} cannot be read: {error}"


def file_unavailable(run_id: str, error: ServiceError, platform: Platform) -> str:
    """As :func:`outputs_unavailable` for one file: here a 404 is about the file, not the job."""
    if isinstance(error, NotFound) and error.status == _NOT_FOUND:
        return f"it is not (or no longer) among the outputs of {run_id}"
    return outputs_unavailable(run_id, error, platform)
