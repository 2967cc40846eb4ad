"""The words of the service for the phases and the ends of jobs (tapis-v3 §7)."""

from __future__ import annotations

from jobsync.local.store.rows import JobRow

STATUS = {
    "PENDING": "PENDING",
    "PROCESSING_INPUTS": "PROCESSING_INPUTS",
    "STAGING_INPUTS": "STAGING_INPUTS",
    "STAGED": "STAGING_JOB",
    "STAGING_JOB": "STAGING_JOB",
    "SUBMITTING": "SUBMITTING_JOB",
    "QUEUED": "QUEUED",
    "RUNNING": "RUNNING",
    "CLEANING_UP": "ARCHIVING",
    "ARCHIVING": "ARCHIVING",
    "ARCHIVING_FINISHED": "ARCHIVING",
    "ARCHIVING_FAILED": "ARCHIVING",
    "FINISHED": "FINISHED",
    "FAILED": "FAILED",
    "STOPPED": "CANCELLED",
    "KILLED": "CANCELLED",
    "PAUSED": "PAUSED",
}
"""Phase of the engine to status."""

CONDITIONS = {
    "cancelled": "CANCELLED_BY_USER",
    "definition": "JOB_INVALID_DEFINITION",
    "staging": "JOB_UNABLE_TO_STAGE_INPUTS",
    "staging-app": "JOB_UNABLE_TO_STAGE_JOB",
    "launch": "JOB_LAUNCH_FAILURE",
    "timeout": "JOB_EXECUTION_MONITORING_TIMEOUT",
    "gone": "JOB_EXECUTION_MONITORING_ERROR",
    "exit": "JOB_REMOTE_OUTCOME_ERROR",
    "archiving": "JOB_ARCHIVING_FAILED",
    "internal": "JOB_INTERNAL_ERROR",
    "slurm-timeout": "SCHEDULER_TIMEOUT",
    "slurm-cancelled": "SCHEDULER_CANCELLED",
    "slurm-deadline": "SCHEDULER_DEADLINE",
    "slurm-out-of-memory": "SCHEDULER_OUT_OF_MEMORY",
}
_REMOTE = frozenset({"exit", "timeout", "gone"})


def status_of(row: JobRow) -> str:
    """The status of a job in the service's word."""
    return STATUS[row.status]


def is_over(row: JobRow) -> bool:
    """Whether the status is one that a job never leaves."""
    return status_of(row) in ("FINISHED", "FAILED", "CANCELLED")


def condition_of(row: JobRow) -> str | None:
    """Why the job ended, None before its end."""
    if not is_over(row):
        return None
    if row.status == "FINISHED":
        return "NORMAL_COMPLETION"
    if status_of(row) == "CANCELLED":
        return "CANCELLED_BY_USER"
    default = "SCHEDULER_TERMINATED" if row.reason.startswith("slurm-") else "JOB_INTERNAL_ERROR"
    return CONDITIONS.get(row.reason, default)


def failed_remotely(row: JobRow) -> bool:
    """Whether the job ran and did not end well."""
    return row.reason in _REMOTE or row.reason.startswith("slurm-")


def outcome_of(row: JobRow) -> str | None:
    """What the run itself came to; None when it did not come to an end of its own."""
    if row.status == "FINISHED":
        return "FINISHED"
    if row.status == "FAILED" and failed_remotely(row):
        return "FAILED_SKIP_ARCHIVE" if skips(row) else "FAILED"
    return None


def skips(row: JobRow) -> bool:
    """Whether a job that failed is not archived."""
    return row.request.get("archiveMode") in ("SKIP_ON_FAIL", "NEVER")
