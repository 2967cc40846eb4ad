"""What the submit protocol asks of whoever carries it out, and what it may be told.

A protocol is a generator: it yields a command, is sent the reply, and returns the last entry.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Union

from jobsync.apply.journal_entry import Entry
from jobsync.structs import Struct

# --- commands --------------------------------------------------------------------------


class Append(Struct, frozen=True):
    """Write the entry to the journal; nothing goes on unless that worked. Reply: the entry."""

    entry: Entry


class Note(Struct, frozen=True):
    """Write the entry if the journal still takes it: it follows from one that is safely there.

    Reply: the entry.
    """

    entry: Entry


class Search(Struct, frozen=True):
    """Ask for all my jobs of this exact name, visible and hidden. Reply: Found or Trouble."""

    name: str


class Claim(Struct, frozen=True):
    """Get the right to send the submit, or make sure that it is still there.

    Reply: Mine, Theirs or Denied.
    """

    entry: Entry


class Share(Struct, frozen=True):
    """Have it known to others what became of the submit, some time later. Reply: the entry."""

    entry: Entry


class Post(Struct, frozen=True):
    """Send the submit, once. Reply: Made, NotMade or Ambiguous."""

    name: str


class Read(Struct, frozen=True):
    """Read a job by id. Reply: Found with one job or none, or Trouble."""

    job_id: str


class Sleep(Struct, frozen=True):
    """Wait. Reply: Awake."""

    seconds: float


class Now(Struct, frozen=True):
    """Ask for the time. Reply: Times."""


Command = Union[Append, Note, Search, Claim, Share, Post, Read, Sleep, Now]


# --- replies ---------------------------------------------------------------------------


class Seen(Struct, frozen=True):
    """A job that the service showed."""

    job_id: str
    name: str
    visible: bool = True


class Found(Struct, frozen=True):
    """The service answered: these jobs, oldest first."""

    jobs: tuple[Seen, ...]


class Trouble(Struct, frozen=True):
    """The service did not answer, or not so that it could be understood."""

    reason: str


class Mine(Struct, frozen=True):
    """The submit may be sent."""


class Theirs(Struct, frozen=True):
    """Somebody else has claimed the submit ``name`` of this job, ``age`` seconds ago."""

    name: str
    who: str
    age: float


class Denied(Struct, frozen=True):
    """Nobody can tell who may send it, so nothing is sent."""

    reason: str


class Made(Struct, frozen=True):
    """The service answered with an id."""

    job_id: str


class NotMade(Struct, frozen=True):
    """It is proven that no job was made. ``again`` is whether it is worth another try."""

    reason: str
    again: bool


class Ambiguous(Struct, frozen=True):
    """Whatever else may have come back."""

    reason: str


class Awake(Struct, frozen=True):
    """``stopping`` is whether somebody asked to stop meanwhile."""

    stopping: bool


class Times(Struct, frozen=True):
    """Wall and monotonic time in seconds."""

    wall: float
    monotonic: float


Reply = Union[Entry, Found, Trouble, Mine, Theirs, Denied, Made, NotMade, Ambiguous, Awake, Times]
Protocol = Generator[Command, Reply, Entry]
