"""Before an apply: what became of earlier submits. After it: whether one has become two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from jobsync.apply import jobs
from jobsync.apply.record import Entry, State
from jobsync.apply.report import Event, EventType, Kind
from jobsync.apply.session import Session
from jobsync.apply.submit import reconcile, reconcile_ended, scan
from jobsync.errors import ServiceError
from jobsync.model import Address, JobChange, Outcome

_FEW = 20
"""Up to so many submits, asking for each name costs less than a listing of everything."""


def resolve_open(session: Session, pool: ThreadPoolExecutor) -> dict[Address, Outcome]:
    """Find out about the submits of earlier runs; the addresses where that did not work."""
    limits = session.settings.submits
    settle = reconcile_ended if session.settings.embedded else reconcile

    def find_out(entry: Entry) -> Entry:
        looking = f"looking for {entry.name}, which may have been sent by an earlier run"
        session.tell(
            Event(
                EventType.APPLY_PROGRESS,
                0.0,
                address=entry.address,
                kind=str(Kind.JOB),
                status=looking,
            )
        )
        entry = session.driver.drive(settle(entry, limits))
        if entry.state is State.CONFIRMED:
            session.ended(jobs.earlier(entry))
        return entry

    entries = pool.map(find_out, session.driver.open_submits())
    return {
        entry.address: jobs.earlier(entry)
        for entry in entries
        if entry.state not in (State.CONFIRMED, State.REJECTED)
    }


def duplicates(
    session: Session, pool: ThreadPoolExecutor, submitted: Mapping[str, JobChange]
) -> list[Outcome]:
    """The submits, by name, of which the service now shows more than one job."""
    driver = session.driver
    futures = {
        pool.submit(driver.drive, scan(entry)): submitted[name]
        for name in _suspects(session, submitted)
        if (entry := driver.past(name)) is not None and entry.state is State.CONFIRMED
    }
    entries = [(change, future.result()) for future, change in futures.items()]
    return [
        jobs.outcome_of(change, entry)
        for change, entry in entries
        if entry.state is State.DUPLICATE
    ]


def _suspects(session: Session, submitted: Mapping[str, JobChange]) -> list[str]:
    """The names to ask for: of many submits only those that one listing does not show once."""
    if len(submitted) <= _FEW:
        return list(submitted)
    try:
        runs = session.backend.runs(lambda run: run.name in submitted)
    except ServiceError:
        return list(submitted)
    counts = Counter(run.name for run in runs if run.owner == session.plan.user)
    return [name for name in submitted if counts[name] != 1]
