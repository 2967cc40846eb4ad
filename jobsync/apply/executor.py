"""Carries out a plan: what depends on what, in parallel where nothing does.

One thread coordinates: it alone decides what is next and keeps the outcomes. The calls to the
service run in a bounded pool; how fast they really go is up to the transport, which slows down
when the service asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from jobsync.apply import job_step, permission_step
from jobsync.apply.fetch_step import FetchStep
from jobsync.apply.job_states import JobState, JobStates, Stage
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.apply.looking import SeenOutputs, look
from jobsync.apply.poller import Watch
from jobsync.apply.protocol_runner import ProtocolRunner
from jobsync.apply.queue import ChangeQueue, grants_of_new_run, needs_of, next_attempt
from jobsync.apply.recovery import concerns, find_duplicates, is_news, resolve_open
from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind, Report, kind_of
from jobsync.apply.session import Session
from jobsync.apply.settings import ApplySettings
from jobsync.apply.sharing import closed, opened
from jobsync.apply.takeover import locked_journal
from jobsync.apply.workers import Workers
from jobsync.backend import Backend
from jobsync.model import (
    SUBMITS,
    AccessChange,
    Action,
    Address,
    Change,
    JobChange,
    Outcome,
    OutputChange,
    Plan,
    Result,
    Run,
    RunRef,
    RunState,
)
from jobsync.outputs.lockfile import follow_renames
from jobsync.plan.check import refuse_api, refuse_view
from jobsync.plan.exit_status import addresses_of_runs
from jobsync.structs import replace

_WORKERS = 16
_TICK = 0.5
"""Seconds after which the coordinator looks up from running calls, to see whether to stop."""


def apply(
    plan: Plan, backend: Backend, settings: ApplySettings, report: Report
) -> tuple[Outcome, ...]:
    """Carry out *plan*, and say what came of every change, in address order.

    Submits of earlier runs whose outcome is open are resolved first, also when the plan is empty.
    Raises :class:`~jobsync.errors.Blocked` when another apply of this project and target is
    running, and :class:`~jobsync.apply.journal.JournalFailed` or
    :class:`JournalDamaged` when the journal cannot be used; then nothing has
    been sent. So it is where *plan* is for a service of another kind, :class:`StalePlan`, or for
    somebody who may only look, :class:`SettingsError`.
    Everything else is in the outcomes. *report* is called by one thread at a time.
    """
    refuse_view(plan)
    refuse_api(plan, backend.platform)
    follow_renames(plan.root, addresses_of_runs(plan))
    if settings.cold:
        limits = settings.submits
        start = settings.clock.monotonic() + limits.settle
        settings = replace(settings, submits=replace(limits, not_before=start))
    binding = Binding.of_plan(plan, backend.platform)
    with (
        locked_journal(settings.state_dir, binding, settings.clock) as journal,
        opened(plan, backend, settings) as shared,
    ):

        def stopping() -> bool:
            return settings.stop.is_set() or bool(backend.login_over())

        driver = ProtocolRunner(backend, journal, settings.clock, plan.user, stopping, shared)
        session = Session(plan, backend, settings, driver, report, shared)
        workers = max(1, min(_WORKERS, backend.concurrency))
        with ThreadPoolExecutor(workers, thread_name_prefix="apply") as pool:
            try:
                return _Executor(session, pool).run()
            except BaseException:  # also Ctrl-C: what has not begun never does
                pool.shutdown(wait=False, cancel_futures=True)
                raise


class _Executor:
    def __init__(self, session: Session, pool: ThreadPoolExecutor) -> None:
        self._session = session
        self._plan = session.plan
        self._workers = Workers(pool)
        self._states = JobStates(session.plan)
        self._queue = ChangeQueue()
        self._watch = Watch(session)
        self._outputs = FetchStep(session)
        self._outcomes: list[Outcome] = []
        self._submitted: dict[str, JobChange] = {}

    def run(self) -> tuple[Outcome, ...]:
        for change in self._plan.changes:
            self._planned(change)
        self._sort_out(resolve_open(self._session, self._workers.pool))
        while self._going():
            self._look()
        self._leave_the_rest()
        self._delete()
        self._report_duplicates()
        for outcome in closed(self._session):
            self._keep(self._session.ended(outcome))
        return self._end()

    def _sort_out(self, settled: tuple[Entry, ...]) -> None:
        """Put every change on the agenda, but for what may not be begun.

        A submit is held by an open one of its address or under any of its names. When such a one
        has turned out to have made a job, that is the job.
        """
        platform = self._session.backend.platform
        held = {e.name: e for e in settled if e.state not in (State.CONFIRMED, State.REJECTED)}
        found = [e for e in settled if e.state is State.CONFIRMED]
        for stale in self._session.settings.stale:
            self._refuse(stale.change, Result.STALE, stale.why)
        for change in self._plan.changes:
            if not (isinstance(change, JobChange) and change.action in SUBMITS):
                self._queue.add(change)
            elif holding := [e for e in held.values() if concerns(platform, e, change, self._plan)]:
                self._refuse(change, Result.UNKNOWN, job_step.explained(held.pop(holding[0].name)))
            else:
                there = [e for e in found if is_news(platform, e, change, self._plan)]
                again = replace(change, name=there[0].name, retries=0) if there else change
                self._queue.add(again)
        for entry in held.values():
            self._keep(self._session.ended(job_step.earlier(entry)))
        if self._session.settings.wait is not None:
            self._queue.await_outputs(self._plan.awaiting)

    # --- the loop ---------------------------------------------------------------------

    def _going(self) -> bool:
        """Begin what is ready and let something come back; False when there is nothing more."""
        if not self._session.halted:
            for change in self._queue.take_ready(self._states):
                self._begin(change)
        if self._workers.busy:
            self._workers.take(min(self._watch.pause(), _TICK) if self._waiting() else None)
            return True
        if self._waiting():
            self._session.settings.clock.sleep(self._watch.pause())
            return True
        return False

    def _look(self) -> None:
        """See what has become of the jobs that are waited for, when it is time to."""
        if self._waiting():
            for address, run in self._watch.look(self._states.active()).items():
                self._over(address, run)

    def _waiting(self) -> bool:
        return bool(self._watch.left() > 0 and not self._session.halted and self._states.active())

    def _begin(self, change: Change) -> None:
        state = self._states[change.address]
        run_id = state.run.id if state.run else ""
        if not isinstance(change, JobChange) and change.run is not None:
            run_id = change.run.id
        upstream = {
            address: run.id
            for address in needs_of(change)
            if (run := self._states[address].run) is not None
        }
        self._workers.start(
            partial(self._finished, change), self._carry_out, change, run_id, upstream
        )

    def _carry_out(
        self, change: Change, run_id: str, upstream: dict[Address, str]
    ) -> tuple[Outcome, ...]:
        """One change, in a thread of the pool."""
        if why := self._session.halted:
            return (self._session.ended(_outcome(change, Result.SKIPPED, why)),)
        if isinstance(change, JobChange):
            return (job_step.carry_out(self._session, change, upstream),)
        if isinstance(change, AccessChange):
            return (permission_step.carry_out(self._session, change, run_id),)
        return self._outputs.carry_out(change, run_id)

    # --- what came of it --------------------------------------------------------------

    def _finished(self, change: Change, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self._keep(outcome)
            if isinstance(change, JobChange) and change.action in (*SUBMITS, Action.RESTORE):
                self._has_run(change, outcome)
            if isinstance(change, OutputChange):
                self._fetched(change, outcome)

    def _fetched(self, change: OutputChange, outcome: Outcome) -> None:
        """What fetching saw of a run, where that could not be told before."""
        address = change.address
        state = self._states[address]
        if outcome.kind == OutcomeKind.RUN:
            self._states.put(address, JobState(Stage.BROKEN, None, _misses(address)))
        elif state.stage is Stage.UNREAD and outcome.result is Result.DONE:
            self._states.put(address, JobState(Stage.FINISHED, state.run))

    def _has_run(self, change: JobChange, outcome: Outcome) -> None:
        """A submit or restore is over: what needs its job goes on, or never will."""
        run = RunRef(outcome.run_id, change.name, "")
        if outcome.result is not Result.DONE:
            why = f"{change.address} was not submitted"
            self._states.put(change.address, JobState(Stage.BROKEN, None, why))
        elif change.action is Action.RESTORE:
            self._look_through(change.address, run)
        else:
            self._submitted[change.name] = change
            self._states.put(change.address, JobState(Stage.ACTIVE, run))
            self._watch.hurry()

    def _over(self, address: Address, run: Run) -> None:
        """A run that was waited for has ended."""
        ref = RunRef(run.id, run.name, run.status)
        change = self._submitted.get(run.name)
        platform = self._session.backend.platform
        again = next_attempt(platform, change, run) if change is not None else None
        if run.state is RunState.FINISHED and run.visible:
            self._outputs.ended[run.id] = run
            self._look_through(address, ref)
        elif again is not None and not self._session.halted:
            self._planned(again, f"{run.name} has failed: {run.message}".rstrip(": "))
            self._states.put(address, JobState(Stage.DUE))
            self._queue.add(again)
            for grants in grants_of_new_run(self._plan.changes, address):
                if not self._queue.holds(grants):
                    self._queue.add(grants)
        else:
            what = run.status if run.visible else "deleted"
            why = f"{address} ended as {what}" if run.visible else f"{address} was deleted"
            self._states.put(address, JobState(Stage.BROKEN, ref, why))
            detail = f"{what}: {run.message}" if run.message else what
            self._keep(self._session.ended(_ending(address, run.id, Result.FAILED, detail)))

    def _look_through(self, address: Address, run: RunRef) -> None:
        """See whether a run that has finished has produced what it must."""
        gate = self._plan.gates.get(address)
        if gate is None:
            self._looked(address, run, None, SeenOutputs())
            return
        self._states.put(address, JobState(Stage.ENDED, run))
        change = self._queue.to_fetch(address)
        self._workers.start(
            partial(self._looked, address, run, change), look, self._session, gate, change, run
        )

    def _looked(
        self, address: Address, run: RunRef, change: OutputChange | None, seen: SeenOutputs
    ) -> None:
        """That is known now, or cannot be."""
        result, detail, stage, why = Result.DONE, run.status, Stage.FINISHED, ""
        if seen.missing:
            result, stage, why = Result.FAILED, Stage.BROKEN, _misses(address)
            detail = "; ".join(filter(None, (run.status, *seen.missing)))
            self._outputs.told.add(address)
        elif seen.unread:
            stage = Stage.UNREAD
            why = f"cannot find out whether {address} produced what it must: {seen.unread}"
            if change is None:  # else what is to be fetched says so itself
                result, detail = Result.WAITING, why
        if change is not None and seen.change is not None:
            self._queue.found(change, seen.change)
        self._states.put(address, JobState(stage, run, why))
        if run.status or result is not Result.DONE:  # a restore has been told of
            self._keep(self._session.ended(_ending(address, run.id, result, detail)))

    # --- the end ----------------------------------------------------------------------

    def _leave_the_rest(self) -> None:
        """Say of everything that was not begun why not."""
        self._queue.look_again()
        while broken := self._queue.take_broken(self._states):
            for change, why in broken:
                self._refuse(change, Result.SKIPPED, why)
        for change in self._queue.rest():
            if why := self._session.halted:
                self._refuse(change, Result.SKIPPED, why)
            else:
                why = self._states.unfinished(needs_of(change))
                self._refuse(change, Result.WAITING, why)
        over = self._session.backend.login_over()
        if self._session.settings.wait is not None or self._session.stopping or over:
            for address, run in self._states.active().items():
                why = self._watch.trouble or (f"no longer watched: {over}" if over else "")
                why = why or "still running"
                outcome = Outcome(
                    address, str(OutcomeKind.RUN), Action.CREATE, Result.WAITING, why, run.id
                )
                self._keep(self._session.ended(outcome))

    def _delete(self) -> None:
        """Deletes come last, and only if nothing failed."""
        bad = (Result.FAILED, Result.UNKNOWN, Result.STALE, Result.BLOCKED)
        failed = next((o for o in self._outcomes if o.result in bad), None)
        for change in self._queue.take_deletes():
            if failed is None:
                self._begin(change)
            else:
                why = f"nothing is deleted after a failure ({failed.address})"
                self._refuse(change, Result.SKIPPED, why)
        self._workers.finish()

    def _report_duplicates(self) -> None:
        """A submit that has become two jobs is not done, whatever was said of it before."""
        for outcome in find_duplicates(self._session, self._workers.pool, self._submitted):
            said = (outcome.address, outcome.kind)
            self._outcomes = [o for o in self._outcomes if (o.address, o.kind) != said]
            self._keep(self._session.ended(outcome))

    def _end(self) -> tuple[Outcome, ...]:
        counts = Counter(str(outcome.result) for outcome in self._outcomes)
        self._session.tell(ApplyEvent(EventType.CHANGE_SUMMARY, 0.0, counts=dict(counts)))
        order = [str(kind) for kind in OutcomeKind]
        return tuple(
            sorted(self._outcomes, key=lambda o: (o.address, order.index(o.kind), o.run_id))
        )

    # --- words ------------------------------------------------------------------------

    def _keep(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)

    def _refuse(self, change: Change, result: Result, why: str) -> None:
        """Record that *change* is not carried out; what needs its job will not be either."""
        outcome = self._session.ended(_outcome(change, result, why))
        self._keep(outcome)
        waits = result is Result.WAITING
        if isinstance(change, JobChange) and change.action in SUBMITS and not waits:
            why = f"{change.address} was not submitted"
            self._states.put(change.address, JobState(Stage.BROKEN, None, why))

    def _planned(self, change: Change, detail: str = "") -> None:
        self._session.tell(
            ApplyEvent(
                EventType.PLANNED_CHANGE,
                0.0,
                address=change.address,
                kind=str(kind_of(change)),
                action=change.action,
                detail=detail,
            )
        )


def _outcome(change: Change, result: Result, why: str) -> Outcome:
    run = change.before if isinstance(change, JobChange) else change.run
    return Outcome(
        change.address, str(kind_of(change)), change.action, result, why, run.id if run else ""
    )


def _ending(address: Address, run_id: str, result: Result, detail: str) -> Outcome:
    return Outcome(address, str(OutcomeKind.RUN), Action.CREATE, result, detail, run_id)


def _misses(address: Address) -> str:
    return f"{address} did not produce what it must"
