"""Carries out one change of outputs, and says what came of it in the words of an apply."""

from __future__ import annotations

import threading

from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.apply.session import Session
from jobsync.errors import ExitCode, JobsyncError
from jobsync.model import Address, Outcome, OutputChange, Result, Run
from jobsync.outputs.fetch import fetch_all
from jobsync.outputs.fetch_record import Ledger
from jobsync.outputs.result import FetchResult, Progress
from jobsync.structs import replace


class FetchStep:
    """The output changes of one apply; they share one ledger, made when the first is due.

    ``told`` are addresses of whose runs it has been told what they miss: it is said once.
    ``ended`` are runs, by id, that this apply saw end: they need not be read again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._guard = threading.Lock()
        self._ledger: Ledger | None = None
        self.told: set[Address] = set()
        self.ended: dict[str, Run] = {}

    def carry_out(self, change: OutputChange, run_id: str) -> tuple[Outcome, ...]:
        """Fetch what *change* asks for from run *run_id*.

        Returns an outcome for the files and, when the run lacks some, one for the run.
        """
        began = self._session.started(change, run_id)
        try:
            outcomes = self._outcomes(change, self._fetch(change, run_id))
        except JobsyncError as error:
            outcomes = (_outcome(change, OutcomeKind.OUTPUT, Result.FAILED, str(error), run_id),)
        return tuple(self._session.ended(outcome, began) for outcome in outcomes)

    def _fetch(self, change: OutputChange, run_id: str) -> FetchResult:
        session = self._session
        run = self.ended.get(run_id) or session.backend.run(run_id)
        if session.settings.fetch is not None:
            return session.settings.fetch(
                session.backend, change, run, self._progress, session.settings.stop.is_set
            )
        return fetch_all(
            session.backend,
            change,
            run,
            ledger=self._shared_ledger(),
            limits=session.settings.fetching,
            report=self._progress,
            stop=session.settings.stop.is_set,
        )

    def _shared_ledger(self) -> Ledger:
        plan = self._session.plan
        with self._guard:
            if self._ledger is None:
                self._ledger = Ledger(
                    plan.root,
                    plan.outputs_root,
                    declared=[*(state.address for state in plan.states), *plan.scope.left_out],
                    closed=[str(self._session.settings.state_dir)],
                    is_ours=self._session.backend.platform.is_run_id,
                )
            return self._ledger

    def _progress(self, progress: Progress) -> None:
        self._session.tell(
            ApplyEvent(
                EventType.APPLY_PROGRESS,
                0.0,
                address=progress.address,
                kind=str(OutcomeKind.OUTPUT),
                detail=progress.path,
                done=progress.received,
                total=progress.total_bytes,
            )
        )

    def _outcomes(self, change: OutputChange, result: FetchResult) -> tuple[Outcome, ...]:
        """What a run should have produced and did not is a failure of the run, not of fetching."""
        if change.address in self.told:
            result = replace(result, missing=())
        if result.exit_code is not ExitCode.JOB_FAILED:
            return (
                _outcome(change, OutcomeKind.OUTPUT, result.result, result.detail, result.run_id),
            )
        missing = _outcome(change, OutcomeKind.RUN, Result.FAILED, result.detail, result.run_id)
        if not result.fetched:
            return (missing,)
        return (_outcome(change, OutcomeKind.OUTPUT, Result.DONE, "", result.run_id), missing)


def _outcome(
    change: OutputChange, kind: OutcomeKind, result: Result, detail: str, run: str
) -> Outcome:
    return Outcome(change.address, str(kind), change.action, result, detail, run)
