"""What refusals mean, and the commands with which a person goes on."""

from __future__ import annotations

from jobsync.errors import Refused

HIDING_HINT = (
    "${env.X} and sensitive variables can be used in parameters, inputs, notifications and the "
    "fields that say where a job runs; for a value that is not secret, use a variable: "
    "--var NAME=VALUE"
)
"""Where sensitive values can be used."""

_BAD_REQUEST = 400
_SERVER_ERROR = 500
_GATEWAY_TIMEOUT = 504
_UNAVAILABLE = 503


def outputs_refused(run_id: str, error: Refused) -> str:
    """Why the outputs of a run are not shown, by status and words (agave-v2 §6.3, §6.5).

    Empty where neither tells.
    """
    if error.status == _BAD_REQUEST:
        return f"the service has no job {run_id} (deleted, or it never existed)"
    said = f" (the service says: {error.said})" if error.said else ""
    words = error.said.lower()
    if "not currently available" in words or error.status in (_UNAVAILABLE, _GATEWAY_TIMEOUT):
        return f"the system that holds the outputs of {run_id} is down: try again later{said}"
    if "no longer exists" in words:
        return f"the outputs of {run_id} are gone: its work folder was purged{said}"
    if "no work directory" in words:
        return f"run {run_id} has no outputs: it never had a work folder{said}"
    if "does not exist" in words:
        return f"it is no longer among the outputs of {run_id}{said}"
    if error.status >= _SERVER_ERROR:
        return (
            f"the outputs of {run_id} are not there: not produced yet, or purged "
            f"(status {error.status}){said}"
        )
    return ""


def restore_command(run_id: str) -> str:
    """The command that makes a hidden run visible again."""
    return f"jobsync jobs manage {run_id} restore"


def revoke_command(run_id: str, row: str) -> str:
    """The command that removes a row from a list of permissions."""
    return f"jobsync jobs pems-revoke {run_id} {row}"
