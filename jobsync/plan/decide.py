"""The decision table: what becomes of one declared job, from the runs that carry its name.

One function for each row group of product §3. Nothing here knows of selections, permissions or
outputs; a :class:`Decision` says what would be done, ``build`` whether it is planned.
"""

from __future__ import annotations

from jobsync.errors import Problem
from jobsync.model import Action, DeclaredJob, Reason, Run, RunState, Snapshot, Standing
from jobsync.plan.history import History, attempt_of, attempts_of, live
from jobsync.platform import Platform
from jobsync.structs import Struct


class Decision(Struct, frozen=True):
    """What is to become of one address.

    ``run`` is the current run, or the one that failed. ``action`` is None when nothing is to be
    submitted or restored. ``before`` is the run that is replaced, retried or restored; ``attempt``
    belongs to a submit, which always goes out under the present name. ``names`` are the exact names
    that the decision rests on.
    """

    standing: Standing
    run: Run | None = None
    action: Action | None = None
    reason: Reason = Reason.NEVER_RUN
    before: Run | None = None
    attempt: int = 1
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def decide(
    job: DeclaredJob,
    history: History,
    platform: Platform,
    *,
    retry_asked: bool = False,
    recorded: frozenset[str] = frozenset(),
    incomplete: frozenset[str] = frozenset(),
) -> Decision:
    """The decision for *job*, which must not be pinned, by the table of product §3.

    *incomplete* and *recorded* are ids of its finished runs. Those in *incomplete* are known to
    lack files that they must have produced, so none of them is the current run. Those in *recorded*
    have produced them, by the lock file; they are preferred to runs of which nothing is known.
    """
    # The rows of the table, strongest first: a run that goes on or has finished is kept.
    exact = history.exact
    if running := tuple(run for run in live(exact) if run.id not in incomplete):
        return _keep(job, running, exact, recorded)
    # A new attempt has the number after the highest known one, so no name is submitted twice. The
    # decision rests on all these names, and each must be searched before it is carried out.
    highest = max((attempt_of(platform, run) for run in exact), default=0)
    names = attempts_of(platform, history.names, 1 + highest)
    # Restoring a finished run costs nothing; running it again would cost node-hours.
    hidden = [
        run
        for run in exact
        if platform.restores
        and not run.visible
        and run.state is RunState.FINISHED
        and run.id not in incomplete
    ]
    if hidden:
        return Decision(
            Standing.PENDING,
            action=Action.RESTORE,
            reason=Reason.HIDDEN,
            before=hidden[0],
            attempt=attempt_of(platform, hidden[0]),
            names=names,
        )
    if exact:
        last = max(exact, key=lambda run: attempt_of(platform, run))
        used = attempt_of(platform, last)
        return _after_failure(job, exact, last, used, names, retry_asked, incomplete)
    # Only runs of another meaning exist: they are replaced, not retried. Why is worked out later,
    # where the full records are known.
    if history.older:
        return Decision(
            Standing.PENDING,
            action=Action.REPLACE,
            reason=Reason.FIELDS_CHANGED,
            before=_replaced(history.older),
            names=names,
        )
    return Decision(Standing.PENDING, action=Action.CREATE, names=names)


def decide_pinned(job: DeclaredJob, history: History, platform: Platform) -> Decision | Problem:
    """The decision for a job pinned by ``id``; a problem when there is no such visible run."""
    restore = f"restore it with: {platform.restore_command(job.pinned or '')}"
    if not history.exact:
        return Problem(
            job.where,
            f"{job.address}: you cannot see run {job.pinned}",
            f"correct the id, have its owner share it with you, or, if it is hidden, {restore}"
            if platform.restores
            else "correct the id, or have its owner share it with you",
        )
    run = history.exact[0]
    if not run.visible:
        return Problem(
            job.where,
            f"{job.address}: run {run.id} is hidden",
            restore if platform.restores else "remove id to run the job again",
        )
    standing = {
        RunState.FINISHED: Standing.CURRENT,
        RunState.ACTIVE: Standing.IN_PROGRESS,
        RunState.FAILED: Standing.FAILED,
        RunState.STOPPED: Standing.STOPPED,
    }[run.state]
    notes = _said(run) if standing is Standing.FAILED else ()
    return Decision(standing, run=run, names=(run.name,), notes=notes)


def unconfirmed(decision: Decision, snapshot: Snapshot) -> tuple[str, ...]:
    """The exact names to search for, one by one, before a submit may be planned.

    That a run is not listed never means that it does not exist: it may be hidden, or may have moved
    between two pages (product §3).
    """
    if decision.action in (None, Action.RESTORE):
        return ()
    return tuple(name for name in decision.names if name not in snapshot.confirmed)


def _keep(
    job: DeclaredJob,
    running: tuple[Run, ...],
    exact: tuple[Run, ...],
    recorded: frozenset[str],
) -> Decision:
    finished = [run for run in running if run.state is RunState.FINISHED]
    whole = [run for run in finished if run.id in recorded]
    current = (whole or finished or list(running))[0]
    names = tuple(sorted({job.name, *(run.name for run in exact)}))
    standing = Standing.CURRENT if finished else Standing.IN_PROGRESS
    return Decision(standing, run=current, names=names)


def _after_failure(
    job: DeclaredJob,
    exact: tuple[Run, ...],
    last: Run,
    used: int,
    names: tuple[str, ...],
    retry_asked: bool,
    incomplete: frozenset[str],
) -> Decision:
    """Only FAILED is ever retried by itself (product §3).

    A stopped or hidden run is a person's decision, and one that misses files would miss them again.
    """
    only_failed = all(run.visible and run.state is RunState.FAILED for run in exact)
    if retry_asked or (only_failed and used <= job.retries):
        return Decision(
            Standing.PENDING,
            action=Action.RETRY,
            reason=Reason.RETRY_ASKED if retry_asked else Reason.RUN_FAILED,
            before=last,
            attempt=used + 1,
            names=names,
            notes=_said(last),
        )
    if last.id in incomplete:
        return Decision(Standing.INCOMPLETE, run=last, names=names)
    stopped = [r for r in exact if r.state is not RunState.FAILED and r.id not in incomplete]
    return Decision(
        Standing.STOPPED if stopped else Standing.FAILED,
        run=last,
        reason=Reason.RUN_STOPPED if stopped else Reason.RUN_FAILED,
        names=names,
        notes=_failure_notes(job, last, used),
    )


def _failure_notes(job: DeclaredJob, last: Run, used: int) -> tuple[str, ...]:
    notes = list(_said(last))
    if not last.visible:
        notes.append("hidden")
    if job.retries and last.state is RunState.FAILED:
        declared = job.retries + 1
        notes.append(
            f"{used} of {declared} attempts used"
            if used <= declared
            else f"{used} attempts used, {declared} declared"
        )
    return tuple(notes)


def _said(run: Run) -> tuple[str, ...]:
    """What the service said of the end of *run*, without the full stop of a sentence."""
    return (run.message.removesuffix("."),) if run.message else ()


def _replaced(older: tuple[Run, ...]) -> Run:
    """The run that a new one takes the place of: the newest that came or may come to an end."""
    return (live(older) or older)[-1]
