"""Before an apply: what became of earlier submits. After it: whether one has become two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from jobsync.apply import job_step
from jobsync.apply.journal_entry import OPEN, Binding, Entry, State
from jobsync.apply.manual_resolution import open_under
from jobsync.apply.report import ApplyEvent, EventType, OutcomeKind
from jobsync.apply.session import Session
from jobsync.apply.shared.claims import Unread
from jobsync.apply.sharing import is_of_job
from jobsync.apply.submit_protocol import find, look_again, reconcile, reconcile_ended, scan
from jobsync.errors import ServiceError
from jobsync.model import SUBMITS, JobChange, Outcome, Plan
from jobsync.plan.history import base_of, copies
from jobsync.platform import Platform
from jobsync.structs import replace

_FEW = 20
"""Up to so many submits, asking for each name costs less than a listing of everything."""


def resolve_open(session: Session, pool: ThreadPoolExecutor) -> tuple[Entry, ...]:
    """Find out what became of each open submit of earlier applies.

    Submits of projects that jobs had formerly are in journals of their own; those are only read.
    """
    limits = session.settings.submits
    settle = reconcile_ended if session.settings.embedded else reconcile

    def find_out(entry: Entry) -> Entry:
        looking = f"searching for {entry.name}, which an earlier apply may have sent"
        session.tell(
            ApplyEvent(
                EventType.APPLY_PROGRESS,
                0.0,
                address=entry.address,
                kind=str(OutcomeKind.JOB),
                status=looking,
            )
        )
        entry = session.driver.drive(settle(entry, limits))
        if entry.state is State.CONFIRMED:
            session.ended(job_step.earlier(entry))
        return entry

    settled = list(pool.map(find_out, session.driver.open_submits()))
    for entry in session.driver.duplicates():
        session.driver.drive(look_again(entry, limits))
    return (*settled, *_of_former_projects(session), *others_open(session, pool))


def others_open(session: Session, pool: ThreadPoolExecutor) -> tuple[Entry, ...]:
    """What has become of the open submits of this plan's jobs under their other names that stand
    in the shared journal. Of the same name, the claim finds out."""
    if session.shared is None:
        return ()
    look = session.shared.look()
    if isinstance(look, Unread):
        return ()  # then no claim is granted either
    planned, platform = session.plan.submits, session.backend.platform
    names = {change.name for change in planned}
    now = session.settings.clock.now()
    entries = [
        Entry(
            record.name,
            record.name,  # by which `jobsync resolve` finds it
            State.UNKNOWN,
            posted=now - session.shared.age(record),
            reason=f"{record.who or 'somebody else'} has the right to submit it",
        )
        for record in look.records.values()
        if record.state in OPEN
        and record.name not in names
        and any(is_of_job(platform, session.plan, change)(record.name) for change in planned)
    ]
    limits = session.settings.submits
    return tuple(pool.map(lambda entry: session.driver.drive(find(entry, limits)), entries))


def concerns(platform: Platform, entry: Entry, change: JobChange, plan: Plan) -> bool:
    """Whether *entry* is of the job of *change*: of its address, or under any of its names."""
    names = _names(platform, change, plan)
    return entry.address == change.address or base_of(platform, entry.name) in names


def is_news(platform: Platform, entry: Entry, change: JobChange, plan: Plan) -> bool:
    """Whether *entry* has found a job of *change* under another name that the plan did not see."""
    basis = plan.basis.get(change.address)
    known = basis.runs.keys() if basis else ()
    others = _names(platform, change, plan) - {base_of(platform, change.name)}
    base = base_of(platform, entry.name)
    return base in others and not any(job_id in known for job_id in entry.ids)


def _names(platform: Platform, change: JobChange, plan: Plan) -> frozenset[str]:
    """Every name, without attempt, that a run of the job of *change* may have."""
    basis = plan.basis.get(change.address)
    names = (change.name, *(basis.names if basis else ()))
    return frozenset(base_of(platform, name) for name in names)


def _of_former_projects(session: Session) -> Iterator[Entry]:
    """Open submits under former names, in the journals of other projects."""
    plan, platform = session.plan, session.backend.platform
    names = {
        name
        for change in plan.changes
        if isinstance(change, JobChange) and change.action in SUBMITS
        for name in _names(platform, change, plan)
    }
    binding = Binding.of_plan(plan, platform)
    for entry in open_under(platform, session.settings.state_dir, binding, names):
        yield replace(entry, address=entry.name)  # by which `jobsync resolve` finds it


def find_duplicates(
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
        job_step.outcome_of(change, entry)
        for change, entry in entries
        if entry.state is State.DUPLICATE
    ]


def _suspects(session: Session, submitted: Mapping[str, JobChange]) -> list[str]:
    """The names to ask for: of many submits only those that one listing does not show once."""
    if len(submitted) <= _FEW:
        return list(submitted)
    try:
        prefix = session.backend.platform.name_prefix(session.plan.project)
        runs = session.backend.runs(lambda run: run.name in submitted, (prefix,))
    except ServiceError:
        return list(submitted)
    by_a_person = copies(runs)
    mine = (run for run in runs if run.owner == session.plan.user and run.id not in by_a_person)
    counts = Counter(run.name for run in mine)
    return [name for name in submitted if counts[name] != 1]
