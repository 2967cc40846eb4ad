"""Watches running jobs: one listing tells of all of them, less and less often while nothing moves.

A status may go backwards and may be one that nobody has heard of; neither is the end.
Only the words of the table that end a job end the wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.apply.session import Session
from jobsync.errors import NotFound, ServiceError, Unauthorized
from jobsync.model import Address, Run, RunRef, RunState

_GROWTH = 1.5
_REST = 8.0
"""How many times as long as a look takes is waited before the next one."""


class Watch:
    """Watches the running jobs of one apply. Only the coordinating thread uses it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clock = session.settings.clock
        self._began = self._clock.monotonic()
        self._statuses: dict[str, str] = {}
        self._pause = session.settings.poll[0]
        self._due = self._began
        self._answered = self._began
        self.trouble = ""

    def left(self) -> float:
        """Seconds that are left of the wait, never negative; 0 when apply does not wait."""
        wait = self._session.settings.wait
        if wait is None or self.trouble:
            return 0.0
        return max(0.0, self._began + wait - self._clock.monotonic())

    def pause(self) -> float:
        """Seconds until the next look, or until the wait is over."""
        return max(0.0, min(self._due - self._clock.monotonic(), self.left()))

    def hurry(self) -> None:
        """Look again soon, because a job has just been submitted."""
        self._pause = self._session.settings.poll[0]
        self._due = min(self._due, self._clock.monotonic() + self._pause)

    def look(self, active: Mapping[Address, RunRef]) -> dict[Address, Run]:
        """The runs among *active* that have ended. Empty while it is not yet time."""
        if not active or self._clock.monotonic() < self._due:
            return {}
        moved, began = False, self._clock.monotonic()
        ended: dict[Address, Run] = {}
        why = ""
        try:
            seen = self._seen(active)
            for address, run in seen.items():
                moved |= self._moved(address, run)
                if run.state is not RunState.ACTIVE:
                    ended[address] = run
            # A run that the service does not show may lag behind. It is never taken for one that
            # has ended.
            if absent := [ref.id for address, ref in active.items() if address not in seen]:
                why = f"the service does not show {', '.join(absent)}, which it did before"
        except Unauthorized as error:
            self.trouble = str(error)
        except ServiceError as error:
            why = str(error)
        if not why:
            self._answered = self._clock.monotonic()
        elif self._clock.monotonic() - self._answered > self._session.settings.patience:
            self.trouble = self.trouble or why
        shortest, longest = self._session.settings.poll
        self._pause = shortest if moved else min(self._pause * _GROWTH, longest)
        # A long listing takes long: most of the time is for what it tells of.
        self._pause = max(self._pause, _REST * (self._clock.monotonic() - began))
        self._due = self._clock.monotonic() + self._pause
        return ended

    def _seen(self, active: Mapping[Address, RunRef]) -> dict[Address, Run]:
        """What the service shows of *active*; those that it does not list are read by id."""
        backend = self._session.backend
        listed = {run.id: run for run in backend.runs_by_id([ref.id for ref in active.values()])}
        seen: dict[Address, Run] = {}
        for address, ref in active.items():
            run = listed.get(ref.id) or self._read(ref)
            if run is not None:
                seen[address] = run
        return seen

    def _read(self, ref: RunRef) -> Run | None:
        """The record. One that is neither shown nor hidden lags behind and stays awaited."""
        backend = self._session.backend
        try:
            return backend.run(ref.id, brief=True)
        except NotFound:
            runs = backend.runs_named(ref.name, (ref.id,), brief=True)
        return next((run for run in runs if run.id == ref.id and not run.visible), None)

    def _moved(self, address: Address, run: Run) -> bool:
        before = self._statuses.get(run.id)
        self._statuses[run.id] = run.status
        if before == run.status:
            return False
        self._session.tell(
            ApplyEvent(
                EventType.APPLY_PROGRESS,
                0.0,
                address=address,
                kind=str(OutcomeKind.RUN),
                run_id=run.id,
                status=run.status,
                has_begun=run.started is not None,
                elapsed=self._clock.monotonic() - self._began,
            )
        )
        return before is not None
