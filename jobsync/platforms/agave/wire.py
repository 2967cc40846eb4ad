"""Records of the service to nouns of jobsync, and requests to bodies.

Two engines speak two vocabularies behind one URL space (agave-v2 §0.2, §9.2). Both are turned into
the names of the older one here, so that nothing further in has to know. Which engine speaks is
seen from the keys of a record, never from the version. Unknown keys and words are tolerated; a
record without what makes it one raises :class:`~jobsync.errors.Unreadable`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from sys import intern

from jobsync.backend import HistoryEvent
from jobsync.errors import Unreadable
from jobsync.model import Access, App, AppField, JsonValue, RemoteFile, Run, RunState
from jobsync.platforms.agave.envelope import sanitised
from jobsync.platforms.agave.permissions import access
from jobsync.platforms.records import Record, record, rows, shown
from jobsync.structs import Struct

ROW_FIELDS = (
    "id,name,owner,appId,status,created,startTime,endTime,message,executionSystem,"
    "visible,systemId,remoteStarted,ended,lastStatusMessage"
)
"""The projection for listings: a summary row plus what tells a stopped run from a failed one."""

ARCHIVE_FIELDS = f"{ROW_FIELDS},archive,archivePath,archiveSystem"
"""The projection for the listing of archive folders, which only some plans ask for."""

_NEWER_NAMES = {
    "systemId": "executionSystem",
    "remoteQueue": "batchQueue",
    "remoteJobId": "localId",
    "submitRetries": "retries",
    "remoteSubmitted": "submitTime",
    "remoteStarted": "startTime",
    "ended": "endTime",
    "lastStatusMessage": "message",
    "workPath": "outputPath",
    "lastModified": "lastUpdated",
}
_TO_TRANSLATE = frozenset({*_NEWER_NAMES, "_links", "maxHours", "archive"})
_STOPPED = frozenset({"STOPPED", "KILLED"})
_STOPPED_BY_A_PERSON = re.compile(
    r"(successfully killed remote job process|job cancelled by user)\b", re.IGNORECASE
)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)", re.IGNORECASE
)
_USUAL_TIME = len("2018-01-26T15:01:44.000-06:00")
_DEFAULTS = {
    "defaultQueue": "batchQueue",
    "defaultNodeCount": "nodeCount",
    "defaultProcessorsPerNode": "processorsPerNode",
    "defaultMemoryPerNode": "memoryPerNode",
    "defaultMaxRunTime": "maxRunTime",
}


class Row(Struct, frozen=True):
    """A record of a listing that has not been read yet; *asked* is the request it came from."""

    id: str
    name: str
    owner: str
    visible: bool
    record: Record
    asked: str


class Permission(Struct, frozen=True):
    """One row of a permission list, as the service returns it."""

    username: str
    access: Access


class JobStatus(Struct, frozen=True):
    """The status of a job, in the service's word."""

    id: str
    status: str


def identifier(row: Record) -> str:
    """The id of a record, "" where it has none. The platform's own description of its interface
    has ids that are whole numbers; in a URL they are the same."""
    value = row.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def text(row: Record, key: str, asked: str) -> str:
    """A text field that must be present. Raises :class:`Unreadable` when it is not."""
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"a record without {key!r}: {sanitised(json.dumps(row))} ({asked})")
    return value


def row(found: Record, asked: str) -> Row:
    """A record of a listing of visible jobs, read only as far as a first selection needs.

    Most records of a long listing are not used.
    """
    job_id, name, owner = identifier(found), found.get("name"), found.get("owner")
    if not (isinstance(job_id, str) and isinstance(name, str) and isinstance(owner, str)) or not (
        job_id and name and owner
    ):
        job_id = job_id or text(found, "id", asked)
        name, owner = (text(found, key, asked) for key in ("name", "owner"))
    visible = "visible" not in found or _visible(found, unsaid=True)
    return Row(job_id, name, owner, visible, found, asked)


def run(found: Record, asked: str, *, seen_visible: bool = True) -> Run:
    """One job. *seen_visible* is what the question implies when the record does not tell.

    ``request`` is None when the record is only a summary row (agave-v2 §2.4).
    """
    known = older_names(found)
    status = text(known, "status", asked).upper()
    message = _words(known.get("message"))
    return Run(
        id=identifier(known) or text(known, "id", asked),
        name=text(known, "name", asked),
        owner=text(known, "owner", asked),
        app_id=_words(known.get("appId")),
        status=status,
        state=run_state(status, message),
        visible=_visible(known, unsaid=seen_visible),
        created=moment(known.get("created")),
        started=moment(known.get("startTime")),
        ended=moment(known.get("endTime")),
        message=message if status in _STOPPED or status == "FAILED" else "",
        request=known if is_full(known) else None,
    )


def tells_archive(found: Record) -> bool:
    """Whether a row of a listing has its archive folder, or states that there is none."""
    known = older_names(found)
    return "archive" in known and (not known["archive"] or bool(known.get("archivePath")))


def _visible(found: Record, *, unsaid: bool) -> bool:
    said = found.get("visible")
    return unsaid if said is None else _truth(said)


def is_full(row: Record) -> bool:
    """Whether *row* is a whole job: only those tell of archiving and nodes."""
    return "archive" in row and "nodeCount" in row


def run_state(status: str, message: str = "") -> RunState:
    """What a status means (agave-v2 §4.1). A word we do not know is a run that still goes on.

    The older engine ends a stopped run as FAILED when it was already queued (agave-v2 §4.4); only
    the message tells it from a failure of its own.
    """
    word = status.upper()
    if word == "FINISHED":
        return RunState.FINISHED
    if word in _STOPPED or (word == "FAILED" and _STOPPED_BY_A_PERSON.match(message.strip())):
        return RunState.STOPPED
    return RunState.FAILED if word == "FAILED" else RunState.ACTIVE


def older_names(row: Record) -> Record:
    """A job record in the older engine's names, without links (agave-v2 §9.2, field map)."""
    if _TO_TRANSLATE.isdisjoint(row):
        return row
    out: Record = {}
    for key, value in row.items():
        if key != "_links":
            out.setdefault(_NEWER_NAMES.get(key, key), value)
    if "maxHours" in out:
        hours = out.pop("maxHours")
        out.setdefault("maxRunTime", _run_time(hours))
    if "archive" in out:
        out["archive"] = _truth(out["archive"])
        if not out["archive"]:
            out.pop("archivePath", None)
            out.pop("archiveSystem", None)
    return out


def moment(value: JsonValue) -> datetime | None:
    """A time with its offset as an instant in UTC (agave-v2 §1.5); None when it cannot be told."""
    if not isinstance(value, str):
        return None
    if len(value) == _USUAL_TIME and value[10] == "T":
        with contextlib.suppress(ValueError, OverflowError):
            when = datetime.fromisoformat(value)
            if when.tzinfo is not None:
                return when.astimezone(timezone.utc)
    if not (match := _TIME.fullmatch(value.strip())):
        return None
    day, clock, fraction, offset = match.groups()
    offset = "+00:00" if offset in "Zz" else f"{offset[:3]}:{offset[-2:]}"
    micro = (fraction or "0")[:6].ljust(6, "0")
    try:
        when = datetime.fromisoformat(f"{day}T{clock}.{micro}{offset}")
        return when.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def permission(row: Record, asked: str) -> Permission:
    """One permission. The service never returns ``execute`` (agave-v2 §5.1)."""
    pair = record(row.get("permission"), asked)
    flags = {name: _flag(pair, name, asked) for name in ("read", "write")}
    return Permission(text(row, "username", asked), access(**flags))


def permissions(value: JsonValue, asked: str) -> list[Permission]:
    """A permission list; a single object stands for a list of one (agave-v2 §5.2)."""
    found = [value] if isinstance(value, dict) else rows(value, asked)
    return [permission(row, asked) for row in found]


def file(row: Record, folder: str, asked: str) -> RemoteFile:
    """One entry of *folder*. The path in the answer is not reliable (agave-v2 §6.2)."""
    name = text(row, "name", asked)
    return RemoteFile(
        path=f"{folder}/{name}" if folder else name,
        length=_count(row.get("length"), asked),
        # Thousands of files are of the same second, and each would keep a text of its own.
        last_modified=intern(_words(row.get("lastModified"))),
        is_folder=row.get("type") == "dir" or row.get("format") == "folder",
    )


def event(row: Record, asked: str) -> HistoryEvent:
    """One line of a history; old services leave out who and why (agave-v2 §4.6)."""
    return HistoryEvent(
        status=text(row, "status", asked),
        created=_words(row.get("created")),
        by=_words(row.get("createdBy")),
        description=_words(row.get("description")),
    )


def job_status(value: JsonValue, asked: str) -> JobStatus:
    """The id and the status in an answer. Raises :class:`Unreadable` where one is missing."""
    row = record(value, asked)
    return JobStatus(identifier(row) or text(row, "id", asked), text(row, "status", asked))


def username(value: JsonValue, asked: str) -> str:
    """The user of a profile. Some profile services answer a list of one."""
    row = value[0] if isinstance(value, list) and len(value) == 1 else value
    return text(record(row, asked), "username", asked)


def app(value: JsonValue, asked: str) -> App:
    """An app's definition. ``defaults`` are those of the request fields, by their names there."""
    row = record(value, asked)
    defaults = {
        ours: row[theirs] for theirs, ours in _DEFAULTS.items() if row.get(theirs) is not None
    }
    return App(
        id=identifier(row) or text(row, "id", asked),
        inputs=_app_fields(row.get("inputs"), asked),
        parameters=_app_fields(row.get("parameters"), asked),
        defaults=defaults,
        changed=moment(row.get("lastModified")) if row.get("isPublic") is False else None,
    )


def submit_body(name: str, request: Mapping[str, JsonValue]) -> bytes:
    """A submit that both engines accept (agave-v2 §9.1): memory with a unit, a present path."""
    body: Record = {"name": name, **request}
    memory = body.get("memoryPerNode")
    if isinstance(memory, (int, float)) and not isinstance(memory, bool):
        body["memoryPerNode"] = f"{memory:g}GB"
    if body.get("archive", True) is not False and not body.get("archivePath"):
        body["archivePath"] = ""
    return json_body(body)


def json_body(body: Mapping[str, JsonValue]) -> bytes:
    """*body* as compact JSON in ASCII. Raises :class:`ValueError` for NaN and infinity."""
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")


def _app_fields(value: JsonValue, asked: str) -> dict[str, AppField]:
    fields = (_app_field(row, asked) for row in rows(value or [], asked))
    return {field.id: field for field in fields}


def _app_field(row: Record, asked: str) -> AppField:
    value, semantics = _object(row.get("value")), _object(row.get("semantics"))
    most = semantics.get("maxCardinality")
    least = semantics.get("minCardinality")
    return AppField(
        id=identifier(row) or text(row, "id", asked),
        type=_words(value.get("type")) or "string",
        required=_truth(value.get("required")),
        visible=value.get("visible") is None or _truth(value.get("visible")),
        choices=tuple(_choices(value.get("enum_values") or value.get("enumValues"))),
        minimum=least if isinstance(least, int) and least > 0 else 0,
        maximum=most if isinstance(most, int) and most > 0 else None,
        validator=_words(value.get("validator")),
    )


def _choices(value: JsonValue) -> Iterable[str]:
    """Members of an enumeration: texts, or objects ``{value: label}``."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield from item
        elif item is not None:
            yield str(item)


def _object(value: JsonValue) -> Record:
    return value if isinstance(value, dict) else {}


def _words(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _truth(value: JsonValue) -> bool:
    return value.lower() in ("true", "1") if isinstance(value, str) else bool(value)


def _flag(pair: Record, key: str, asked: str) -> bool:
    value = pair.get(key)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise Unreadable(f"a permission without {key!r}: {sanitised(json.dumps(pair))} ({asked})")
    return value


def _count(value: JsonValue, asked: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Unreadable(f"a file whose length is {shown(value)} ({asked})")
    return value


def _run_time(hours: JsonValue) -> JsonValue:
    if isinstance(hours, bool) or not isinstance(hours, (int, float, str)):
        return None
    try:
        seconds = round(timedelta(hours=float(hours)).total_seconds())
    except (ValueError, OverflowError):
        return None
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
