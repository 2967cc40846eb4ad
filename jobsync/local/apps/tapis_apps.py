"""The Tapis apps below some folders: an ``app.json`` with ``runtime``, or an ``app.v3.json``.

A folder is one version of one app; its name means nothing. Each file is read by itself and again
when it changes, so that a running service sees a new or edited app at the next request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobsync.errors import LocalServiceError
from jobsync.given_files import json_of, read_given
from jobsync.local.apps.app_file import LARGEST
from jobsync.local.apps.registry import SHIPPED
from jobsync.structs import Struct

NAMES = ("app.json", "app.v3.json")
_ID = re.compile(r"[A-Za-z0-9._~-]{1,80}")
_VERSION = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_HINT = "an app needs id, version and runtime; see docs/local-service.md"

_TOP: Mapping[str, Any] = {
    "description": None, "enabled": True, "versionEnabled": True, "locked": False,
    "runtime": "ZIP", "runtimeVersion": None, "runtimeOptions": None, "containerImage": "",
    "jobType": None, "maxJobs": 2147483647, "maxJobsPerUser": 2147483647,
    "strictFileInputs": False, "tags": [], "notes": {},
}  # fmt: skip
_ATTRIBUTES: Mapping[str, Any] = {
    "description": None, "dynamicExecSystem": False, "execSystemConstraints": None,
    "execSystemId": None, "execSystemExecDir": None, "execSystemInputDir": None,
    "execSystemOutputDir": None, "dtnSystemInputDir": None, "dtnSystemOutputDir": None,
    "execSystemLogicalQueue": None, "archiveSystemId": None, "archiveSystemDir": None,
    "archiveOnAppError": True, "archiveMode": None, "isMpi": False, "mpiCmd": None,
    "cmdPrefix": None, "nodeCount": 1, "coresPerNode": 1, "memoryMB": 100, "maxMinutes": 10,
    "fileInputs": [], "fileInputArrays": [], "subscriptions": [], "tags": [],
}  # fmt: skip
_SETS = ("appArgs", "containerArgs", "schedulerOptions", "envVariables")


class TapisApp(Struct, frozen=True):
    """One version of one app. ``document`` is what ``GET /v3/apps/ID/VERSION`` answers."""

    id: str
    version: str
    folder: Path
    document: Mapping[str, Any]
    changed: float = 0.0

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its ``jobAttributes``, every key there."""
        found: Mapping[str, Any] = self.document["jobAttributes"]
        return found

    @property
    def order(self) -> tuple[tuple[int, int, str], ...]:
        """What versions are compared by: numbers as numbers."""
        parts = re.findall(r"[0-9]+|[^0-9.]+", self.version)
        return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts)


class _Read(Struct, frozen=True):
    signature: tuple[int, int]
    app: TapisApp | None = None
    trouble: str = ""


class TapisApps:
    """The apps below some folders; of two with one id and version the earlier folder's wins."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = (*folders, SHIPPED)
        self._files: dict[Path, _Read] = {}
        self._apps: dict[tuple[str, str], TapisApp] = {}

    def get(self, app_id: str, version: str | None = None) -> TapisApp | None:
        """An app in a version, without one in the latest."""
        self._refresh()
        if version is not None:
            return self._apps.get((app_id, version))
        found = [app for (name, _), app in self._apps.items() if name == app_id]
        return max(found, key=lambda app: app.order, default=None)

    def latest(self) -> list[TapisApp]:
        """Every app in its latest version, by id."""
        self._refresh()
        found = (self.get(name) for name in sorted({name for name, _ in self._apps}))
        return [app for app in found if app is not None]

    def trouble(self) -> str:
        """What is wrong with the files that cannot be read."""
        self._refresh()
        return "; ".join(read.trouble for read in self._files.values() if read.trouble)

    def _refresh(self) -> None:
        files: dict[Path, _Read] = {}
        for path in _definitions(self._folders):
            known = self._files.get(path)
            if known is None or known.trouble or known.signature != _signature(path):
                known = _read(path)
            files[path] = known
        if files == self._files:
            return
        apps: dict[tuple[str, str], TapisApp] = {}
        for read in files.values():
            if read.app is not None:
                apps.setdefault((read.app.id, read.app.version), read.app)
        self._files, self._apps = files, apps


def _definitions(folders: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        below = sorted([*folder.glob("*/app*.json"), *folder.glob("*/*/app*.json")])
        found += [path for path in below if path.name in NAMES]
    return found


def _signature(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, -1
    return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> _Read:
    signature = _signature(path)
    try:
        document = json_of(read_given(path, LARGEST))
        if path.name == NAMES[0] and not (isinstance(document, dict) and "runtime" in document):
            return _Read(signature)  # an app of the other api
        return _Read(signature, _app(path, document, signature[0] / 1e9))
    except (OSError, ValueError, TypeError, LocalServiceError) as error:
        if path.name == NAMES[0] and not isinstance(error, LocalServiceError):
            return _Read(signature)  # whose it is cannot be told: the other api tells of it
        return _Read(signature, None, f"{path}: {error} ({_HINT})")


def _app(path: Path, document: Any, changed: float) -> TapisApp:
    if not isinstance(document, dict):
        raise LocalServiceError("an app is a JSON object")
    app_id, version = document.get("id"), document.get("version")
    if not isinstance(app_id, str) or not _ID.fullmatch(app_id):
        raise LocalServiceError("id: 1 to 80 letters, digits and . _ ~ -")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise LocalServiceError("version: a string of 1 to 64 letters, digits and . _ + -")
    given = document.get("jobAttributes") or {}
    if not isinstance(given, dict):
        raise LocalServiceError("jobAttributes must be an object")
    for where, keys, table in (("", document, _TOP), ("jobAttributes.", given, _ATTRIBUTES)):
        for key, default in table.items():
            value = keys.get(key)
            if default is not None and value is not None and type(value) is not type(default):
                raise LocalServiceError(f"{where}{key}: not a {type(default).__name__}")
    attributes = {key: _or(given.get(key), default) for key, default in _ATTRIBUTES.items()}
    attributes["parameterSet"] = _parameters(given.get("parameterSet") or {})
    for key in ("fileInputs", "fileInputArrays"):
        attributes[key] = [_input(entry, key) for entry in attributes[key]]
    return TapisApp(
        id=app_id,
        version=version,
        folder=path.parent,
        changed=changed,
        document={
            "id": app_id,
            "version": version,
            **{key: _or(document.get(key), default) for key, default in _TOP.items()},
            "jobAttributes": attributes,
        },
    )


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _parameters(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise LocalServiceError("jobAttributes.parameterSet must be an object")
    found: dict[str, Any] = {}
    for name in _SETS:
        entries = given.get(name) or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise LocalServiceError(f"parameterSet.{name}: a list of objects")
        is_env = name == "envVariables"
        key, value = ("key", "value") if is_env else ("name", "arg")
        default = "INCLUDE_BY_DEFAULT" if is_env else "INCLUDE_ON_DEMAND"
        found[name] = [
            {
                key: one.get(key),
                "description": one.get("description"),
                "inputMode": one.get("inputMode") or default,
                value: one.get(value),
                "notes": one.get("notes") or {},
            }
            for one in entries
        ]
        if any(not isinstance(one[key], str) for one in found[name]):
            raise LocalServiceError(f"parameterSet.{name}: every entry has a {key}")
    archive = given.get("archiveFilter") or {}
    log = given.get("logConfig") or {}
    found["archiveFilter"] = {
        "includes": archive.get("includes") or [],
        "excludes": archive.get("excludes") or [],
        "includeLaunchFiles": _or(archive.get("includeLaunchFiles"), True),
    }
    found["logConfig"] = {
        "stdoutFilename": log.get("stdoutFilename") or "",
        "stderrFilename": log.get("stderrFilename") or "",
    }
    return found


def _input(entry: Any, kind: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise LocalServiceError(f"{kind}: every entry is an object with a name")
    source, target = (
        ("sourceUrl", "targetPath") if kind == "fileInputs" else ("sourceUrls", "targetDir")
    )
    return {
        "name": entry["name"],
        "description": entry.get("description"),
        "inputMode": entry.get("inputMode") or "OPTIONAL",
        "envKey": entry.get("envKey"),
        "autoMountLocal": _or(entry.get("autoMountLocal"), True),
        source: entry.get(source),
        target: entry.get(target),
        "notes": entry.get("notes") or {},
    }
