"""The shared journal of one apply: opened where it submits, closed with what is not written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobsync.apply.journal_entry import Binding, State
from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.apply.session import Session
from jobsync.apply.settings import ApplySettings
from jobsync.apply.shared.journal import SharedJournal
from jobsync.backend import Backend
from jobsync.model import Action, JobChange, Outcome, Plan, Result
from jobsync.plan.history import base_of
from jobsync.platform import Platform


@contextmanager
def opened(plan: Plan, backend: Backend, settings: ApplySettings) -> Iterator[SharedJournal | None]:
    """The shared journal, None where nothing is submitted or there is none.

    What submits nothing does not ask the remote for anything, nor wait for it.
    """
    if settings.shared is None or not plan.submits:
        yield None
        return
    names = {name for basis in plan.basis.values() for name in basis.names}
    marks = (backend.platform.read_mark(name) for name in names)
    journal = SharedJournal(
        settings.shared,
        Binding.of_plan(plan, backend.platform),
        who=settings.who,
        served_at=backend.served_at,
        others={mark.project for mark in marks if mark},
        stopping=settings.stop.is_set,
    )
    try:
        yield journal
    finally:
        journal.close()


def closed(session: Session) -> Iterator[Outcome]:
    """Close the journal of *session*; the submits that others now take for open.

    What was sent and could not be written, they find by its name: that is a warning.
    """
    if session.shared is None:
        return
    for record in session.shared.close():
        reason = "the shared journal cannot be written"
        if record.state is State.REJECTED:
            detail = (
                f"{reason}, so others still take {record.name} for submitted, which it is "
                f"not; run: jobsync resolve {record.address} --not-submitted"
            )
            kind = str(OutcomeKind.JOB)
            yield Outcome(record.address, kind, Action.CREATE, Result.UNKNOWN, detail)
        else:
            session.tell(
                ApplyEvent(
                    EventType.APPLY_PROGRESS,
                    0.0,
                    address=record.address,
                    kind=str(OutcomeKind.JOB),
                    status=f"{reason}: others find {record.name} by its name",
                )
            )


def is_of_job(platform: Platform, plan: Plan, change: JobChange) -> Callable[[str], bool]:
    """Whether a run of some name is one of the job of *change*, whatever its attempt."""
    basis = plan.basis.get(change.address)
    names = {base_of(platform, name) for name in (change.name, *(basis.names if basis else ()))}
    return lambda name: base_of(platform, name) in names
