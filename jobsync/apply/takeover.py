"""Journals of one service under several spellings of its URL become one.

Versions that took ``HTTPS://API.example`` for another service than ``https://api.example`` kept a
journal for each. What either of them has open blocks a submit, so the others are read wherever
this one is, and taken over before anything is sent. Each line that matters is on the disk here
before the other file goes: a crash in between leaves both, and the next takeover says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobsync.apply.clock import Clock
from jobsync.apply.journal import (
    Journal,
    journal_path,
    journals,
    open_journal,
    read_journal,
    remove_journal,
)
from jobsync.apply.journal_entry import OPEN, Binding, Entry, State, decode, latest, owner
from jobsync.apply.lock import apply_lock
from jobsync.base_url import base_url
from jobsync.errors import SettingsError
from jobsync.structs import replace


@contextmanager
def locked_journal(state_dir: Path, binding: Binding, clock: Clock) -> Iterator[Journal]:
    """The journal of *binding*, locked; what lies here under other spellings is in it.

    Raises :class:`~jobsync.errors.Blocked` when another apply holds one of the locks, and
    :class:`~jobsync.apply.journal.JournalFailed` or
    :class:`~jobsync.apply.journal_entry.JournalDamaged` when one of the journals cannot be used.
    """
    with apply_lock(state_dir, binding, clock), open_journal(state_dir, binding) as journal:
        for other in _other_spellings(state_dir, binding):
            with apply_lock(state_dir, other, clock):
                _take_over(journal, journal_path(state_dir, other), other, clock)
        yield journal


def journaled(state_dir: Path, binding: Binding) -> dict[str, Entry]:
    """The last word on each run name, under whatever spelling it was written. Only reads."""
    states: dict[str, Entry] = {}
    for spelling in (binding, *_other_spellings(state_dir, binding)):
        for entry in _entries(journal_path(state_dir, spelling), spelling):
            states[entry.name] = merged(states.get(entry.name), entry)
    return states


def merged(mine: Entry | None, theirs: Entry) -> Entry:
    """What two journals say together of one run name. An open submit in either stays open."""
    if mine is None:
        return theirs
    either = (mine, theirs)
    still_open = [entry for entry in either if entry.state in OPEN]
    ids = tuple(dict.fromkeys(job for entry in either for job in entry.ids))
    if len(still_open) == 2:
        # It may have been sent from both: the job is looked for, not read by one id.
        return replace(mine, state=State.UNKNOWN, posted=max(e.posted for e in either), ids=())
    if still_open:
        return still_open[0]
    if len(ids) > 1 or State.DUPLICATE in (mine.state, theirs.state):
        return replace(mine, state=State.DUPLICATE, ids=ids, reason="more than one job")
    return theirs if theirs.state is State.CONFIRMED else mine


def _other_spellings(state_dir: Path, binding: Binding) -> list[Binding]:
    """Whose journals lie here beside that of *binding* and mean the same service and user."""
    own = journal_path(state_dir, binding)
    found = []
    for path in journals(state_dir, binding.project):
        if path == own:
            continue
        other = owner(read_journal(path), str(path))
        # One that was copied or renamed is not in use: nobody would look for it there.
        if other and path == journal_path(state_dir, other) and _same(other, binding):
            found.append(other)
    return found


def _same(other: Binding, binding: Binding) -> bool:
    try:
        service = base_url(other.service)
    except SettingsError:
        return False
    return replace(other, service=service) == binding


def _entries(path: Path, binding: Binding) -> list[Entry]:
    return list(latest(decode(read_journal(path), binding, str(path)).entries).values())


def _take_over(journal: Journal, path: Path, other: Binding, clock: Clock) -> None:
    for entry in _entries(path, other):
        mine = journal.state(entry.name)
        both = merged(mine, entry)
        if both.state is State.SENDING:
            # Not this one's line: "sending" would say that it is sent now.
            both = replace(both, state=State.UNKNOWN)
        if mine is None or replace(both, at=0.0, reason="") != replace(mine, at=0.0, reason=""):
            journal.append(both, clock)
    journal.sync()
    remove_journal(path)
