"""What an apply tells while it runs, and the code it ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from jobsync.errors import ExitCode, worst
from jobsync.model import (
    AccessChange,
    Action,
    Address,
    Change,
    JobChange,
    Outcome,
    Plan,
    Result,
    Standing,
    Word,
)
from jobsync.structs import Struct, field


class EventType(Word):
    """The kinds of events, with Terraform's names."""

    PLANNED_CHANGE = "planned_change"
    APPLY_START = "apply_start"
    APPLY_PROGRESS = "apply_progress"
    APPLY_COMPLETE = "apply_complete"
    APPLY_ERRORED = "apply_errored"
    CHANGE_SUMMARY = "change_summary"


class OutcomeKind(Word):
    """What an outcome is about. ``run`` is the end of a job that was waited for."""

    JOB = "job"
    RUN = "run"
    PERMISSION = "permission"
    OUTPUT = "output"


class ApplyEvent(Struct, frozen=True):
    """One thing that happened. ``at`` is seconds since the epoch, ``elapsed`` seconds it took.

    ``status`` is the service's word for a run, ``has_begun`` whether it has begun to run, ``done``
    of ``total`` are bytes of an output,
    ``counts`` the outcomes by result, in the summary.
    """

    type: EventType
    at: float
    address: Address = ""
    kind: str = ""
    action: Action | None = None
    result: Result | None = None
    run_id: str = ""
    status: str = ""
    has_begun: bool = False
    detail: str = ""
    elapsed: float = 0.0
    done: int = 0
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


_FAILED = (Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE)

Report = Callable[[ApplyEvent], None]


def kind_of(change: Change) -> OutcomeKind:
    """The kind of outcome that *change* ends in."""
    if isinstance(change, JobChange):
        return OutcomeKind.JOB
    if isinstance(change, AccessChange):
        return OutcomeKind.PERMISSION
    return OutcomeKind.OUTPUT


def exit_code(plan: Plan, outcomes: Iterable[Outcome]) -> ExitCode:
    """The code that an apply of *plan* ends with (product §3).

    A job that failed is 7, whether it failed before or while it was waited for; what could not be
    carried out, or could not be read, is 5 when it was in part or other changes were, and 1 when
    none was; what is still running when the wait is over is 5. Two runs of one name are 6. Waiting
    for the next apply is not a failure.
    """
    outcomes = tuple(outcomes)
    return worst(_codes(plan, outcomes))


def _codes(plan: Plan, outcomes: tuple[Outcome, ...]) -> Iterable[ExitCode]:
    carried = [outcome for outcome in outcomes if outcome.kind != OutcomeKind.RUN]
    done = any(outcome.result is Result.DONE for outcome in carried)
    for outcome in outcomes:
        if outcome.result is Result.UNKNOWN:
            yield ExitCode.UNKNOWN
        elif outcome.result is Result.STALE:
            yield ExitCode.STALE
        elif outcome.result is Result.BLOCKED:
            yield ExitCode.BLOCKED
        elif outcome.kind == OutcomeKind.RUN:
            if outcome.result is Result.FAILED:
                yield ExitCode.JOB_FAILED
            elif outcome.result is not Result.DONE:
                yield ExitCode.PARTIAL
        elif outcome.result is Result.FAILED:
            yield ExitCode.PARTIAL if done or outcome.in_part else ExitCode.ERROR
    if plan.duplicates:
        yield ExitCode.UNKNOWN
    for state in plan.states:
        if state.problems:
            yield ExitCode.PARTIAL if done else ExitCode.ERROR
        if state.standing in _FAILED:
            yield ExitCode.JOB_FAILED
