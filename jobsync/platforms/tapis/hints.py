"""What to write in place of fields of other kinds, what refusals mean, and commands to go on."""

from __future__ import annotations

from jobsync.errors import Refused

FIELD_HINTS = {
    "owner": "a job is submitted by whoever is logged in; who that must be is owner: of a target",
    "tenant": "the tenant is the one of the target: write its baseUrl under targets:",
    "inputs": "a field of Agave v2: write fileInputs: [{name: ..., sourceUrl: ...}]",
    "parameters": "a field of Agave v2: write parameterSet: {appArgs: [{name: ..., arg: ...}]}, "
    "or envVariables: [{key: ..., value: ...}] in it",
    "maxRunTime": "a field of Agave v2: write maxMinutes, in minutes",
    "memoryPerNode": "a field of Agave v2: write memoryMB, in megabytes",
    "processorsPerNode": "a field of Agave v2: write coresPerNode",
    "batchQueue": "a field of Agave v2: write execSystemLogicalQueue",
    "archive": "a field of Agave v2: write archiveMode: NEVER for archive: false",
    "archivePath": "a field of Agave v2: write archiveSystemDir; ${JOB_ID} is ${JobUUID} here",
    "archiveSystem": "a field of Agave v2: write archiveSystemId",
    "notifications": "a field of Agave v2: write subscriptions: [{eventCategoryFilter: "
    "JOB_NEW_STATUS, deliveryTargets: [{deliveryMethod: WEBHOOK, deliveryAddress: ...}]}]",
    "softwareName": "write appId and appVersion",
    "executionSystem": "write execSystemId",
    "queue": "write execSystemLogicalQueue",
    "maxMemory": "write memoryMB, in megabytes",
    "requestedTime": "write maxMinutes, in minutes",
    "appArgs": "write it into parameterSet",
    "containerArgs": "write it into parameterSet",
    "schedulerOptions": "write it into parameterSet",
    "envVariables": "write it into parameterSet",
    "archiveFilter": "write it into parameterSet",
    "logConfig": "write it into parameterSet",
    "mpi": "write isMpi",
    "dependencies": "write needs: the service does not know dependencies",
}
"""What to write in place of fields that people know from elsewhere."""

HIDING_HINT = (
    "${env.X} and sensitive variables can be used in parameterSet, fileInputs, fileInputArrays, "
    "subscriptions and the fields that say where a job runs; for a value that is not secret, use "
    "a variable: --var NAME=VALUE"
)
"""Where sensitive values can be used."""

_BAD_REQUEST, _NOT_FOUND = 400, 404
_SERVER_ERROR, _UNAVAILABLE, _GATEWAY_TIMEOUT = 500, 503, 504


def outputs_refused(run_id: str, error: Refused) -> str:
    """Why the outputs of a run are not shown, by status (tapis-v3 §2.2, §8.1).

    Empty where the status does not tell.
    """
    said = f" (the service says: {error.said})" if error.said else ""
    if error.status == _NOT_FOUND:
        return f"the outputs of {run_id} are not there: not produced, or cleared since{said}"
    if error.status in (_UNAVAILABLE, _GATEWAY_TIMEOUT):
        return f"the system that holds the outputs of {run_id} is down: try again later{said}"
    if error.status == _BAD_REQUEST:
        return f"run {run_id} has not ended, so its outputs are not shown yet{said}"
    if error.status == _SERVER_ERROR:
        return f"the service cannot show the outputs of {run_id}{said}"
    return ""


def restore_command(run_id: str) -> str:
    """The command that makes a hidden run visible again."""
    return f"jobsync jobs unhide {run_id}"
