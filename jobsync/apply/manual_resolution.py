"""Settling by hand a submit whose outcome is open: the only way past it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Union

from jobsync.apply.clock import Clock, SystemClock
from jobsync.apply.journal import Journal
from jobsync.apply.journal_entry import OPEN, Binding, Entry, State
from jobsync.apply.takeover import journaled, locked_journal
from jobsync.backend import Reader
from jobsync.errors import JobsyncError
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
    platform: Platform, plan: Plan, snapshot: Snapshot, state_dir: Path, *, embedded: bool
) -> Iterator[tuple[Address, Entry]]:
    """The open submits of which *snapshot* shows no run, each with the address that it holds up.

    Of an *embedded* service, a request that made no job ended with the command that sent it.
    """
    binding = Binding.of_plan(plan)
    held = {
        base_of(platform, name): address
        for address, basis in plan.basis.items()
        for name in basis.names
    }
    there = {run.name for run in snapshot.runs}
    for entry in (
        *open_submits(state_dir, binding),
        *open_under(platform, state_dir, binding, held),
    ):
        if entry.name not in there and not (embedded and not entry.ids):
            yield held.get(base_of(platform, entry.name), entry.address), entry


def resolve(
    what: str,
    verdict: Verdict,
    reader: Reader,
    state_dir: Path,
    binding: Binding,
    clock: Clock | None = None,
) -> Entry:
    """Record *verdict* on the open submit of *what*, an address or an exact run name.

    A job that is named must be there, mine and of that very name; "not submitted" is refused while
    a job of the name can be seen. Raises :class:`~jobsync.errors.JobsyncError` where the verdict
    cannot be, :class:`~jobsync.errors.Blocked` while an apply is running.
    """
    clock = clock or SystemClock()
    with locked_journal(state_dir, binding, clock) as journal:
        entry = _the_one(journal, what)
        if isinstance(verdict, Submitted):
            _check_job(reader, entry, verdict.job_id, binding.user)
            settled = entry.to(State.CONFIRMED, ids=(verdict.job_id,), reason=_BY_HAND)
        else:
            _check_absent(reader, entry, binding.user)
            settled = entry.to(State.REJECTED, reason=f"{_BY_HAND}: not submitted")
        return journal.append(settled, clock)


def _the_one(journal: Journal, what: str) -> Entry:
    entries = [e for e in journal.open_submits() if what in (e.name, e.address)]
    if len(entries) == 1:
        return entries[0]
    if entries:
        names = ", ".join(entry.name for entry in entries)
        raise JobsyncError(f"{what} has several open submits", hint=f"name one of them: {names}")
    names = ", ".join(entry.address for entry in journal.open_submits())
    raise JobsyncError(
        f"{what} has no submit whose outcome is open",
        hint=f"open submits: {names}" if names else "there are no open submits",
    )


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
