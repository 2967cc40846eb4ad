"""The request fields of a job: what the service would refuse is refused here first.

Each field has one function from a value to the value that is sent. It raises :class:`Wrong`.
Values are checked after references were filled in, so a type may still be anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from jobsync.manifest.messages import did_you_mean, quoted, size_hint
from jobsync.model import IdRef, OutputRef, Value
from jobsync.platform import Step, Wrong
from jobsync.platforms.agave.sizes import size_of

PATH_MACROS = frozenset({
    "APP_ID", "ARCHIVE_SYSTEM", "BATCH_QUEUE", "EXECUTION_SYSTEM", "JOB_CREATED_TIME", "JOB_ID",
    "JOB_MEMORY_PER_NODE", "JOB_NAME", "JOB_NODE_COUNT", "JOB_OWNER", "JOB_PROCESSORS_PER_NODE",
    "TENANT_ID",
})  # fmt: skip
"""The macros that the service fills into ``archivePath`` (agave-v2 §3.2)."""

NOTICE_MACROS = frozenset({
    "EVENT", "JOB_ARCHIVE_PATH", "JOB_ARCHIVE_URL", "JOB_END_TIME", "JOB_ERROR", "JOB_ID",
    "JOB_NAME", "JOB_START_TIME", "JOB_STATUS", "JOB_SUBMIT_TIME", "JOB_SYSTEM", "JOB_URL",
    "OWNER", "UUID",
})  # fmt: skip
"""The macros that the service fills into the URL of a notification (agave-v2 §3.6)."""

RESERVED = frozenset({
    "name", "jobName", "appId", "softwareName", "executionSystem", "executionHost", "batchQueue",
    "queue", "nodeCount", "processorsPerNode", "processorCount", "memoryPerNode", "maxMemory",
    "maxRunTime", "requestedTime", "archive", "archivePath", "archiveSystem", "callbackUrl",
    "callbackURL", "notifications", "dependencies", "inputs", "parameters",
})  # fmt: skip
"""Ids that the service would take for a field: it flattens the request (agave-v2 §3.1)."""

INPUTS_LIMIT = 16384
"""The most characters of all inputs together (agave-v2 §3.3)."""

_APP_ID = re.compile(r"[^-\s].*-.*[^-\s]")
_RUN_TIME = re.compile(r"[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PLAIN_URI = re.compile(r"(?:agave://[A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9_./-]*")
_AGAVE = re.compile(r"agave://[A-Za-z0-9][A-Za-z0-9._-]*/[^\s].*")
_MACRO = re.compile(r"\$\{([^}]*)\}?")
_WEB = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?")
_MAIL = re.compile(r"[^@\s:/]+@[^@\s:/]+\.[^@\s:/]+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{6,20}")
_EVENT = re.compile(r"\*|[A-Za-z][A-Za-z0-9_]{0,31}")


@lru_cache(maxsize=4096)
def _app_id(text: str) -> None:
    if len(text) > 80:
        raise Wrong(f"is {len(text)} characters long, more than 80")
    if not _APP_ID.fullmatch(text) or not text.isprintable():
        raise Wrong(f"must be NAME-VERSION, like famsa-2.2, not {quoted(text)}")


def app_id(value: Value) -> Value:
    """``NAME-VERSION``, at most 80 characters."""
    _app_id(_text(value))
    return value


def flag(value: Value) -> Value:
    """True or false; words such as ``"yes"`` are refused."""
    if isinstance(value, bool):
        return value
    raise Wrong("must be true or false")


@lru_cache(maxsize=65536)
def _archive_path(text: str) -> None:
    if len(text) > 255:
        raise Wrong(f"is {len(text)} characters long, more than 255")
    if ".." in text.split("/"):
        raise Wrong('cannot have ".." in it')
    _macros(text, PATH_MACROS)


def archive_path(value: Value) -> Value:
    """At most 255 characters without ``..``; :data:`PATH_MACROS` may stand in it."""
    _archive_path(_text(value))
    return value


@lru_cache(maxsize=4096)
def _word(text: str, limit: int) -> None:
    if not text or text != text.strip() or any(c.isspace() for c in text):
        raise Wrong(f"must be one word, not {quoted(text)}")
    if len(text) > limit:
        raise Wrong(f"is {len(text)} characters long, more than {limit}")


def archive_system(value: Value) -> Value:
    """One word of at most 64 characters."""
    _word(_text(value), 64)
    return value


def batch_queue(value: Value) -> Value:
    """One word of at most 255 characters."""
    _word(_text(value), 255)
    return value


@lru_cache(maxsize=4096)
def _run_time(text: str) -> None:
    if not _RUN_TIME.fullmatch(text):
        hint = "hours:minutes:seconds, at most four digits of hours"
        raise Wrong(f"must be a time like 00:30:00, not {quoted(text)}", hint)
    if not any(text.replace(":", "").strip("0")):
        raise Wrong("must be more than 00:00:00")


def run_time(value: Value) -> Value:
    """``HH:MM:SS``, more than no time; hours have up to four digits."""
    _run_time(_text(value))
    return value


@lru_cache(maxsize=4096)
def gigabytes(text: str) -> str:
    """A size in the one form that both kinds of service take: ``4GB`` (agave-v2 §9.1, §3.2).

    The older service refuses MB and silently replaces what it cannot parse, the newer one wants
    text with a unit: so everything becomes GB, rounded up to a thousandth.
    """
    found = size_of(text)
    if found is None or not found.is_plain:
        hint = size_hint(text)
        raise Wrong(f"must be a size like 4GB or 512MB, not {quoted(text)}", hint)
    size = found.gigabytes
    if size <= 0:
        raise Wrong("must be more than 0")
    if size > Decimal(1024**3):
        raise Wrong(f"is more than any node has: {quoted(text)}")
    rounded = size.quantize(Decimal("0.001"), rounding=ROUND_UP).normalize()
    return f"{rounded:f}GB"


def memory(value: Value) -> Value:
    """A number of GB, or a size with its unit: sent as :func:`gigabytes` spells it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Wrong("must be a number of GB, or a size like 4GB")
    if isinstance(value, float):
        return gigabytes(f"{Decimal(repr(value)):f}")
    return gigabytes(str(value))


def whole(value: Value) -> Value:
    """A whole number from 1 to 100,000; text that holds one is sent as a number."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong("must be a whole number from 1 to 100000")
    if not 1 <= value <= 100_000:
        raise Wrong(f"must be a whole number from 1 to 100000, not {value}")
    return value


def inputs(value: Value) -> Value:
    """URIs by the ids of the app's inputs, one or a list: text, or an output of another job."""
    if not isinstance(value, dict):
        raise Wrong("must be a mapping")
    total = 0
    for key, item in value.items():
        _id(key)
        if isinstance(item, list):
            for number, uri in enumerate(item):
                total += _input(key, uri, len(item) == 1, (key, number))
        else:
            total += _input(key, item, True, (key,))
    if total > INPUTS_LIMIT:
        raise Wrong(f"are {total} characters together, more than {INPUTS_LIMIT}")
    return value


def _input(key: str, uri: Value, alone: bool, path: Step) -> int:
    """How many characters the service counts for one URI of an input."""
    if isinstance(uri, str):
        _uris(uri, alone, path)
        return len(uri) + len(key)
    if isinstance(uri, OutputRef):
        return 0
    what = "the id of a job is not a file" if isinstance(uri, IdRef) else "must be text"
    raise Wrong(what, path=path)


def parameters(value: Value) -> Value:
    """Text, numbers, true and false by the ids of the app's parameters, one or a list."""
    if not isinstance(value, dict):
        raise Wrong("must be a mapping")
    for key, item in value.items():
        _id(key)
        if isinstance(item, list):
            for number, one in enumerate(item):
                _parameter(one, (key, number))
        else:
            _parameter(item, (key,))
    return value


def _parameter(value: Value, path: Step) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Wrong("cannot hold the character U+0000", path=path)
    elif isinstance(value, (dict, list)) or value is None:
        raise Wrong("must be text, a number, true or false", path=path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Wrong("must be a finite number", path=path)


def notifications(value: Value) -> Value:
    """URLs and the events they are called for: ``*``, or a status."""
    for number, item in enumerate(value if isinstance(value, list) else []):
        fields = item if isinstance(item, dict) else {}
        url = fields.get("url")
        event = fields.get("event")
        if not isinstance(url, str) or not isinstance(event, str):
            raise Wrong("must be text", path=(number, "url"))
        _notice_url(url, number)
        if not _EVENT.fullmatch(event):
            message = f"must be * or a status such as FINISHED, not {quoted(event)}"
            raise Wrong(message, path=(number, "event"))
    return value


def request_schema() -> dict[str, Any]:
    """What each field may be before references in it are filled in."""
    text = Path(__file__).with_name("request.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


FIELD_HINTS = {
    "jobName": "the key of the job is its name: rename the key",
    "softwareName": "write appId",
    "executionSystem": "the app says where it runs; newer services refuse this field",
    "executionHost": "the app says where it runs; newer services refuse this field",
    "queue": "write batchQueue",
    "maxMemory": "write memoryPerNode",
    "requestedTime": "write maxRunTime",
    "processorCount": "write processorsPerNode",
    "callbackUrl": "write notifications: [{url: ..., event: FINISHED}]",
    "callbackURL": "write notifications: [{url: ..., event: FINISHED}]",
    "dependencies": "write needs: the service does not know dependencies",
    "archiveOnAppError": "only one of the two kinds of service knows this field",
    "processorsOnEachNode": "only one of the two kinds of service knows this field, and "
    "processorsPerNode means all processors there",
    "appVersion": "the version is a part of appId here: NAME-VERSION",
    "fileInputs": "a field of Tapis v3: write inputs: {ID: URI}",
    "fileInputArrays": "a field of Tapis v3: write inputs: {ID: [URI, URI]}",
    "parameterSet": "a field of Tapis v3: write parameters: {ID: VALUE}",
    "maxMinutes": 'a field of Tapis v3: write maxRunTime: "00:30:00"',
    "memoryMB": "a field of Tapis v3: write memoryPerNode: 4GB",
    "coresPerNode": "a field of Tapis v3: write processorsPerNode",
    "execSystemLogicalQueue": "a field of Tapis v3: write batchQueue",
    "execSystemId": "a field of Tapis v3: the app says where it runs here",
    "archiveMode": "a field of Tapis v3: write archive: false for NEVER",
    "archiveSystemDir": "a field of Tapis v3: write archivePath; ${JobUUID} is ${JOB_ID} here",
    "archiveSystemId": "a field of Tapis v3: write archiveSystem",
    "subscriptions": "a field of Tapis v3: write notifications: [{url: ..., event: FINISHED}]",
    "parameter": "write parameters",
    "input": "write inputs",
}
"""What to write in place of fields that people know from elsewhere."""

FIELDS: Mapping[str, Callable[[Value], Value]] = {
    "appId": app_id,
    "inputs": inputs,
    "parameters": parameters,
    "archive": flag,
    "archivePath": archive_path,
    "archiveSystem": archive_system,
    "batchQueue": batch_queue,
    "maxRunTime": run_time,
    "memoryPerNode": memory,
    "nodeCount": whole,
    "processorsPerNode": whole,
    "notifications": notifications,
}
"""Every request field and what makes its value ready to send."""


PLACEMENT = ("batchQueue", "nodeCount", "processorsPerNode", "memoryPerNode", "maxRunTime")
"""Fields that say where and how long, not what: changing them never re-runs a job."""

REFERRING = frozenset(("inputs", "parameters"))
MERGED = REFERRING
HIDING = frozenset(("inputs", "parameters", "notifications", *PLACEMENT))
MACROS = PATH_MACROS | NOTICE_MACROS
WORKSPACE = "agave://local/"


def check_request(request: Mapping[str, Value]) -> Iterator[Wrong]:
    """Problems of names that are both an input and a parameter: the service merges the two
    (agave-v2 §3.1)."""
    inputs, parameters = request.get("inputs"), request.get("parameters")
    if not isinstance(inputs, dict) or not isinstance(parameters, dict):
        return
    if not inputs.keys().isdisjoint(parameters):
        for key in sorted(inputs.keys() & parameters.keys()):
            message = f"{quoted(key)} is both an input and a parameter"
            yield Wrong(message, "the service would confuse them", path=("parameters", key))


def names_workspace(field: str, value: Value) -> bool:
    """Whether *value* of *field* names a file of the workspace."""
    return field == "inputs" and WORKSPACE in str(value)


def workspace_inputs(request: Mapping[str, Value]) -> Iterator[tuple[Step, str]]:
    """The URIs of files of the workspace among the inputs, and where they stand."""
    inputs = request.get("inputs")
    for key, value in inputs.items() if isinstance(inputs, dict) else ():
        if WORKSPACE not in value if isinstance(value, str) else isinstance(value, OutputRef):
            continue
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items):
            if not isinstance(item, str):
                continue
            at: Step = ("inputs", key, number) if isinstance(value, list) else ("inputs", key)
            for uri in split(item) if len(items) == 1 else (item,):
                if uri.strip().startswith(WORKSPACE):
                    yield at, uri.strip()


def split(text: str) -> list[str]:
    """The parts of a text that the service splits at every ``;`` (agave-v2 §3.3)."""
    return text.split(";")


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise Wrong("must be text", "write the value in quotes")


@lru_cache(maxsize=4096)
def _id(key: str) -> None:
    if key in RESERVED:
        hint = "the service would take it for that field; the app must name it differently"
        raise Wrong(f"the id {quoted(key)} is the name of a request field", hint, path=(key,))
    if not key.isprintable() or key != key.strip() or len(key) > 64:
        raise Wrong(f"{quoted(key)} cannot be an id", path=(key,))


def _uris(text: str, alone: bool, path: tuple[str | int, ...]) -> None:
    if _PLAIN_URI.fullmatch(text):
        return
    for uri in split(text) if alone else (text,):
        try:
            _uri(uri.strip())
        except Wrong as wrong:
            raise Wrong(wrong.message, wrong.hint, path=path) from None


@lru_cache(maxsize=65536)
def _uri(uri: str) -> None:
    if not uri:
        raise Wrong("has an empty URI", "to pass no file, remove the input")
    if not uri.isprintable():
        raise Wrong(f"has a control character in {quoted(uri)}")
    if "${" in uri:
        _macros(uri, frozenset())
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return
    name = scheme[1].lower()
    if name == "file":
        hint = "write agave://local/PATH for a file beside the manifests"
        raise Wrong(f"{quoted(uri)} names a file of this machine", hint)
    if name == "agave" and not _AGAVE.fullmatch(uri):
        raise Wrong(f"{quoted(uri)} is not agave://SYSTEM/PATH")
    if name in ("http", "https") and not _WEB.fullmatch(uri):
        raise Wrong(f"{quoted(uri)} is not a URL")


def _macros(text: str, known: frozenset[str]) -> None:
    for match in _MACRO.finditer(text):
        name = match[1]
        if name not in known:
            near = did_you_mean(name, known)
            hint = near or "the service would leave it as it is"
            raise Wrong(f"{quoted(match[0])} is not a macro of the service here", hint)


def _notice_url(url: str, number: int) -> None:
    path = (number, "url")
    if not 4 <= len(url) <= 1024:
        raise Wrong(f"is {len(url)} characters long, not 4 to 1024", path=path)
    try:
        _macros(url, NOTICE_MACROS)
    except Wrong as wrong:
        raise Wrong(wrong.message, wrong.hint, path=path) from None
    bare = _MACRO.sub("x", url)
    if not any(form.fullmatch(bare) for form in (_WEB, _MAIL, _PHONE, _AGAVE)):
        message = f"must be a web address, an e-mail address or an agave URI, not {quoted(url)}"
        raise Wrong(message, path=path)
