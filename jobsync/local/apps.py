"""Apps: a folder with ``app.json`` (a subset of Agave's app schema) and a wrapper script.

An app's id is ``name-version``. Everything else in the folder is copied beside the job, as Agave
copies an app's deployment folder. Folders are read again when a file in them changes, so that a
running service sees a new or edited app at the next submit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobsync.errors import LocalServiceError
from jobsync.records import Struct, field

SHIPPED = Path(__file__).parent / "apps"
"""The apps that come with the service."""

PARAMETER_TYPES = frozenset({"string", "number", "bool", "flag", "enumeration"})


class AppField(Struct, frozen=True):
    """An input or parameter that an app declares (Agave's ``value``, ``details``, ``semantics``).

    ``maximum`` is None for any number of values. ``type`` is ``input`` for inputs.
    """

    id: str
    type: str = "input"
    required: bool = False
    visible: bool = True
    default: tuple[Any, ...] = ()
    validator: str = ""
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    argument: str = ""
    show_argument: bool = False
    repeat_argument: bool = False
    enquote: bool = False


class App(Struct, frozen=True):
    """An app as the service knows it. ``document`` is what ``GET /apps/v2/ID`` answers."""

    id: str
    folder: Path
    template: Path
    system: str = ""
    queue: str = ""
    node_count: int | None = None
    processors_per_node: int | None = None
    memory: str = ""
    max_run_time: str = ""
    inputs: Mapping[str, AppField] = field(default_factory=dict)
    parameters: Mapping[str, AppField] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)


class Apps:
    """The apps below some folders; where two have one id, the one of the earlier folder wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._apps: dict[str, App] = {}

    def get(self, app_id: str) -> App | None:
        """The app with this id, or None. A definition that has become bad raises
        :class:`LocalServiceError` naming the file."""
        self.refresh()
        return self._apps.get(app_id)

    def list(self) -> list[Mapping[str, Any]]:
        """The documents of all apps, by id."""
        self.refresh()
        return [self._apps[app_id].document for app_id in sorted(self._apps)]

    def refresh(self) -> None:
        """Read the folders again if a definition was added, changed or removed."""
        files = {path: _signature(path) for path in definitions(self._folders)}
        if files == self._seen:
            return
        apps: dict[str, App] = {}
        for path in files:
            app = read_app(path)
            apps.setdefault(app.id, app)
        self._apps, self._seen = apps, files


def load(folders: Iterable[str | Path]) -> Apps:
    """The apps below *folders* and the shipped ones; a missing folder has none.

    Raises :class:`LocalServiceError` that names the file and what is wrong with it.
    """
    apps = Apps([*(Path(folder) for folder in folders), SHIPPED])
    apps.refresh()
    return apps


def definitions(folders: Iterable[Path]) -> list[Path]:
    """Every ``app.json`` one or two folders down, in order."""
    found: list[Path] = []
    for folder in folders:
        found += sorted([*folder.glob("*/app.json"), *folder.glob("*/*/app.json")])
    return found


def read_app(path: Path) -> App:
    """Read one ``app.json``. Raises :class:`LocalServiceError`."""
    document = _document(path)
    try:
        return _app(path, document)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LocalServiceError(f"{path}: {error}", hint=_HINT) from error


_HINT = "an app.json needs name, version and templatePath; see docs/local-service.md"


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise LocalServiceError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint=_HINT
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise LocalServiceError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise LocalServiceError(f"{path}: an app is a JSON object", hint=_HINT)
    return document


def _app(path: Path, document: dict[str, Any]) -> App:
    app_id = _app_id(document)
    template = path.parent / _text(document, "templatePath", "wrapper.sh")
    if not template.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError(f"templatePath leaves the app's folder: {document['templatePath']}")
    if not template.is_file():
        raise ValueError(f"there is no template {template.name} beside it")
    inputs = [_field(entry, "input") for entry in _list(document, "inputs")]
    parameters = [_field(entry, "parameter") for entry in _list(document, "parameters")]
    return App(
        id=app_id,
        folder=path.parent,
        template=template,
        system=_text(document, "executionSystem"),
        queue=_text(document, "defaultQueue"),
        node_count=_count(document, "defaultNodeCount"),
        processors_per_node=_count(document, "defaultProcessorsPerNode"),
        memory=str(document.get("defaultMemoryPerNode") or ""),
        max_run_time=_text(document, "defaultMaxRunTime"),
        inputs={entry.id: entry for entry in inputs},
        parameters={entry.id: entry for entry in parameters},
        document={**document, "id": app_id, "inputs": document.get("inputs") or [],
                  "parameters": document.get("parameters") or []},
    )  # fmt: skip


def _app_id(document: dict[str, Any]) -> str:
    name, version = _text(document, "name"), _text(document, "version")
    given = _text(document, "id")
    app_id = f"{name}-{version}" if name and version else given
    if not re.fullmatch(r"[A-Za-z0-9._-]+-[A-Za-z0-9._]+", app_id) or len(app_id) > 80:
        raise ValueError(f"name and version must make an id like wc-1.0, not {app_id!r}")
    if given and given != app_id:
        raise ValueError(f"id is {given!r} but name and version make {app_id!r}")
    return app_id


def _field(entry: Any, kind: str) -> AppField:
    if not isinstance(entry, dict) or not _text(entry, "id"):
        raise ValueError(f"every {kind} is an object with an id")
    name = _text(entry, "id")
    value, details = _object(entry, "value", name), _object(entry, "details", name)
    semantics = _object(entry, "semantics", name)
    type_ = _text(value, "type", "string") if kind == "parameter" else "input"
    if kind == "parameter" and type_ not in PARAMETER_TYPES:
        raise ValueError(f"{name}: type is one of {', '.join(sorted(PARAMETER_TYPES))}")
    choices = _choices(value.get("enum_values", value.get("enumValues")))
    if type_ == "enumeration" and not choices:
        raise ValueError(f"{name}: an enumeration needs enum_values")
    required = bool(value.get("required", False))
    maximum = int(semantics.get("maxCardinality", -1))
    default = value.get("default")
    return AppField(
        id=name,
        type=type_,
        required=required,
        visible=bool(value.get("visible", True)),
        default=tuple(default) if isinstance(default, list) else _one(default),
        validator=_pattern(name, value.get("validator")),
        choices=choices,
        minimum=int(semantics.get("minCardinality", 1 if required else 0)),
        maximum=maximum if maximum > 0 else None,
        argument=str(details.get("argument") or ""),
        show_argument=bool(details.get("showArgument", False)),
        repeat_argument=bool(details.get("repeatArgument", False)),
        enquote=bool(value.get("enquote", False)),
    )


def _choices(raw: Any) -> tuple[str, ...]:
    """Enumeration members: texts, or one-key objects ``{value: label}``."""
    return tuple(
        str(next(iter(entry))) if isinstance(entry, dict) else str(entry) for entry in raw or ()
    )


def _pattern(name: str, raw: Any) -> str:
    text = str(raw or "")
    if "(?i)" in text:  # legal anywhere in Java, only at the start in Python
        text = "(?i)" + text.replace("(?i)", "")
    try:
        return re.compile(text).pattern
    except re.error as error:
        raise ValueError(f"{name}: validator is not a regular expression: {error}") from error


def _one(default: Any) -> tuple[Any, ...]:
    return () if default is None or default == "" else (default,)


def _object(entry: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    value = entry.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"{name}: {key} must be an object")
    return value


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{key} must be an array")
    return value


def _text(document: Mapping[str, Any], key: str, default: str = "") -> str:
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a string")
    return value


def _count(document: dict[str, Any], key: str) -> int | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{key} must be a positive integer")
    return value


def _signature(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
