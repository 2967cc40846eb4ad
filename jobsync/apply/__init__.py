"""Carrying out a plan: submits that are never sent twice, waits, permissions, outputs.

``apply`` does it, ``exit_code`` says what code that ends with, ``resolve`` settles by hand what a
lost answer left open.
"""

from jobsync.apply.audit import AuditFile, AuditLine
from jobsync.apply.clock import Clock, SystemClock
from jobsync.apply.executor import apply
from jobsync.apply.journal_entry import Binding
from jobsync.apply.lock import apply_lock, lock_holder
from jobsync.apply.manual_resolution import (
    NotSubmitted,
    Submitted,
    open_submits,
    resolve_submits,
    unknown_to,
)
from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind, exit_code
from jobsync.apply.settings import ApplySettings
from jobsync.apply.submit_protocol import SubmitLimits

__all__ = [
    "apply",
    "ApplySettings",
    "SubmitLimits",
    "ApplyEvent",
    "EventType",
    "OutcomeKind",
    "exit_code",
    "resolve_submits",
    "Submitted",
    "NotSubmitted",
    "open_submits",
    "unknown_to",
    "Binding",
    "apply_lock",
    "lock_holder",
    "AuditFile",
    "AuditLine",
    "Clock",
    "SystemClock",
]
