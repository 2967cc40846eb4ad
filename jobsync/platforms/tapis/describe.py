"""Records of the service to nouns of jobsync.

Members that are JSON inside strings are decoded, and the other way to write them is taken as well
(tapis-v3 §5.1). Unknown members and words are tolerated; a record without what makes it one raises
:class:`~jobsync.errors.Unreadable`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from sys import intern

from jobsync.backend import HistoryEvent
from jobsync.errors import Unreadable
from jobsync.http.json_text import parse_json
from jobsync.http.messages import sanitised
from jobsync.model import JsonValue, Run, RunState
from jobsync.platforms.records import Record, shown
from jobsync.platforms.tapis.app_definitions import joined_id
from jobsync.platforms.tapis.archive import JOB
from jobsync.platforms.tapis.tags import nonce_of
from jobsync.platforms.tapis.times import moment
from jobsync.platforms.tapis.urls import is_run_id
from jobsync.structs import Struct

ROW = (
    "uuid", "id", "name", "owner", "createdby", "status", "condition", "lastMessage", "created",
    "remoteStarted", "ended", "lastUpdated", "tags", "visible", "remoteOutcome", "appId",
    "appVersion",
)  # fmt: skip
"""The members of a row that a plan needs (tapis-v3 §6.3)."""

PLACES = (
    "archiveSystemId", "archiveSystemDir", "archiveMode", "execSystemId", "execSystemOutputDir",
)  # fmt: skip
"""The members that say where the outputs of a job are (tapis-v3 §8.1)."""

NEWER = frozenset({"archiveMode"})
"""Those of them that services before 25Q4 do not know (tapis-v3 §6.3)."""

_TEXTS_OF_JSON = (
    "fileInputs", "parameterSet", "subscriptions", "execSystemConstraints", "notes",
)  # fmt: skip
_ENDS = {
    "FINISHED": RunState.FINISHED,
    "CANCELLED": RunState.STOPPED,
    "FAILED": RunState.FAILED,
}
_STOPPED_OUTSIDE = "SCHEDULER_CANCELLED"
_MESSAGE = 300
_STATUS_EVENT = "JOB_NEW_STATUS"


class Row(Struct, frozen=True):
    """A record of a list that has not been read yet; *asked* is the request it came from."""

    id: str
    number: int
    name: str
    owner: str
    visible: bool
    record: Record
    asked: str


def text(found: Mapping[str, JsonValue], key: str, asked: str) -> str:
    """A text that must be present. Raises :class:`Unreadable` when it is not."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"a record without {key!r}: {shown(dict(found))} ({asked})")
    return value


def row(found: Record, asked: str) -> Row:
    """A record of a list, read as far as a first selection needs: most rows are not used."""
    uuid, number = text(found, "uuid", asked), found.get("id")
    if not is_run_id(uuid):
        raise Unreadable(f"{uuid[:80]!r} is not the id of a job ({asked})")
    if isinstance(number, bool) or not isinstance(number, int):
        raise Unreadable(f"job {uuid} has no number ({asked})")
    name, owner = (text(found, key, asked) for key in ("name", "owner"))
    return Row(uuid, number, name, owner, _visible(found), found, asked)


def run(found: Record, asked: str, request: Mapping[str, JsonValue] | None = None) -> Run:
    """One job. *request* is the full record, as :func:`full_record` makes it, None for a row of a
    list."""
    known = row(found, asked)
    status = text(found, "status", asked).upper()
    condition = _words(found.get("condition"))
    tags = found.get("tags")
    app_id, version = _words(found.get("appId")), _words(found.get("appVersion"))
    return Run(
        id=known.id,
        name=known.name,
        owner=known.owner,
        app_id=joined_id(app_id, version) if app_id else "",
        status=status,
        state=run_state(status, condition),
        visible=known.visible,
        created=moment(found.get("created")),
        started=moment(found.get("remoteStarted")),
        ended=moment(found.get("ended")),
        message=_said(found, condition) if status in ("FAILED", "CANCELLED") else "",
        request=request,
        number=known.number,
        sent=nonce_of(one for one in tags if isinstance(one, str))
        if isinstance(tags, list)
        else "",
    )


def full_record(job: Record, request: Record | None) -> Record:
    """What is known of a job: the *request* as it was sent, without nulls, and the *job* itself.

    The service may not tell the request (tapis-v3 §3): then there is only the job.
    """
    sent = pruned(request or {})
    return {**(sent if isinstance(sent, dict) else {}), JOB: decoded(job)}


def decoded(job: Record) -> Record:
    """A job, with the members that are JSON inside texts as values (tapis-v3 §5.1)."""
    return {key: _decoded(value) if key in _TEXTS_OF_JSON else value for key, value in job.items()}


def pruned(value: JsonValue) -> JsonValue:
    """*value* without the nulls that an unset member of a request is answered with."""
    if isinstance(value, dict):
        return {key: pruned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


def run_state(status: str, condition: str) -> RunState:
    """What a status means (tapis-v3 §7). A word that is not known is a run that still goes on, and
    so is one that is blocked or paused: the service goes on with it by itself."""
    if status == "FAILED" and condition == _STOPPED_OUTSIDE:
        return RunState.STOPPED
    return _ENDS.get(status, RunState.ACTIVE)


def event(found: Record, asked: str) -> HistoryEvent:
    """One line of a history: a change of status tells the status as its detail (tapis-v3 §7)."""
    word, detail = text(found, "event", asked), _words(found.get("eventDetail"))
    is_status = word == _STATUS_EVENT and bool(detail)
    said = [_words(found.get("description"))] if is_status else [
        detail, _words(found.get("description"))
    ]  # fmt: skip
    return HistoryEvent(
        status=detail if is_status else word,
        created=_words(found.get("created")),
        by="",
        description=": ".join(one for one in dict.fromkeys(said) if one),
    )


def resources_by_user(found: Collection[Record], asked: str) -> dict[str, set[str]]:
    """The rows of a share list by user: which resources each may read (tapis-v3 §9)."""
    by_user: dict[str, set[str]] = {}
    for one in found:
        user, resource = text(one, "grantee", asked), text(one, "jobResource", asked)
        if _words(one.get("jobPermission")).upper() != "READ":
            raise Unreadable(f"a permission other than READ: {shown(dict(one))} ({asked})")
        by_user.setdefault(user, set()).add(resource)
    return by_user


def kept(text_value: JsonValue) -> str:
    """A text of which thousands are equal, stored once; empty for what is no text."""
    return intern(_words(text_value))


def _said(found: Record, condition: str) -> str:
    said = sanitised(_words(found.get("lastMessage")), _MESSAGE)
    return ": ".join(one for one in (condition, said) if one)


def _visible(found: Record) -> bool:
    """Lists have visible jobs only, and most of their rows do not say so (tapis-v3 §6.2)."""
    return found.get("visible", True) is not False


def _decoded(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value.encode())
    except ValueError:
        return value


def _words(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
