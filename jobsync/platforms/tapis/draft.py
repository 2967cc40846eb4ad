"""A job of Agave v2 as a first draft of one of Tapis v3.

Nothing is sent of it before a person has looked: each line that is guessed, or that says less than
the old one, ends in a comment that begins with TODO.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from jobsync.manifest.writer import Draft, Noted, Remark
from jobsync.platforms.agave.sizes import size_of

Body = dict[str, Draft]

_APP = re.compile(r"(?P<id>.+)-(?P<version>[0-9][A-Za-z0-9._]*?)(?:u[0-9]+)?")
_REFERENCE = re.compile(r"(\$\{[^{}]*\})")
_SEVERAL = re.compile(r"\$\{jobs\.[^.\[\]{}]+\[(?:\*|[^\]]*=[^\]]*)\]\.")
_MACRO = re.compile(r"\$\{[A-Z_]+\}")
_TIME = re.compile(r"([0-9]{1,5}):([0-9]{2}):([0-9]{2})")
_MACROS = {
    "JOB_ID": "JobUUID",
    "JOB_NAME": "JobName",
    "JOB_OWNER": "JobOwner",
    "JOB_CREATED_TIME": "JobCreateTimestamp",
    "JOB_NODE_COUNT": "Nodes",
    "JOB_PROCESSORS_PER_NODE": "CoresPerNode",
    "JOB_MEMORY_PER_NODE": "MemoryMB",
    "APP_ID": "AppId",
    "ARCHIVE_SYSTEM": "ArchiveSystemId",
    "BATCH_QUEUE": "ExecSystemLogicalQueue",
    "EXECUTION_SYSTEM": "ExecSystemId",
    "TENANT_ID": "Tenant",
}
"""Macros of an archive path and what they are called now (agave-v2 §3.2, tapis-v3 §4.5)."""

_OURS = (
    "permissionsMode", "outputs", "expect", "needs", "matrix", "onFailure", "rerun", "protect",
)  # fmt: skip
"""Keys of jobsync itself, which mean the same for every service."""

_ORDER = (
    "appId", "appVersion", "execSystemLogicalQueue", "nodeCount", "coresPerNode", "memoryMB",
    "maxMinutes", "fileInputs", "fileInputArrays", "parameterSet", "archiveMode",
    "archiveSystemId", "archiveSystemDir", "subscriptions", "permissions", *_OURS,
)  # fmt: skip

EXPECT = Remark(
    'TODO expect: ["*"]  (the files that a successful run must have made: FINISHED says nothing '
    "of success here)"
)


def draft_of(job: Mapping[str, Any]) -> Body:
    """The draft of what stands under one job, or under ``defaults``, of a v2 manifest."""
    out: Body = {}
    for name, value in job.items():
        if name in _OURS:
            out[name] = value
        elif name in _FIELDS and value is None:
            out[f"# {name}"] = Remark(f"TODO {name}: null took a default away; say what holds here")
        elif name in _FIELDS:
            out.update(_FIELDS[name](value))
        else:
            out[f"# {name}"] = Remark(f"TODO left out: {name}: {shown(value)}")
    rank = {name: at for at, name in enumerate(_ORDER)}
    return dict(sorted(out.items(), key=lambda item: rank.get(item[0], len(rank))))


def shown(value: object) -> str:
    """A value as a comment names it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _guess(value: Draft, was: object, words: str) -> Noted:
    return Noted(value, f"TODO: {words} (was {shown(was)})")


# --- the app, and where and how long it runs -----------------------------------------------


def _app(value: Any) -> Body:
    words = "ids and versions differ on Tapis v3"
    found = _APP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return {
            "appId": _guess(value, value, words),
            "appVersion": _guess("TODO", value, "needed on Tapis v3"),
        }
    return {
        "appId": _guess(found["id"], value, words),
        "appVersion": _guess(found["version"], value, words),
    }


def _queue(value: Any) -> Body:
    return {"execSystemLogicalQueue": _guess(value, value, "queues have other names")}


def _whole(name: str) -> Callable[[Any], Body]:
    def converted(value: Any) -> Body:
        is_number = isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value)
        return {name: int(value) if is_number else value}

    return converted


def _memory(value: Any) -> Body:
    size = size_of(str(value))
    if size is None:
        return {"memoryMB": _guess(1024, value, "in MiB")}
    exact = size.gigabytes * 1024
    most = max(1, math.ceil(exact))
    return {"memoryMB": most if most == exact else _guess(most, value, "rounded up")}


def _minutes(value: Any) -> Body:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return {"maxMinutes": _guess(10, value, "in minutes")}
    hours, minutes, seconds = (int(part) for part in found.groups())
    most = max(1, 60 * hours + minutes + (seconds > 0))
    exact = seconds == 0 and most == 60 * hours + minutes
    return {"maxMinutes": most if exact else _guess(most, value, "rounded up")}


# --- inputs --------------------------------------------------------------------------------


def _inputs(value: Any) -> Body:
    if not isinstance(value, Mapping):
        return _unread("inputs", value)
    single: list[Draft] = []
    several: list[Draft] = []
    out: Body = {}
    for name, given in value.items():
        if given is None:
            single.append({"name": name, "remove": True})
        elif isinstance(given, list):
            several.append({"name": name, "sourceUrls": [_url(one) for one in given]})
        elif isinstance(given, str) and _SEVERAL.match(given):
            several.append({"name": name, "sourceUrls": [given]})
        elif given == "":
            out[f"# {name}"] = Remark(f"TODO left out: the input {name} was empty")
        else:
            single.append({"name": name, "sourceUrl": _url(given)})
    if single:
        out["fileInputs"] = single
    if several:
        out["fileInputArrays"] = several
    return out


def _url(value: Any) -> Draft:
    text = str(value)
    if _REFERENCE.fullmatch(text):
        is_of_a_job = text.startswith("${jobs.")
        return text if is_of_a_job else _guess(text, value, "its value must be a tapis:// URL")
    scheme, mark, rest = text.partition("://")
    if not mark:
        return _guess(f"tapis://TODO/{text.lstrip('/')}", value, "the system that has it")
    if scheme in ("http", "https"):
        return text
    if scheme != "agave":
        return _guess(text, value, "only tapis, http and https are fetched")
    plain = _decoded(rest)
    if plain is None:
        return _guess(f"tapis://{rest}", value, "a path that tapis:// cannot name: rename the file")
    url = f"tapis://{plain}"
    return url if rest.startswith("local/") else _guess(url, value, "the system has another name")


def _decoded(path: str) -> str | None:
    """*path* as it is: nothing is decoded of a ``tapis://`` URL (tapis-v3 §4.2). None for a path
    that cannot be written there."""
    parts = _REFERENCE.split(path)
    try:
        plain = "".join(
            part if _REFERENCE.fullmatch(part) else unquote(part, errors="strict") for part in parts
        )
    except UnicodeDecodeError:
        return None
    if not plain.isprintable() or ".." in plain.split("/") or plain.count("${") != path.count("${"):
        return None
    return plain


# --- parameters ----------------------------------------------------------------------------


def _parameters(value: Any) -> Body:
    if not isinstance(value, Mapping):
        return _unread("parameters", value)
    args = [_argument(name, given) for name, given in value.items()]
    return {"parameterSet": {"appArgs": args}} if args else {}


def _argument(name: str, value: Any) -> Draft:
    if value is None:
        return {"name": name, "remove": True}
    words = "an argument as the app reads it, or under envVariables"
    if isinstance(value, bool):
        arg: Body = {"name": name, "arg": _guess(f"--{name}", value, words)}
        return arg if value else {**arg, "include": False}
    parts = value if isinstance(value, list) else [value]
    text = " ".join(part if isinstance(part, str) else json.dumps(part) for part in parts)
    return {"name": name, "arg": _guess(text or "TODO", value, words)}


# --- archive, notifications, permissions ---------------------------------------------------


def _archive(value: Any) -> Body:
    if value is True:
        return {}  # as it is without
    if value is False:
        words = "servers before 25Q4 do not know archiveMode"
        return {"archiveMode": _guess("NEVER", value, words)}
    return _unread("archive", value)


def _archive_path(value: Any) -> Body:
    names = re.findall(r"\$\{([A-Z_]+)\}", str(value))
    words = "below the root of the system"
    if unknown := sorted(set(names) - _MACROS.keys()):
        words += f"; there is no ${{{unknown[0]}}}"
    text = re.sub(r"\$\{([A-Z_]+)\}", lambda m: f"${{{_MACROS.get(m[1], 'JobUUID')}}}", str(value))
    return {"archiveSystemDir": _guess(text, value, words)}


def _archive_system(value: Any) -> Body:
    return {"archiveSystemId": _guess(value, value, "the system has another name")}


def _notifications(value: Any) -> Body:
    """One subscription for each address: single events cannot be chosen (tapis-v3 §10)."""
    by_url: dict[str, list[Any]] = {}
    for one in value if isinstance(value, list) else [value]:
        url = one.get("url") if isinstance(one, Mapping) else one
        if isinstance(url, str) and url:
            by_url.setdefault(url, []).append(one)
    found = [_subscription(url, given) for url, given in by_url.items()]
    return {"subscriptions": found} if found else {}


def _subscription(url: str, given: list[Any]) -> Draft:
    is_mail = "@" in url and "://" not in url
    words = "no macros in it, no policy, no single events"
    target: Body = {
        "deliveryMethod": "EMAIL" if is_mail else "WEBHOOK",
        "deliveryAddress": _guess(_MACRO.sub(r"$\g<0>", url), given, words),
    }
    return {"eventCategoryFilter": "JOB_NEW_STATUS", "deliveryTargets": [target]}


def _permissions(value: Any) -> Body:
    if not isinstance(value, Mapping):
        return _unread("permissions", value)
    return {"permissions": {user: _permission(user, level) for user, level in value.items()}}


def _permission(user: str, level: Any) -> Draft:
    if user == "world":
        return Remark(f"TODO left out: world: {shown(level)}: nothing can be public here")
    if level in ("READ", "NONE"):
        return str(level)
    return _guess("READ", level, "there is nothing but READ")


def _unread(name: str, value: object) -> Body:
    return {f"# {name}": Remark(f"TODO left out: {name}: {shown(value)}")}


_FIELDS: Mapping[str, Callable[[Any], Body]] = {
    "appId": _app,
    "batchQueue": _queue,
    "nodeCount": _whole("nodeCount"),
    "processorsPerNode": _whole("coresPerNode"),
    "memoryPerNode": _memory,
    "maxRunTime": _minutes,
    "inputs": _inputs,
    "parameters": _parameters,
    "archive": _archive,
    "archivePath": _archive_path,
    "archiveSystem": _archive_system,
    "notifications": _notifications,
    "permissions": _permissions,
}
