"""The submit protocol: what to do next, told from what came back. Pure, no I/O.

The service has no idempotency key, and an answer may be lost after a job was made. So a submit is
written down before it is sent, sent once, and after any answer that proves nothing it is looked
for by its exact name. What cannot be found is held, never sent again: *not found* proves nothing
where a request can be delayed or a search can lag.

With a shared journal the right to send is claimed first, among all who use it; without one the
lock of this machine gives it, and every claim is granted.

Each function here is a generator of commands. ``protocol_runner.py`` carries them out for
real; the simulator in the tests carries out the same ones under every fault.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

from jobsync.apply.journal_entry import Entry, State
from jobsync.apply.submit_messages import (
    Ambiguous,
    Append,
    Awake,
    Claim,
    Command,
    Denied,
    Found,
    Made,
    Mine,
    Note,
    NotMade,
    Now,
    Post,
    Protocol,
    Read,
    Reply,
    Search,
    Seen,
    Share,
    Sleep,
    Theirs,
    Times,
    Trouble,
)
from jobsync.structs import Struct


class SubmitLimits(Struct, frozen=True):
    """How long to look, in seconds, and how often a submit proven not made is tried.

    None of these decides whether a job may exist: waiting longer only settles more by itself.
    ``not_before`` is a moment of the monotonic clock: nothing is sent until then, since what an
    earlier runner sent may not be seen yet, and after it each name is searched once more.
    """

    settle: float = 120.0
    visible: float = 60.0
    tries: int = 3
    pause: float = 1.0
    longest_pause: float = 15.0
    not_before: float = 0.0


def submit(name: str, address: str, past: Entry | None, limits: SubmitLimits) -> Protocol:
    """Submit the job *name*, unless it may have been submitted before.

    *past* is the journal's last word on that name. Returns the last entry; only ``confirmed`` means
    that there is one job and it can be read.
    """
    return (yield from _shared(_submit(name, address, past, limits)))


def _submit(name: str, address: str, past: Entry | None, limits: SubmitLimits) -> Protocol:
    if past is not None and past.state not in (State.INTENT, State.REJECTED):
        return (yield from _reconcile(past, limits))
    entry = yield from _append(Entry(name, address, State.INTENT))
    known = yield from _look_before(entry, limits)
    if known is None and limits.not_before:
        left = limits.not_before - cast(Times, (yield Now())).monotonic
        if left > 0 and (yield from _sleep(left)):
            return entry.to(State.INTENT, reason="not sent: stopped before it began")
        known = yield from _look_before(entry, limits)
    return (yield from _send(entry, limits)) if known is None else known


def _look_before(entry: Entry, limits: SubmitLimits) -> Generator[Command, Reply, Entry | None]:
    """What ends the submit before it is sent: a job of that name, or no answer. None: neither."""
    found = yield Search(entry.name)
    if isinstance(found, Trouble):
        return entry.to(State.INTENT, reason=f"not sent: {found.reason}")
    if jobs := cast(Found, found).jobs:
        return (yield from _adopt(entry, jobs, limits))
    return None


def reconcile(past: Entry, limits: SubmitLimits) -> Protocol:
    """Find out what became of an earlier submit. Never sends one."""
    return (yield from _shared(_reconcile(past, limits)))


def _reconcile(past: Entry, limits: SubmitLimits) -> Protocol:
    if past.state in (State.ACCEPTED, State.CONFIRMED) and past.ids:
        return (yield from _confirm(past, limits))
    return (yield from _settle(past, limits))


def reconcile_ended(past: Entry, limits: SubmitLimits) -> Protocol:
    """The same where the service ended with the command that sent it, as the embedded one does.

    Nothing of that command can arrive any more: what is not there was not made.
    """
    found = yield Search(past.name)
    if past.ids or not isinstance(found, Found) or found.jobs:
        return (yield from reconcile(past, limits))
    return (yield from _note(past.to(State.REJECTED, reason="ended before the service had it")))


def scan(entry: Entry) -> Protocol:
    """Look whether a confirmed submit has become two jobs, however that came about."""
    found = yield Search(entry.name)
    if isinstance(found, Found) and len(_shown(found.jobs)) > 1:
        return (yield from _duplicate(entry, _shown(found.jobs)))
    return entry


def look_again(entry: Entry, limits: SubmitLimits) -> Protocol:
    """Look whether a duplicate has been settled: a person has put all but one of the jobs away."""
    found = yield Search(entry.name)
    if isinstance(found, Found) and len(_shown(found.jobs)) == 1:
        return (yield from _adopt(entry, found.jobs, limits))
    return entry


def find(theirs: Entry, limits: SubmitLimits) -> Protocol:
    """Look for a submit that somebody else claimed. Writes nothing here: it is not ours."""
    return (yield from _shared(_looked_for(theirs, limits)))


def _shared(protocol: Protocol) -> Protocol:
    entry = yield from protocol
    return cast(Entry, (yield Share(entry)))


def _send(entry: Entry, limits: SubmitLimits) -> Protocol:
    answer = yield Claim(entry)
    if isinstance(answer, Mine):
        return (yield from _post(entry, limits))
    return (yield from _not_mine(entry, answer, limits))


def _not_mine(entry: Entry, answer: Reply, limits: SubmitLimits) -> Protocol:
    """Wait for what comes of the submit of somebody else, whose right it is."""
    if isinstance(answer, Denied):
        return entry.to(State.DENIED, reason=answer.reason)
    theirs = cast(Theirs, answer)
    if theirs.name != entry.name:
        return (yield from _under_another_name(entry, theirs, limits))
    deadline, pause, stopping = (yield from _deadline(theirs, limits)), limits.pause, False
    while True:
        found = yield Search(entry.name)
        if isinstance(found, Found) and found.jobs:
            return (yield from _adopt(entry, found.jobs, limits))
        if isinstance(answer, Mine):  # they gave it back, and have not sent it
            return (yield from _post(entry, limits))
        left = deadline - cast(Times, (yield Now())).monotonic
        if left <= 0 or stopping:
            return entry.to(State.HELD, reason=f"{theirs.who} has the right to submit it")
        stopping = yield from _sleep(min(pause, left))
        pause = min(pause * 2, limits.longest_pause)
        answer = yield Claim(entry)


def _under_another_name(entry: Entry, theirs: Theirs, limits: SubmitLimits) -> Protocol:
    """The job has been planned without a run that somebody else is just submitting."""
    other = Entry(theirs.name, entry.address, State.HELD)
    deadline = yield from _deadline(theirs, limits)
    found, _ = yield from _search_until(other.name, deadline, limits)
    if isinstance(found, Found) and found.jobs:
        reason = f"{theirs.who} has submitted it as {theirs.name}: plan again"
        return entry.to(State.DENIED, reason=reason)
    reason = f"{theirs.who} has the right to submit it as {theirs.name}"
    return entry.to(State.HELD, reason=reason)


def _looked_for(theirs: Entry, limits: SubmitLimits) -> Protocol:
    deadline = yield from _settled_at(theirs, limits)
    found, _ = yield from _search_until(theirs.name, deadline, limits)
    if isinstance(found, Found) and found.jobs:
        ids = tuple(job.job_id for job in _shown(found.jobs))
        state = State.CONFIRMED if len(ids) == 1 else State.DUPLICATE
        return theirs.to(state, ids=ids, reason="found")
    return theirs.to(State.HELD, reason=theirs.reason)


def _search_until(
    name: str, deadline: float, limits: SubmitLimits
) -> Generator[Command, Reply, tuple[Reply, bool]]:
    """Search until there is a job, or the deadline, or somebody asks to stop.

    Returns the last answer, and whether somebody asked to stop.
    """
    pause, stopping = limits.pause, False
    while True:
        found = yield Search(name)
        left = deadline - cast(Times, (yield Now())).monotonic
        if (isinstance(found, Found) and found.jobs) or left <= 0 or stopping:
            return found, stopping
        stopping = yield from _sleep(min(pause, left))
        pause = min(pause * 2, limits.longest_pause)


def _deadline(theirs: Theirs, limits: SubmitLimits) -> Generator[Command, Reply, float]:
    now = cast(Times, (yield Now())).monotonic
    return now + max(0.0, limits.settle - theirs.age)


def _post(entry: Entry, limits: SubmitLimits) -> Protocol:
    for attempt in range(1, limits.tries + 1):
        entry = yield from _append(entry.to(State.SENDING))
        claim = yield Claim(entry)  # the machine may have slept since
        if not isinstance(claim, Mine):
            entry = yield from _note(entry.to(State.REJECTED, reason="not sent"))
            return (yield from _not_mine(entry, claim, limits))
        answer = yield Post(entry.name)
        if isinstance(answer, Made):
            entry = yield from _note(entry.to(State.ACCEPTED, ids=(answer.job_id,)))
            return (yield from _confirm(entry, limits))
        if not isinstance(answer, NotMade):
            reason = cast(Ambiguous, answer).reason
            entry = yield from _note(entry.to(State.UNKNOWN, reason=reason))
            return (yield from _settle(entry, limits))
        entry = yield from _note(entry.to(State.REJECTED, reason=answer.reason))
        if not answer.again or attempt == limits.tries:
            break
        if (yield from _sleep(limits.pause * 2**attempt)):
            break
    return entry


def _settle(entry: Entry, limits: SubmitLimits) -> Protocol:
    """Look for a job that may have been made until the settle time has gone by."""
    deadline = yield from _settled_at(entry, limits)
    found, stopping = yield from _search_until(entry.name, deadline, limits)
    if isinstance(found, Found) and found.jobs:
        return (yield from _adopt(entry, found.jobs, limits))
    return (yield from _not_found(entry, found, stopping))


def _settled_at(entry: Entry, limits: SubmitLimits) -> Generator[Command, Reply, float]:
    """The monotonic time at which what was sent for *entry* would have been seen."""
    times = cast(Times, (yield Now()))
    gone = min(max(times.wall - entry.posted, 0.0), limits.settle)
    return times.monotonic + limits.settle - gone


def _not_found(entry: Entry, found: Reply, stopping: bool) -> Protocol:
    if isinstance(found, Trouble):
        reason = f"{entry.reason}; the search for it failed: {found.reason}".lstrip("; ")
        return (yield from _change(entry, State.UNKNOWN, reason))
    if stopping:
        return (yield from _change(entry, State.UNKNOWN, entry.reason))
    return (yield from _change(entry, State.HELD, entry.reason))


def _change(entry: Entry, state: State, reason: str) -> Protocol:
    """Note the state where it is a new one; a hundred runs that find nothing add one line."""
    if entry.state is state:
        return entry.to(state, ids=entry.ids, reason=reason)
    return (yield from _note(entry.to(state, ids=entry.ids, reason=reason)))


def _adopt(entry: Entry, jobs: tuple[Seen, ...], limits: SubmitLimits) -> Protocol:
    """Take over what bears the name: the name says which declaration and which attempt it is."""
    shown = _shown(jobs)
    if len(shown) > 1:
        return (yield from _duplicate(entry, shown))
    [job] = shown
    if not job.visible:
        return (yield from _note(entry.to(State.CONFIRMED, ids=(job.job_id,), reason="hidden")))
    entry = yield from _note(entry.to(State.ACCEPTED, ids=(job.job_id,), reason="found"))
    return (yield from _confirm(entry, limits))


def _confirm(entry: Entry, limits: SubmitLimits) -> Protocol:
    """Read the job by its id. A service may not find it for a while after it said yes."""
    start = cast(Times, (yield Now())).monotonic
    pause, stopping = limits.pause, False
    while True:
        found = yield Read(entry.ids[0])
        if isinstance(found, Found) and any(job.name == entry.name for job in found.jobs):
            return (yield from _change(entry, State.CONFIRMED, entry.reason))
        left = start + limits.visible - cast(Times, (yield Now())).monotonic
        if left <= 0 or stopping:
            return (yield from _unreadable(entry, found))
        stopping = yield from _sleep(min(pause, left))
        pause = min(pause * 2, limits.longest_pause)


def _unreadable(entry: Entry, read: Reply) -> Protocol:
    """An id that cannot be read: hidden meanwhile, lagging behind, or gone."""
    found = yield Search(entry.name)
    if isinstance(found, Found) and len(_shown(found.jobs)) > 1:
        return (yield from _duplicate(entry, _shown(found.jobs)))
    if isinstance(found, Found) and found.jobs:
        [job] = _shown(found.jobs)
        return (yield from _note(entry.to(State.CONFIRMED, ids=(job.job_id,), reason=entry.reason)))
    why = read.reason if isinstance(read, Trouble) else "the service does not show it"
    if isinstance(found, Trouble):
        why = found.reason
    reason = f"job {entry.ids[0]} cannot be read: {why}"
    if entry.state is State.CONFIRMED:
        return (yield from _note(entry.to(State.HELD, ids=entry.ids, reason=reason)))
    return entry.to(State.ACCEPTED, ids=entry.ids, reason=reason)


def _shown(jobs: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """The jobs that count when one name has several: what is hidden, a person has put away.

    When all of them are hidden it is the oldest, which is current once it is restored.
    """
    return tuple(job for job in jobs if job.visible) or jobs[:1]


def _duplicate(entry: Entry, jobs: tuple[Seen, ...]) -> Protocol:
    ids = tuple(job.job_id for job in jobs)
    if entry.state is State.DUPLICATE and entry.ids == ids:
        return entry
    return (yield from _note(entry.to(State.DUPLICATE, ids=ids, reason="more than one job")))


def _append(entry: Entry) -> Protocol:
    return cast(Entry, (yield Append(entry)))


def _note(entry: Entry) -> Protocol:
    return cast(Entry, (yield Note(entry)))


def _sleep(seconds: float) -> Generator[Command, Reply, bool]:
    return cast(Awake, (yield Sleep(seconds))).stopping
