"""What the shared journal says of one run name, and where on the ref it stands. Pure.

Whoever can push to the remote can write anything here, so a record is checked like an answer of
a stranger: it can block a submit, and nothing that it says is taken for true.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from jobsync.apply.journal_entry import Binding, State
from jobsync.model import JsonValue
from jobsync.structs import Struct, replace

FORMAT = 1
"""The version of the form. A ref of a newer one is refused, never guessed at."""

ROOT = "journal.json"
"""The file at the root of the tree that makes it a journal."""

LARGEST = 4096
"""Bytes of the largest record that is read."""

_LONGEST = 128
"""Characters of the longest run name."""

SETTLED = frozenset({State.CONFIRMED, State.REJECTED, State.DUPLICATE})
"""What nobody has to find out about any more."""

_SCOPE = re.compile(r"[0-9a-f]{8}")
_PROJECT = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_NONCE = re.compile(r"[0-9a-f]{1,64}")


class Record(Struct, frozen=True):
    """One run name. ``nonce`` is of the process that may send it, and of this name only.

    ``claimed`` and ``changed`` are seconds since the epoch by the clock of the service.
    ``job`` is for people; ``who`` is the URL of a CI run or a digest of host and user. ``folder``
    is that of its service, user and project.
    """

    name: str
    address: str
    state: State
    nonce: str
    claimed: float
    changed: float
    job: str = ""
    who: str = ""
    folder: str = ""


class Root(Struct, frozen=True):
    """The file :data:`ROOT`: which journal it is, and how many commits it has."""

    id: str
    serial: int


def scope(binding: Binding) -> str:
    """The folder of one service and user."""
    whole = "\n".join(replace(binding, project="").facts)
    return hashlib.sha256(whole.encode()).hexdigest()[:8]


def folder(binding: Binding) -> str:
    """The folder of the records of *binding*."""
    return f"{scope(binding)}/{binding.project}"


def path(record: Record) -> str:
    """Where *record* stands."""
    return f"{record.folder}/{_spread(record.name)}/{quote(record.name, safe='')}.json"


def named_at(place: str) -> tuple[str, str]:
    """The folder and the run name whose record may stand at *place*; empty for any other path."""
    parts = place.split("/")
    if len(parts) != 4 or not parts[3].endswith(".json"):
        return "", ""
    spelled = parts[3].removesuffix(".json")
    name = unquote(spelled, errors="replace")
    if not (_SCOPE.fullmatch(parts[0]) and _PROJECT.fullmatch(parts[1])):
        return "", ""
    fine = 0 < len(name) <= _LONGEST and quote(name, safe="") == spelled
    return ("/".join(parts[:2]), name) if fine and _spread(name) == parts[2] else ("", "")


def _spread(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:2]


def encode(record: Record) -> bytes:
    """The file of *record*."""
    document = {
        "name": record.name,
        "address": record.address,
        "state": str(record.state),
        "nonce": record.nonce,
        "claimed": record.claimed,
        "changed": record.changed,
        "job": record.job,
        "who": record.who,
    }
    return json.dumps(document, indent=1, sort_keys=True).encode("ascii") + b"\n"


def decode(name: str, data: bytes) -> Record:
    """The record of *name* in the file *data*.

    One that cannot be understood still blocks: of it nothing is known but that it is there.
    """
    try:
        document = json.loads(data) if len(data) <= LARGEST else None
        if isinstance(document, dict) and document.get("name") == name:
            return _record(document)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return Record(name, "", State.UNKNOWN, "", 0.0, 0.0, who="a record that cannot be read")


def _record(document: Mapping[str, JsonValue]) -> Record:
    texts = {key: document[key] for key in ("name", "address", "state", "nonce", "job", "who")}
    times = {key: document[key] for key in ("claimed", "changed")}
    for text in texts.values():
        if not isinstance(text, str) or len(text) > 512:
            raise ValueError("not a short text")
    for time in times.values():
        if not isinstance(time, (int, float)) or isinstance(time, bool) or not 0 <= time < 1e11:
            raise ValueError("not a time")
    if not _NONCE.fullmatch(str(texts["nonce"])):
        raise ValueError("not a nonce")
    return Record(
        name=str(texts["name"]),
        address=str(texts["address"]),
        state=State(str(texts["state"])),
        nonce=str(texts["nonce"]),
        claimed=float(str(times["claimed"])),
        changed=float(str(times["changed"])),
        job=str(texts["job"]),
        who=str(texts["who"]),
    )


def encode_root(root: Root) -> bytes:
    """The file :data:`ROOT`."""
    document = {"format": FORMAT, "id": root.id, "serial": root.serial}
    return json.dumps(document, sort_keys=True).encode("ascii") + b"\n"


def decode_root(data: bytes) -> Root:
    """What the file :data:`ROOT` says. Raises :class:`ValueError` for anything else."""
    if len(data) > LARGEST:
        raise ValueError(f"{ROOT} is too large")
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError(f"{ROOT} is not a mapping")
    version, id_, serial = (document.get(key) for key in ("format", "id", "serial"))
    if not isinstance(version, int) or not isinstance(serial, int) or not isinstance(id_, str):
        raise ValueError(f"{ROOT} is not that of a journal")
    if version != FORMAT:
        raise ValueError(f"it has format {version}, and this jobsync knows {FORMAT}")
    if not _NONCE.fullmatch(id_) or not 0 < serial < 2**53:
        raise ValueError(f"{ROOT} is not that of a journal")
    return Root(id_, serial)
