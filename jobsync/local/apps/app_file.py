"""One app: a folder with ``app.json`` (a subset of Agave's app schema) and a wrapper script.

An app's id is ``name-version``; an ``app.json`` that is a saved answer of an apps service may say
``name-versionu1`` too. Everything else in the folder is copied beside the job, as Agave copies an
app's deployment folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobsync.errors import LocalServiceError
from jobsync.given_files import json_of, read_given
from jobsync.java_regex import Uncheckable, found
from jobsync.structs import Struct, field

LARGEST = 1024 * 1024
"""Bytes that one ``app.json`` may have."""

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

    def accepts(self, text: str) -> bool:
        """Whether *text* passes the validator; one that cannot be tried here refuses nothing."""
        try:
            return not self.validator or found(self.validator, text)
        except Uncheckable:
            return True


class App(Struct, frozen=True):
    """An app as the service knows it.

    ``document`` is what its file says; ``modified`` is when that was written, in epoch seconds.
    """

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
    modified: float = 0.0


def read_app(path: Path) -> App:
    """Read one ``app.json``. Raises :class:`LocalServiceError`."""
    document = _document(path)
    try:
        return _app(path, document)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LocalServiceError(f"{path}: {error}", hint=_HINT) from error


def is_foreign(path: Path) -> bool:
    """Whether the file is readable and an app of the other api, which has ``runtime``."""
    try:
        return "runtime" in _document(path)
    except LocalServiceError:
        return False


def claimed_id(path: Path) -> str:
    """The id that the app of one ``app.json`` would have, "" where that cannot be told."""
    try:
        return _app_id(_document(path))
    except (LocalServiceError, ValueError):
        return ""


_HINT = "an app.json needs name, version and templatePath; see docs/local-service.md"
_ID = re.compile(r"[A-Za-z0-9._-]+-[A-Za-z0-9._]+")


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json_of(read_given(path, LARGEST))
    except json.JSONDecodeError as error:
        raise LocalServiceError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint=_HINT
        ) from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise LocalServiceError(f"{path}: cannot be read: {said}") from error
    if not isinstance(document, dict):
        raise LocalServiceError(f"{path}: an app is a JSON object", hint=_HINT)
    return document


def _app(path: Path, document: dict[str, Any]) -> App:
    app_id = _app_id(document)
    # The platform joins deploymentPath, "/" and this: a leading slash means the same folder.
    template = path.parent / _text(document, "templatePath", "wrapper.sh").lstrip("/")
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
        modified=path.stat().st_mtime,
    )  # fmt: skip


def _app_id(document: dict[str, Any]) -> str:
    name, version = _text(document, "name"), _text(document, "version")
    given = _text(document, "id")
    app_id = f"{name}-{version}" if name and version else given
    if "{{" in app_id:
        raise ValueError(f"{app_id!r} is a template: write the name and version themselves")
    if not _ID.fullmatch(app_id) or len(app_id) > 80:
        raise ValueError(f"name and version must make an id like wc-1.0, not {app_id!r}")
    if given and not re.fullmatch(re.escape(app_id) + r"(u[0-9]+)?", given):
        raise ValueError(f"id is {given!r} but name and version make {app_id!r}")
    return given or app_id


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
    required = _truth(value, "required")
    maximum = _whole(semantics, "maxCardinality", -1)
    default = value.get("default")
    return AppField(
        id=name,
        type=type_,
        required=required,
        visible=_truth(value, "visible", default=True),
        default=tuple(default) if isinstance(default, list) else _one(default),
        validator=str(value.get("validator") or ""),
        choices=choices,
        minimum=_whole(semantics, "minCardinality", 1 if required else 0),
        maximum=maximum if maximum > 0 else None,
        argument=str(details.get("argument") or ""),
        show_argument=_truth(details, "showArgument"),
        repeat_argument=_truth(details, "repeatArgument"),
        enquote=_truth(value, "enquote"),
    )


def _choices(raw: Any) -> tuple[str, ...]:
    """Enumeration members: texts, or one-key objects ``{value: label}``."""
    return tuple(
        str(next(iter(entry))) if isinstance(entry, dict) else str(entry) for entry in raw or ()
    )


def _truth(entry: dict[str, Any], key: str, *, default: bool = False) -> bool:
    value = entry.get(key)
    if isinstance(value, str):
        return value.lower() in ("true", "1")
    return default if value is None else bool(value)


def _whole(entry: dict[str, Any], key: str, default: int) -> int:
    value = entry.get(key)
    return default if value is None else int(value)


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
    if value is None or value == -1:  # what the platform says of one that is not set
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 1 or value % 1:
        raise ValueError(f"{key} must be a positive integer")
    return int(value)
