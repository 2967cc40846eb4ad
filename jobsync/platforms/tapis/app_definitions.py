"""Apps: their ids, their definitions in the folder of a set, and what a definition says.

An app is known by its id and a version (tapis-v3 §11.1). As one text that is ``ID:VERSION``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jobsync.model import App, JsonValue, Value
from jobsync.platforms.tapis.times import moment

_FOR_PEOPLE = frozenset({"description", "tags", "notes"})
"""What only people and portals read: keys of a definition, and of the entries of its lists."""


_SCRIPT, _SCRIPT_NAMED_IN = "tapisjob_app.sh", "tapisjob.manifest"


def joined_id(app_id: str, version: str) -> str:
    """One text for an app and its version; the app alone stands for its latest version."""
    return f"{app_id}:{version}" if version else app_id


def split_id(text: str) -> tuple[str, str]:
    """The app and the version of a text that :func:`joined_id` made."""
    app_id, _, version = text.partition(":")
    return app_id, version


def app_id(request: Mapping[str, Value]) -> str:
    """The app that *request* names, as one text; empty when it names none."""
    name, version = request.get("appId"), request.get("appVersion")
    return joined_id(str(name), str(version)) if name and version else ""


def defined_app(definition: Mapping[str, JsonValue], file_name: str) -> str:
    """The app of a definition; empty for that of an app of Agave v2, which has no ``runtime``."""
    if file_name == "app.json" and "runtime" not in definition:
        return ""
    name, version = definition.get("id"), definition.get("version")
    return joined_id(str(name), str(version)) if name and version else ""


def app_meaning(definition: Mapping[str, JsonValue]) -> JsonValue:
    """The definition without texts that are only for people."""
    return _without_words(definition)


def app_without_start(definition: Mapping[str, JsonValue], names: Collection[str]) -> str:
    """The script of a ZIP app that is the folder itself (tapis-v3 §11.4)."""
    if definition.get("runtime") != "ZIP" or definition.get("containerImage"):
        return ""
    return "" if {_SCRIPT, _SCRIPT_NAMED_IN} & set(names) else _SCRIPT


def described_app(definition: Mapping[str, JsonValue]) -> App:
    """What is known of an app by its *definition*, as the service answers it (tapis-v3 §11.1)."""
    attributes = mapping(definition.get("jobAttributes"))
    defaults = {name: attributes.get(name) for name in ("nodeCount", "maxMinutes")}
    return App(
        joined_id(str(definition.get("id")), str(definition.get("version"))),
        {},
        {},
        {name: value for name, value in defaults.items() if value is not None},
        moment(definition.get("updated")),
        definition,
    )


def mapping(value: object) -> Mapping[str, JsonValue]:
    """*value* when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _without_words(value: JsonValue | Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(value, Mapping):
        return {k: _without_words(v) for k, v in value.items() if k not in _FOR_PEOPLE}
    return [_without_words(item) for item in value] if isinstance(value, list) else value
