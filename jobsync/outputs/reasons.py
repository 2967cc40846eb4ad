"""Why the outputs of a run cannot be read, in words (agave-v2 §6.3, §6.5)."""

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

_BAD_REQUEST = 400
_NOT_FOUND = 404
_SERVER_ERROR = 500
_GATEWAY_TIMEOUT = 504
_UNAVAILABLE = 503


def not_ready(run: Run) -> str:
    """Why the outputs of *run* are not fetched yet, or ever; empty when they can be."""
    if run.state is RunState.FINISHED:
        return "" if run.visible else f"run {run.id} is hidden; restore it to read its outputs"
    if run.state is RunState.ACTIVE:
        return f"run {run.id} is {run.status}: outputs are fetched once it has finished"
    word = "failed" if run.state is RunState.FAILED else "was stopped"
    return f"run {run.id} {word} ({run.status}): only a finished run has outputs to fetch"


def unavailable(run_id: str, error: ServiceError) -> str:
    """What *error*, from a listing or a download, says about the outputs of a run."""
    if isinstance(error, Forbidden):
        return f"you may not read the outputs of {run_id}: ask its owner for READ"
    if isinstance(error, Unauthorized):
        return "the service does not accept the token any more: log in again"
    if isinstance(error, NotFound) or _status(error) == _BAD_REQUEST:
        return f"the service has no job {run_id} (deleted, or never there)"
    if isinstance(error, Throttled):
        return "the service asks to slow down, even after waiting: try again later"
    if isinstance(error, Refused):
        return _refused(run_id, error)
    if isinstance(error, Unreachable):
        return f"the service did not answer: {error}"
    if isinstance(error, Unreadable):
        return f"the listing of {run_id} cannot be understood: {error}"
    return f"the outputs of {run_id} cannot be read: {error}"


def file_unavailable(run_id: str, error: ServiceError) -> str:
    """As :func:`unavailable`, of a single file: a 404 is about that file, not about its job."""
    if isinstance(error, NotFound) and error.status == _NOT_FOUND:
        return f"the service does not have it among the outputs of {run_id} (any more)"
    return unavailable(run_id, error)


def _refused(run_id: str, error: Refused) -> str:
    said = f" (the service says: {error.said})" if error.said else ""
    words = error.said.lower()
    if "not currently available" in words or error.status in (_UNAVAILABLE, _GATEWAY_TIMEOUT):
        return f"the system that holds the outputs of {run_id} is down: try again later{said}"
    if "no longer exists" in words:
        return f"the outputs of {run_id} are gone: its work folder was purged{said}"
    if "no work directory" in words:
        return f"run {run_id} has no outputs: it never got a work folder{said}"
    if "does not exist" in words:
        return f"it is not among the outputs of {run_id} any more{said}"
    if error.status >= _SERVER_ERROR:
        return (
            f"the outputs of {run_id} are not there: not produced yet, or purged "
            f"(status {error.status}){said}"
        )
    return f"the service refused to show the outputs of {run_id} (status {error.status}){said}"


def _status(error: ServiceError) -> int:
    return error.status if isinstance(error, Refused) else 0
