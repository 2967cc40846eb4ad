"""The phases of a job, and which may follow which.

The engine speaks these words of every job. An api that has others translates them.
"""

from __future__ import annotations

from collections.abc import Mapping

TERMINAL = frozenset({"FINISHED", "KILLED", "STOPPED", "FAILED"})
"""The statuses that a job never leaves (agave-v2 §4.1)."""

_ENDINGS = {"KILLED", "STOPPED", "PAUSED", "FAILED"}
_EARLY = {"STOPPED", "PAUSED", "FAILED"}

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "PENDING": frozenset({"PROCESSING_INPUTS"} | _EARLY),
    # Jobs without input skip straight to STAGED (agave-v2 §4.2, text below the table).
    "PROCESSING_INPUTS": frozenset({"STAGING_INPUTS", "STAGED"} | _EARLY),
    "STAGING_INPUTS": frozenset({"STAGED"} | _EARLY),
    "STAGED": frozenset({"SUBMITTING"} | _EARLY),
    "STAGING_JOB": frozenset({"SUBMITTING"} | _EARLY),
    # A failed submit attempt rolls back (agave-v2 §4.2, text below the table).
    "SUBMITTING": frozenset({"QUEUED", "RUNNING", "STAGED", "PENDING"} | _ENDINGS),
    "QUEUED": frozenset({"RUNNING", "CLEANING_UP"} | _ENDINGS),
    "RUNNING": frozenset({"QUEUED", "CLEANING_UP"} | _ENDINGS),
    "CLEANING_UP": frozenset({"ARCHIVING", "FINISHED"} | _ENDINGS),
    "ARCHIVING": frozenset({"ARCHIVING_FINISHED", "ARCHIVING_FAILED"} | _ENDINGS),
    "ARCHIVING_FINISHED": frozenset({"FINISHED", "FAILED"}),
    "ARCHIVING_FAILED": frozenset({"FAILED"}),
    "FINISHED": frozenset(),
    "KILLED": frozenset(),
    "STOPPED": frozenset(),
    "FAILED": frozenset(),
}
STATUSES = frozenset(TRANSITIONS) | {"PAUSED"}
