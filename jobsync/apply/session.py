"""What every step of one apply needs at hand."""

from __future__ import annotations

import threading
from contextlib import suppress

from jobsync.apply.audit import AuditLine
from jobsync.apply.protocol_runner import ProtocolRunner
from jobsync.apply.report import ApplyEvent, EventType, Report, kind_of
from jobsync.apply.settings import ApplySettings
from jobsync.apply.shared.journal import SharedJournal
from jobsync.backend import Backend
from jobsync.errors import SettingsError
from jobsync.model import Change, Outcome, Plan
from jobsync.structs import Struct, field, replace


class Session(Struct, frozen=True):
    """One apply: its plan, the service, and where its events are reported."""

    plan: Plan
    backend: Backend
    settings: ApplySettings
    driver: ProtocolRunner
    report: Report
    shared: SharedJournal | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stopping(self) -> bool:
        """Whether somebody has asked this apply to stop."""
        return self.settings.stop.is_set()

    @property
    def halted(self) -> str:
        """Why nothing more is begun; empty while this apply goes on."""
        if self.stopping:
            return "stopped before it began"
        over = self.backend.login_over()
        return f"not begun: {over}" if over else ""

    def tell(self, event: ApplyEvent) -> None:
        """Report *event*. Events are reported one at a time, from whichever thread they come.

        A report that fails (a closed pipe, a full disk) does not stop the apply half way.
        """
        with self._guard, suppress(OSError):
            self.report(replace(event, at=self.settings.clock.now()))

    def started(self, change: Change, run_id: str = "") -> float:
        """Report that *change* begins; returns the time, for :meth:`ended`."""
        self.tell(
            ApplyEvent(
                EventType.APPLY_START,
                0.0,
                address=change.address,
                kind=str(kind_of(change)),
                action=change.action,
                run_id=run_id,
            )
        )
        return self.settings.clock.monotonic()

    def ended(self, outcome: Outcome, began: float | None = None) -> Outcome:
        """Report the outcome of a change, and return it."""
        elapsed = 0.0 if began is None else self.settings.clock.monotonic() - began
        self.tell(end_event(outcome, elapsed))
        return outcome

    def audited(self, line: AuditLine) -> str:
        """Write *line* to the audit file; returns why that failed, or an empty text.

        Nothing is done without its line in the audit: nothing more begins after a failure.
        """
        if self.settings.audit is None:
            return ""
        try:
            self.settings.audit(line)
        except SettingsError as error:
            self.settings.stop.set()
            return str(error)
        return ""


_FINE = frozenset({"done", "waiting", "skipped"})


def end_event(outcome: Outcome, elapsed: float) -> ApplyEvent:
    """The event that reports *outcome*."""
    fine = str(outcome.result) in _FINE
    return ApplyEvent(
        EventType.APPLY_COMPLETE if fine else EventType.APPLY_ERRORED,
        0.0,
        address=outcome.address,
        kind=outcome.kind,
        action=outcome.action,
        result=outcome.result,
        run_id=outcome.run_id,
        detail=outcome.detail,
        elapsed=elapsed,
    )
