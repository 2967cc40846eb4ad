"""Settling by hand a submit whose outcome is open: the only way past it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Union

from jobsync.apply.clock import Clock, SystemClock
from jobsync.apply.journal import Journal, journal_path
from jobsync.apply.journal_entry import OPEN, Binding, Entry, State
from jobsync.apply.shared.claims import Denied, Unread
from jobsync.apply.shared.journal import SharedJournal
from jobsync.apply.shared.record import Record
from jobsync.apply.takeover import journaled, locked_journal
from jobsync.backend import Reader
from jobsync.errors import Blocked, JobsyncError
from jobsync.globs import is_glob
from jobsync.globs import matches as matches_glob
from jobsync.model import Address, Plan, Snapshot
from jobsync.plan.history import base_of
from jobsync.platform import Platform
from jobsync.structs import Struct, replace


class Submitted(Struct, frozen=True):
    """It was submitted: this is the job."""

    job_id: str


class NotSubmitted(Struct, frozen=True):
    """It was not submitted, and will not arrive any more: it may be sent again."""


Verdict = Union[Submitted, NotSubmitted]

YOUNG = 900.0
"""Seconds after a claim for which nobody else says that it was not sent."""

_BY_HAND = "resolved by hand"


def open_submits(
    state_dir: Path, binding: Binding, states: frozenset[State] = OPEN
) -> tuple[Entry, ...]:
    """The submits whose outcome is open, or in one of *states*, oldest first.

    Only reads; empty without a journal.
    """
    entries = journaled(state_dir, binding).values()
    return tuple(entry for entry in entries if entry.state in states)


def open_under(
    platform: Platform, state_dir: Path, binding: Binding, names: Collection[str]
) -> Iterator[Entry]:
    """The open submits under *names* (without attempts) in the journals of other projects."""
    marks = map(platform.read_mark, names)
    projects = {mark.project for mark in marks if mark} - {binding.project}
    for project in sorted(projects):
        for entry in open_submits(state_dir, replace(binding, project=project)):
            if base_of(platform, entry.name) in names:
                yield entry


def unknown_to(
    platform: Platform,
    plan: Plan,
    snapshot: Snapshot,
    state_dir: Path,
    *,
    embedded: bool,
    shared: Iterable[Record] = (),
) -> Iterator[tuple[Address, Entry]]:
    """The open submits of which *snapshot* shows no run, each with the address that it holds up.

    Of an *embedded* service, a request that made no job ended with the command that sent it.
    *shared* are the records of the shared journal.
    """
    binding = Binding.of_plan(plan, platform)
    held = {
        base_of(platform, name): address
        for address, basis in plan.basis.items()
        for name in basis.names
    }
    there = {run.name for run in snapshot.runs}
    of_others = (
        Entry(r.name, r.address or r.name, State.UNKNOWN, reason=_claimed(r))
        for r in shared
        if r.state in OPEN
    )
    for entry in (
        *open_submits(state_dir, binding),
        *open_under(platform, state_dir, binding, held),
        *of_others,
    ):
        if entry.name not in there and not (embedded and not entry.ids):
            there.add(entry.name)
            yield held.get(base_of(platform, entry.name), entry.address), entry


def _claimed(record: Record) -> str:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.claimed))
    return f"claimed by {record.who or 'somebody'} at {when}"


def resolve_submits(
    what: str,
    verdict: Verdict,
    reader: Reader,
    state_dir: Path,
    binding: Binding,
    clock: Clock | None = None,
    *,
    shared: SharedJournal | None = None,
    is_certain: bool = False,
) -> tuple[Entry, ...]:
    """Record *verdict* on the open submits of *what*: an address, an exact run name, or a glob.

    They are looked for in the journal of this machine and in the *shared* one, and settled in both.
    A job that is named must be there, mine and of that very name; "not submitted" is refused while
    a job of the name can be seen, and for 15 minutes after somebody claimed it, unless the person
    *is_certain*: whoever claimed it may be about to send it. Raises
    :class:`~jobsync.errors.JobsyncError` where the verdict cannot be, and
    :class:`~jobsync.errors.Blocked` while an apply is running here, or the shared journal cannot
    be read or written.
    """
    clock = clock or SystemClock()
    with locked_journal(state_dir, binding, clock) as journal:
        records = _records(shared)
        places = [str(journal_path(state_dir, binding)), *([shared.label] if shared else [])]
        entries = _meant(what, verdict, journal, records, places, reader)
        settled = [_settled(entry, verdict, reader, binding.user) for entry in entries]
        if shared is not None:
            mine = [records[entry.name] for entry in entries if entry.name in records]
            if isinstance(verdict, NotSubmitted) and not is_certain:
                _refuse_young(shared, mine)
            _settle_shared(shared, settled, records)
        here = {entry.name for entry in journal.open_submits()}
        return tuple(journal.append(e, clock) if e.name in here else e for e in settled)


def _records(shared: SharedJournal | None) -> Mapping[str, Record]:
    if shared is None:
        return {}
    look = shared.look()
    if isinstance(look, Unread):
        raise Blocked(f"{look.reason}, so nothing is settled", hint=look.advice)
    return look.records


def _meant(
    what: str,
    verdict: Verdict,
    journal: Journal,
    records: Mapping[str, Record],
    places: Sequence[str],
    reader: Reader,
) -> list[Entry]:
    """The open submits that *what* means. Raises :class:`JobsyncError` for none, and for several
    where one is meant."""
    there = {entry.name: entry for entry in journal.open_submits()}
    for record in records.values():
        if record.state in OPEN:
            there.setdefault(record.name, Entry(record.name, record.address, record.state))
    found = [e for e in there.values() if _matches(what, e)] or _vanished(what, records, reader)
    if len(found) == 1 or (found and is_glob(what) and isinstance(verdict, NotSubmitted)):
        return sorted(found, key=lambda entry: entry.name)
    if found:
        names = ", ".join(entry.name for entry in found)
        raise JobsyncError(f"{what} has several open submits", hint=f"name one of them: {names}")
    names = ", ".join(sorted(entry.address or entry.name for entry in there.values()))
    raise JobsyncError(
        f"{what} has no submit whose outcome is open in {' or '.join(places)}",
        hint=f"open submits: {names}" if names else _elsewhere(len(places)),
    )


def _elsewhere(places: int) -> str:
    if places > 1:
        return "there are no open submits"
    return (
        "there are no open submits here; without a shared journal (jobsync journal init), those of "
        "another machine can only be settled there"
    )


def _matches(what: str, entry: Entry) -> bool:
    return what in (entry.name, entry.address) or matches_glob(entry.address, what)


def _vanished(what: str, records: Mapping[str, Record], reader: Reader) -> list[Entry]:
    """What is said to have made a job that the service does not have."""
    found = [r for r in records.values() if r.state is State.CONFIRMED and what == r.name]
    entries = [Entry(r.name, r.address, State.HELD) for r in found]
    return [entry for entry in entries if not reader.runs_named(entry.name)]


def _settled(entry: Entry, verdict: Verdict, reader: Reader, user: str) -> Entry:
    if isinstance(verdict, Submitted):
        _check_job(reader, entry, verdict.job_id, user)
        return entry.to(State.CONFIRMED, ids=(verdict.job_id,), reason=_BY_HAND)
    _check_absent(reader, entry, user)
    return entry.to(State.REJECTED, reason=f"{_BY_HAND}: not submitted")


def _refuse_young(shared: SharedJournal, records: Sequence[Record]) -> None:
    for record in records:
        if record.state is not State.CONFIRMED and (age := shared.age(record)) < YOUNG:
            raise Blocked(
                f"{record.who or 'somebody'} claimed {record.name} {age:.0f} s ago and may still "
                f"send it",
                hint=f"wait until {YOUNG / 60:.0f} minutes have gone by, or, if you know that this "
                "process has ended, add --force",
            )


def _settle_shared(
    shared: SharedJournal, settled: Sequence[Entry], records: Mapping[str, Record]
) -> None:
    for entry in settled:
        if entry.name not in records:
            continue
        verdict = shared.settle(entry)
        if isinstance(verdict, Denied):
            raise Blocked(f"the shared journal cannot be written: {verdict.reason}")


def _check_job(reader: Reader, entry: Entry, job_id: str, user: str) -> None:
    named = {run.id: run for run in reader.runs_named(entry.name)}
    run = named.get(job_id) or reader.run(job_id)
    if run.name != entry.name or run.owner != user:
        raise JobsyncError(
            f"job {job_id} is {run.name} of {run.owner}, not {entry.name} of {user}",
            hint="jobsync history ADDRESS lists the runs of an address",
        )


def _check_absent(reader: Reader, entry: Entry, user: str) -> None:
    mine = [run.id for run in reader.runs_named(entry.name) if run.owner == user]
    if mine:
        raise JobsyncError(
            f"{entry.name} was submitted: {', '.join(mine)}",
            hint=f"jobsync resolve {entry.address} --submitted {mine[0]}",
        )
