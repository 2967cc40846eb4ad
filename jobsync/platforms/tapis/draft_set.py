"""A set of manifests for Agave v2 as one draft for Tapis v3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobsync.manifest.writer import Draft, Noted, Remark, dump
from jobsync.manifest.yaml_reader import read
from jobsync.platforms.converting import Converted, NotConvertible
from jobsync.platforms.tapis.draft import EXPECT, Body, draft_of, shown
from jobsync.platforms.tapis.platform import TAPIS

_LEFT_OUT = {
    "id": "it pins a job of Agave v2",
    "formerly": "no run here has an older name",
}
_SECTIONS = ("targets", "variables", "teams", "defaults", "guards", "jobs")


def is_set(file: str, data: bytes) -> bool:
    """Whether *data* is a manifest, or a file called like one that cannot be read."""
    document = read(data, file)
    if document.problems and file.endswith((".yaml", ".yml")):
        return True
    return isinstance(document.value, dict) and "apiVersion" in document.value


def draft_set(files: Iterable[tuple[str, bytes]]) -> Converted:
    """One manifest made of those in *files*, with TODO behind each line to look at.

    Raises :class:`NotConvertible` for files that cannot be read, or that say a thing twice.
    """
    merged: dict[str, Any] = {}
    wrong: list[str] = []
    for file, data in files:
        document = read(data, file)
        wrong += [str(problem) for problem in document.problems]
        value = document.value
        if not isinstance(value, dict) or document.problems:
            continue
        if value.get("api") == TAPIS.name:
            wrong.append(f"{file} is for {TAPIS.name} already")
            continue
        for key, part in value.items():
            wrong += _add(merged, key, part, file)
    if wrong:
        raise NotConvertible("\n".join(wrong))
    warnings = ["the comments of the manifests are not in the draft"]
    return Converted(dump(_drafted(merged)), warnings)


def _add(merged: dict[str, Any], key: str, part: Any, file: str) -> list[str]:
    """Put one section of a file into the whole; what is said twice."""
    if key in _SECTIONS and isinstance(part, dict):
        section = merged.setdefault(key, {})
        twice = [name for name in part if name in section]
        section.update(part)
        return [f"{file}: {key}.{name} is defined twice" for name in twice]
    if key in merged and merged[key] != part:
        return [f"{file}: {key} is defined twice"]
    merged[key] = part
    return []


def _drafted(whole: Mapping[str, Any]) -> Body:
    out: Body = {"#": Remark("A draft. Look at each line with TODO, then: jobsync validate")}
    out["apiVersion"], out["api"] = whole.get("apiVersion", "jobsync/v1"), TAPIS.name
    defaults = whole.get("defaults") if isinstance(whole.get("defaults"), dict) else {}
    for key, value in whole.items():
        if key in ("apiVersion", "api"):
            continue
        if key == "targets" and isinstance(value, dict):
            out[key] = {name: _target(one) for name, one in value.items()}
        elif key == "defaults" and isinstance(value, dict):
            out[key] = draft_of(value)
        elif key == "jobs" and isinstance(value, dict):
            out[key] = {name: _job(one, defaults or {}) for name, one in value.items()}
        else:
            out[key] = value
    return out


def _target(value: Any) -> Draft:
    if not isinstance(value, dict):
        return Noted(value, "TODO: not a target")
    out: Body = {"api": TAPIS.name}
    for key, one in value.items():
        if key == "baseUrl":
            words = "TODO: the tenant's URL, like https://designsafe.tapis.io"
            out[key] = Noted(one, f"{words} (was {shown(one)})")
        elif key != "api":
            out[key] = one
    return out


def _job(value: Any, defaults: Mapping[str, Any]) -> Draft:
    if not isinstance(value, dict):
        return Noted(value, "TODO: not a job")
    kept = {key: one for key, one in value.items() if key not in _LEFT_OUT}
    out = draft_of(kept)
    if value.get("archive") is True and defaults.get("archive") is False:
        out["archiveMode"] = "ALWAYS"
    for key, why in _LEFT_OUT.items():
        if key in value:
            out[f"# {key}"] = Remark(f"TODO left out: {key}: {shown(value[key])}: {why}")
    if "expect" not in value and "expect" not in defaults:
        out["# expect"] = EXPECT
    return out
