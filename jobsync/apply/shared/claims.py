"""How a claim comes to stand on the ref: what to do next, told from what came back. Pure, no I/O.

The ref is moved by a compare-and-swap: a push that names the commit that it builds on. An answer
to it may be lost, and a push may land after it was given up. So nothing is concluded from the
answer: what counts is which nonce stands at our path on the ref as it is fetched afterwards.

:func:`carry` is a generator of commands. ``journal.py`` carries them out with git; the simulator
in the tests carries out the same ones under every fault.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Union, cast

from jobsync.apply.journal_entry import OPEN, State
from jobsync.apply.shared.record import SETTLED, Record
from jobsync.structs import Struct, replace

PATIENCE = 60.0
"""Seconds after which a claim that does not come to stand is given up: nothing is sent."""

_REFUSALS = 3
"""So often in a row may the remote refuse a push onto the ref as it is before it is believed."""

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds to wait after the first, second, ... push that did not take; the last for all further."""


# --- what is wanted, and what comes of it ----------------------------------------------


class Claim(Struct, frozen=True):
    """The right to send ``record``. ``is_of_job`` tells which other names its job has, or had."""

    record: Record
    is_of_job: Callable[[str], bool]


class Move(Struct, frozen=True):
    """Write down what became of a submit. Only the holder of the nonce moves a record, but for
    ``anybody``: the job was found on the service by its name, or a person says so."""

    record: Record
    anybody: bool = False


Wish = Union[Claim, Move]


class Granted(Struct, frozen=True):
    """Our nonce stands on the ref, sending: the submit may be sent. Or the move was made."""


class Taken(Struct, frozen=True):
    """Somebody else's record stands in the way."""

    record: Record


class Denied(Struct, frozen=True):
    """Nothing may be sent. ``busy`` is whether others only were faster for a minute."""

    reason: str
    busy: bool = False


Verdict = Union[Granted, Taken, Denied]


# --- commands and replies --------------------------------------------------------------


class Fetch(Struct, frozen=True):
    """Read the ref. Reply: Fetched or Unread."""


class Push(Struct, frozen=True):
    """Move the ref from *onto* by *records*. Reply: Pushed, Refused or NoAnswer."""

    onto: Fetched
    records: tuple[Record, ...]


class Wait(Struct, frozen=True):
    """Wait about so long, each time a little different. Reply: seconds since the beginning."""

    seconds: float


class Fetched(Struct, frozen=True):
    """The ref as it was: its commit, which journal, its serial, the records that were asked for."""

    head: str
    id: str
    serial: int
    records: Mapping[str, Record]


class Unread(Struct, frozen=True):
    """The ref cannot be read. ``final`` is whether asking again cannot change that.

    ``rewound`` is the folder that remembers what was there before.
    """

    reason: str
    final: bool = False
    absent: bool = False
    rewound: str = ""

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.absent:
            return "if there never was one, make it with: jobsync journal init"
        if self.rewound:
            return (
                "find out who moved it back, and settle the submits that were open; then run: "
                f"rm -r {self.rewound}"
            )
        return ""


class Pushed(Struct, frozen=True):
    """The remote says that it took it."""


class Refused(Struct, frozen=True):
    """The remote says that it did not."""

    reason: str


class NoAnswer(Struct, frozen=True):
    """Nobody knows."""

    reason: str


Command = Union[Fetch, Push, Wait]
Reply = Union[Fetched, Unread, Pushed, Refused, NoAnswer, float]
Carrying = Generator[Command, Reply, tuple[tuple[Verdict, ...], Union[Fetched, Unread]]]


def carry(
    wishes: Sequence[Wish], last: Fetched | None = None, patience: float = PATIENCE
) -> Carrying:
    """Have *wishes* written in as few commits as it takes, and say what came of each.

    *last* is what was fetched before, if anything; *patience* is in seconds. Also returns what was
    fetched last.
    """
    look = last or cast("Fetched | Unread", (yield Fetch()))
    refusals, tries, spent, why = 0, 0, 0.0, ""
    while True:
        if isinstance(look, Unread):
            why = f"{look.reason}; {look.advice}" if look.advice else look.reason
            if look.final or spent >= patience:
                return _all(wishes, None, why), look
        else:
            verdicts = _all_decided(wishes, look)
            wanted = tuple(
                _written(wish, look.records)
                for wish, verdict in zip(wishes, verdicts, strict=True)
                if verdict is None
            )
            if not wanted or refusals >= _REFUSALS or spent >= patience:
                return _all(wishes, look, why), look
            said = yield Push(look, wanted)
            before, look = look, cast("Fetched | Unread", (yield Fetch()))
            why = "" if isinstance(said, Pushed) else cast("Refused | NoAnswer", said).reason
            still = isinstance(look, Fetched) and look.head == before.head
            refusals = refusals + 1 if still and isinstance(said, Refused) else 0
            if isinstance(look, Fetched) and None not in _all_decided(wishes, look):
                continue
        spent = cast(float, (yield Wait(_PAUSES[min(tries, len(_PAUSES) - 1)])))
        tries += 1
        if isinstance(look, Unread):
            look = cast("Fetched | Unread", (yield Fetch()))


def _all_decided(wishes: Sequence[Wish], look: Fetched) -> list[Verdict | None]:
    return [decided(wish, look.records) for wish in wishes]


def _all(wishes: Sequence[Wish], look: Fetched | None, why: str) -> tuple[Verdict, ...]:
    found = _all_decided(wishes, look) if look else [None] * len(wishes)
    denied = Denied(why or "others kept writing to it first, for a minute", busy=not why)
    return tuple(verdict or denied for verdict in found)


def _written(wish: Wish, records: Mapping[str, Record]) -> Record:
    """The record to write: a move leaves alone who claimed it, and when."""
    there = records.get(wish.record.name)
    if isinstance(wish, Claim) or there is None:
        return wish.record
    moved = wish.record
    return replace(there, state=moved.state, changed=moved.changed, job=moved.job)


def decided(wish: Wish, records: Mapping[str, Record]) -> Verdict | None:
    """What the ref says of *wish*; None when it has yet to be written."""
    there = records.get(wish.record.name)
    if isinstance(wish, Move):
        if there is None or there.state is wish.record.state:
            return Granted()
        if there.nonce != wish.record.nonce and not wish.anybody:
            return Taken(there)
        return None
    if there is not None and there.nonce == wish.record.nonce:
        if there.state is not State.SENDING:
            return Taken(there)
        # Another time is that of an older claim of ours, which has yet to be made young again.
        return Granted() if there.claimed == wish.record.claimed else None
    if there is not None and there.state is not State.REJECTED:
        return Taken(there)
    return next((Taken(r) for r in records.values() if _blocks(r, wish)), None)


def _blocks(record: Record, claim: Claim) -> bool:
    """Whether *record* is an open submit of the same job under another name or attempt."""
    is_open = record.state in OPEN or record.state is State.INTENT
    return is_open and record.name != claim.record.name and claim.is_of_job(record.name)


def given_back(record: Record, now: float) -> Move:
    """The move that gives the claim *record* back, because it was not used."""
    return Move(replace(record, state=State.REJECTED, changed=now))


def is_settled(record: Record) -> bool:
    """Whether the outcome of *record* is known, so that nobody has to find it out."""
    return record.state in SETTLED
