"""What a line of the journal says, and how it is written so that damage shows. Pure.

A line is ``{"crc":"xxxxxxxx","entry":{...}}`` and a newline. The CRC-32 covers the bytes of the
entry; the bytes around it are compared literally, so that no byte of a line can change unseen.
Entries are numbered without a gap, so that a line that was removed or doubled shows too.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping

from jobsync.errors import JobsyncError
from jobsync.model import JsonValue, Plan, Word
from jobsync.platform import Platform
from jobsync.structs import Struct, replace

FORMAT = 1
"""The version of the format. A journal of a newer one is refused, never guessed at."""

_OPENING = b'{"crc":"'
_MIDDLE = b'","entry":'
_CLOSING = b"}\n"


class State(Word):
    """How far the submit of one run name has come.

    ``intent``     about to be looked for and sent; proof that nothing was sent.
    ``sending``    written and fsynced just before the POST: it may have been sent.
    ``accepted``   the service gave an id, or the job was found by its name.
    ``confirmed``  the id could be read: the end.
    ``unknown``    sent, and no way yet to tell whether it arrived.
    ``held``       looked for until the settle time, not found. Never sent again by itself.
    ``rejected``   proven not to have made a job; may be sent again.
    ``duplicate``  more than one job of this name was seen.
    ``denied``     the shared journal did not give the right to send it: proof that nothing was
                   sent. Never written down.
    """

    INTENT = "intent"
    SENDING = "sending"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    HELD = "held"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    DENIED = "denied"


OPEN = frozenset({State.SENDING, State.ACCEPTED, State.UNKNOWN, State.HELD})
"""The states that the next run has to resolve before it does anything else."""


class Entry(Struct, frozen=True):
    """One step of one submit. The key is ``name``: it carries the attempt.

    ``at`` is when this was written, ``posted`` when the POST was about to be sent (0 before),
    both in seconds since the epoch. ``ids`` are the jobs known under the name.
    """

    name: str
    address: str
    state: State
    at: float = 0.0
    posted: float = 0.0
    ids: tuple[str, ...] = ()
    reason: str = ""

    def to(self, state: State, *, ids: tuple[str, ...] = (), reason: str = "") -> Entry:
        """The next step of the same submit."""
        return replace(self, state=state, ids=ids, reason=reason)


class Binding(Struct, frozen=True):
    """Whose journal it is: of one project, on one service, for one user.

    ``service`` is the ``base_url`` of plans: stable whatever port the service is on today.
    ``platform`` is the ``journal_mark`` of what is spoken with it.
    """

    service: str
    user: str
    project: str
    platform: str = ""

    @classmethod
    def of_plan(cls, plan: Plan, platform: Platform) -> Binding:
        """The journal that an apply of *plan* keeps."""
        return cls(plan.base_url, plan.user, plan.project, platform.journal_mark)

    @property
    def facts(self) -> tuple[str, ...]:
        """What tells it from others, as it always was spelled where there is no ``platform``."""
        facts = (self.service, self.user, self.project)
        return (*facts, self.platform) if self.platform else facts


class JournalDamaged(JobsyncError):
    """A journal that cannot be trusted. Nothing is sent until a person has looked at it."""


def header(binding: Binding) -> dict[str, JsonValue]:
    """The first entry of a journal."""
    return {
        "format": FORMAT,
        "service": binding.service,
        "user": binding.user,
        "project": binding.project,
        **({"platform": binding.platform} if binding.platform else {}),
    }


def encode(number: int, entry: Mapping[str, JsonValue]) -> bytes:
    """One line. *number* counts from 0, the header."""
    body = json.dumps({"n": number, **entry}, separators=(",", ":"), sort_keys=True).encode("ascii")
    crc = f"{zlib.crc32(body):08x}".encode("ascii")
    return _OPENING + crc + _MIDDLE + body + _CLOSING


def entry_document(entry: Entry) -> dict[str, JsonValue]:
    """*entry* as JSON."""
    return {
        "name": entry.name,
        "address": entry.address,
        "state": str(entry.state),
        "at": entry.at,
        "posted": entry.posted,
        "ids": list(entry.ids),
        "reason": entry.reason,
    }


def owner(data: bytes, path: str) -> Binding | None:
    """Whose journal *data* is; None where nothing was ever written, not even a whole first line.

    Raises :class:`JournalDamaged` when it cannot be told.
    """
    line, newline, _ = data.partition(b"\n")
    if not newline and _parse(line + b"\n") is None:
        return None
    document = _document(line + b"\n", 0, path)
    facts = [document.get(key) for key in ("service", "user", "project")]
    facts.append(document.get("platform", ""))
    if not all(isinstance(fact, str) for fact in facts):
        raise _damaged(path, 1)
    return Binding(*map(str, facts))


class Contents(Struct, frozen=True):
    """What a journal says. ``good`` is how many bytes of it are whole."""

    entries: tuple[Entry, ...]
    lines: int
    good: int


def decode(data: bytes, binding: Binding, path: str) -> Contents:
    """Read a whole journal.

    A last line without its newline that is not whole was being written when the power went: it is
    dropped, since what it announced was not begun. Damage anywhere else, another owner, a number
    out of order or a newer format raise :class:`JournalDamaged`.
    """
    lines = data.split(b"\n")
    tail = lines.pop()
    documents: list[dict[str, JsonValue]] = []
    for index, line in enumerate(lines):
        documents.append(_document(line + b"\n", index, path))
        if index == 0:
            _check_header(documents[0], binding, path)
    good = len(data) - len(tail)
    if tail and (document := _parse(tail + b"\n")) is not None:
        documents.append(_numbered(document, len(lines), path))
        good = len(data)
    elif tail and any(_parse(tail[:cut] + b"\n") is not None for cut in _ends(tail)):
        raise _damaged(path, len(lines) + 1)
    if not documents:
        return Contents((), 0, 0)
    _check_header(documents[0], binding, path)
    entries = tuple(
        _entry(document, index + 2, path) for index, document in enumerate(documents[1:])
    )
    return Contents(entries, len(documents), good)


def latest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The last word on each run name, in the order in which the names came up."""
    states: dict[str, Entry] = {}
    for entry in entries:
        states[entry.name] = entry
    return states


def _ends(tail: bytes) -> list[int]:
    """Where a whole line may end inside a damaged last one."""
    return [index + 1 for index in range(len(tail)) if tail[index : index + 1] == b"}"]


def _parse(line: bytes) -> dict[str, JsonValue] | None:
    start = len(_OPENING) + 8 + len(_MIDDLE)
    body = line[start : -len(_CLOSING)]
    crc = f"{zlib.crc32(body):08x}".encode("ascii")
    if line != _OPENING + crc + _MIDDLE + body + _CLOSING:
        return None
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _document(line: bytes, index: int, path: str) -> dict[str, JsonValue]:
    document = _parse(line)
    if document is None:
        raise _damaged(path, index + 1)
    return _numbered(document, index, path)


def _numbered(document: dict[str, JsonValue], index: int, path: str) -> dict[str, JsonValue]:
    if document.get("n") != index:
        raise _damaged(path, index + 1)
    return document


def _check_header(document: Mapping[str, JsonValue], binding: Binding, path: str) -> None:
    version = document.get("format")
    if not isinstance(version, int):
        raise _damaged(path, 1)
    if version > FORMAT:
        raise JournalDamaged(
            f"{path}: written by a newer jobsync (format {version}, this one knows {FORMAT})",
            hint="use the newer jobsync here",
        )
    for key, mine in (
        ("service", binding.service),
        ("user", binding.user),
        ("project", binding.project),
        ("platform", binding.platform),
    ):
        if document.get(key, "") != mine:
            raise JournalDamaged(
                f"{path}: belongs to {key} {document.get(key)!r}, not {mine!r}",
                hint="it was copied or renamed; put it back, or point JOBSYNC_STATE_DIR elsewhere",
            )


def _entry(document: Mapping[str, JsonValue], line: int, path: str) -> Entry:
    try:
        ids = document["ids"]
        at, posted = document["at"], document["posted"]
        if not (isinstance(ids, list) and isinstance(at, (int, float))):
            raise TypeError
        if not isinstance(posted, (int, float)):
            raise TypeError
        return Entry(
            name=str(document["name"]),
            address=str(document["address"]),
            state=State(str(document["state"])),
            at=float(at),
            posted=float(posted),
            ids=tuple(str(item) for item in ids),
            reason=str(document["reason"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, line) from error


def _damaged(path: str, line: int) -> JournalDamaged:
    return JournalDamaged(
        f"{path}:{line}: the journal of submits is damaged, so nothing is sent",
        hint="restore it from a backup, or compare it with the jobs on the service by hand and "
        "then move it away",
    )
