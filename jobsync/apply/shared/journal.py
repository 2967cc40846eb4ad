"""The shared journal as an apply uses it: claims before, what became of them after.

One thread moves the ref. Whatever is wanted while it is busy goes into its next commit together.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Protocol, cast

from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.apply.shared.claims import (
    PATIENCE,
    Claim,
    Denied,
    Fetch,
    Fetched,
    Granted,
    Move,
    NoAnswer,
    Push,
    Pushed,
    Refused,
    Reply,
    Taken,
    Unread,
    Verdict,
    Wait,
    Wish,
    carry,
    decided,
    given_back,
)
from jobsync.apply.shared.record import Record, folder, path
from jobsync.structs import Struct, replace

FRESH = 30.0
"""Seconds after which a claim is looked at again before its submit is sent."""

OLD = 300.0
"""Seconds after which it is claimed again. A person may settle an older claim at any moment, also
in the one between the look and the submit."""

_WHO = 300


_WRITTEN = {State.HELD: State.UNKNOWN, State.DENIED: State.REJECTED}
"""``held`` is never written: it follows from the age of a record. What was sent before, refused,
and then denied, has not made a job."""


def _no(name: str) -> bool:
    return False


class Ref(Protocol):
    """Where the journal lies: :class:`~jobsync.apply.shared.repository.Repository`."""

    @property
    def label(self) -> str:
        """What messages call this journal."""

    def fetch(self, scopes: tuple[str, ...], seconds: float = ...) -> Fetched | Unread:
        """Read the ref and the records in the folders *scopes*, in at most *seconds* seconds."""

    def push(
        self, onto: Fetched, writes: Mapping[str, Record | None]
    ) -> Pushed | Refused | NoAnswer:
        """Move the ref from *onto* to a commit that also has *writes*.

        *writes* maps paths to records; None removes a record. A push is never proof: only the next
        :meth:`fetch` shows what the ref says.
        """

    def close(self) -> None:
        """Remove what this process has left in the local folder."""


class Moment(Struct, frozen=True):
    """A moment by two clocks: that of the wall, and one that also counts while a machine sleeps."""

    wall: float
    boot: float

    @classmethod
    def now(cls) -> Moment:
        boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return cls(time.time(), time.clock_gettime(boot))

    def since(self, earlier: Moment) -> float:
        """Seconds since *earlier*, by whichever clock says more."""
        return max(self.wall - earlier.wall, self.boot - earlier.boot)


class SharedJournal:
    """An open shared journal, of one binding. Safe to use from several threads.

    ``served_at`` is the time on the service's clock, None where it does not tell. ``who`` is how
    other people's reports name this apply. ``others`` are projects whose records count as well.
    Once ``stopping``, no failed push is tried again; else for
    ``patience`` seconds.
    """

    def __init__(
        self,
        ref: Ref,
        binding: Binding,
        *,
        who: str,
        served_at: Callable[[], float | None],
        others: Collection[str] = (),
        stopping: Callable[[], bool] = bool,
        patience: float = PATIENCE,
        moment: Callable[[], Moment] = Moment.now,
    ) -> None:
        self._ref = ref
        self._binding = binding
        self._who = who[:_WHO]
        self._served_at = served_at
        self._stopping = stopping
        self._patience = patience
        self._moment = moment
        projects = sorted({binding.project, *others})
        self._scopes = tuple(folder(replace(binding, project=project)) for project in projects)
        self._last: Fetched | None = None
        self._looked = moment()
        self._using = threading.Lock()  # the ref, by one thread at a time
        self._guard = threading.Condition()  # all below
        self._queue: list[tuple[Wish, Future[Verdict] | None]] = []
        self._mine: dict[str, Record] = {}
        self._claimed: dict[str, Moment] = {}
        self._verified: dict[str, Moment] = {}
        self._sent: set[str] = set()
        self._pushed: set[str] = set()
        self._unsettled: dict[str, Move] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._down = ""

    @property
    def label(self) -> str:
        """What messages call this journal."""
        return self._ref.label

    def look(self) -> Fetched | Unread:
        """Read the ref now."""
        with self._using:
            return self._fetch()

    def now(self) -> float:
        """Seconds since the epoch on the service's clock, on ours where it does not tell."""
        served = self._served_at()
        return time.time() if served is None else served

    def age(self, record: Record) -> float:
        """Seconds since *record* was claimed, at least 0."""
        return max(0.0, self.now() - record.claimed)

    def claim(self, name: str, address: str, is_of_job: Callable[[str], bool] = _no) -> Verdict:
        """Get the right to send the submit *name*; *is_of_job* tells the other names of its job.

        Granted at once where this process has it and saw it less than 30 seconds ago, and never
        when that was longer ago: the machine may have slept at any moment.
        """
        while True:
            with self._guard:
                if self._down:
                    return Denied(self._down)
                if self._is_fresh(name):
                    return Granted()
                future: Future[Verdict] = Future()
                self._enqueue(Claim(self._claim_of(name, address), is_of_job), future)
            if not isinstance(verdict := future.result(), Granted):
                return verdict

    def _is_fresh(self, name: str) -> bool:
        if (verified := self._verified.get(name)) is None:
            return False
        now = self._moment()
        return now.since(verified) <= FRESH and now.since(self._claimed[name]) <= OLD

    def _claim_of(self, name: str, address: str) -> Record:
        """The record with which *name* is claimed: the same in every try, but young."""
        now, moment = self.now(), self._moment()
        mine = self._mine.get(name)
        if mine is None:
            mine = Record(
                name=name,
                address=address[:200],
                state=State.SENDING,
                nonce=secrets.token_hex(16),
                claimed=now,
                changed=now,
                who=self._who,
                folder=folder(self._binding),
            )
            self._claimed[name] = moment
        elif moment.since(self._claimed[name]) > OLD:
            mine = replace(mine, claimed=now, changed=now)
            self._claimed[name] = moment
        self._mine[name] = mine
        return mine

    def settle(self, entry: Entry) -> Verdict:
        """Write down what a person, or the service, says of *entry*; whoever has claimed it."""
        now = self.now()
        job = ",".join(entry.ids)[:200]
        record = Record(entry.name, entry.address, entry.state, "0", now, now, job)
        future: Future[Verdict] = Future()
        with self._guard:
            self._enqueue(Move(record, anybody=True), future)
        return future.result()

    def sent(self, name: str) -> None:
        """Note that the submit *name* is about to be sent, so that its claim is not given back."""
        with self._guard:
            self._sent.add(name)

    def share(self, entry: Entry) -> None:
        """Have what became of *entry* written, some time before the journal is closed.

        What somebody else holds is only ever confirmed: the job was found by its name.
        """
        with self._guard:
            mine = self._mine.get(entry.name)
            if entry.state is State.CONFIRMED or (mine and entry.name in self._sent):
                state = _WRITTEN.get(entry.state, entry.state)
                record = mine or Record(entry.name, entry.address, entry.state, "0", 0.0, 0.0)
                record = replace(
                    record,
                    state=state,
                    changed=self.now(),
                    job=",".join(entry.ids)[:200],
                )
                found = entry.state is State.CONFIRMED
                move = Move(record, anybody=found)
                self._verified.pop(entry.name, None)
                self._unsettled[entry.name] = move
                self._enqueue(move, None)
                if state is State.REJECTED:  # who claims it again has another nonce
                    self._mine.pop(entry.name, None)
                    self._claimed.pop(entry.name, None)
                    self._sent.discard(entry.name)

    def close(self) -> tuple[Record, ...]:
        """Give back what was claimed and not sent, and write what is not written yet.

        Returns what could not be written: others take it for open.
        """
        with self._guard:
            if self._closed:
                return ()
            now = self.now()
            for name, record in self._mine.items():
                if name in self._pushed - self._sent:
                    move = given_back(record, now)
                    self._unsettled[name] = move
                    self._enqueue(move, None)
            self._queue += [
                (move, None)
                for move in self._unsettled.values()
                if all(wish is not move for wish, _ in self._queue)
            ]
            self._closed = True
            self._guard.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        elif self._queue:
            self._work()
        self._ref.close()
        return tuple(move.record for move in self._unsettled.values())

    # --- the thread -------------------------------------------------------------------

    def _enqueue(self, wish: Wish, future: Future[Verdict] | None) -> None:
        self._queue.append((wish, future))
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
            self._thread.start()
        self._guard.notify_all()

    def _work(self) -> None:
        while True:
            with self._guard:
                while not self._queue and not self._closed:
                    self._guard.wait()
                taken, self._queue = self._queue, []
                if not taken:
                    return
            verdicts = self._carried([wish for wish, _ in taken])
            with self._guard:
                for (wish, future), verdict in zip(taken, verdicts, strict=True):
                    self._told(wish, verdict)
                    if future is not None:
                        future.set_result(verdict)

    def _told(self, wish: Wish, verdict: Verdict) -> None:
        name = wish.record.name
        if isinstance(wish, Move):
            if not isinstance(verdict, Denied) and self._unsettled.get(name) is wish:
                del self._unsettled[name]
        elif isinstance(verdict, Granted):
            self._verified[name] = self._looked
        else:
            self._verified.pop(name, None)
            if isinstance(verdict, Taken):
                self._mine.pop(name, None)
                self._claimed.pop(name, None)
            elif not verdict.busy:
                self._down = verdict.reason

    def _carried(self, wishes: list[Wish]) -> tuple[Verdict, ...]:
        """Carry out the protocol for *wishes* with git and the clock."""
        began = self._moment()
        with self._using:
            protocol = carry(wishes, self._usable(wishes), self._patience)
            try:
                command = next(protocol)
                while True:
                    command = protocol.send(self._reply(command, began))
            except StopIteration as end:
                return cast("tuple[Verdict, ...]", end.value[0])
            except Exception as error:  # whatever it was: nobody may wait for it for ever
                return tuple(Denied(f"the shared journal: {error}") for _ in wishes)

    def _usable(self, wishes: list[Wish]) -> Fetched | None:
        """What was fetched last, unless a claim is decided by it: only the ref of now can do that.

        A push onto it does no harm: it does not take where the ref has moved.
        """
        last = self._last
        claims = [wish for wish in wishes if isinstance(wish, Claim)]
        if last is None or any(decided(claim, last.records) for claim in claims):
            return None
        return last

    def _reply(self, command: Fetch | Push | Wait, began: Moment) -> Reply:
        if isinstance(command, Fetch):
            return self._fetch()
        if isinstance(command, Push):
            writes = {path(record): record for record in command.records}
            self._pushed.update(record.name for record in command.records)
            return self._ref.push(command.onto, cast("dict[str, Record | None]", writes))
        if self._stopping():
            return self._patience
        time.sleep(command.seconds * (0.5 + secrets.randbelow(1000) / 1000))
        return self._moment().since(began)

    def _fetch(self) -> Fetched | Unread:
        looked = self._moment()
        found = self._ref.fetch(self._scopes)
        self._looked = looked
        self._last = found if isinstance(found, Fetched) else None
        return found
