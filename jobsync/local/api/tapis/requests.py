"""A stored request as ``resubmit_request`` answers it: unset fields are null (tapis-v3 §5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jobsync.local.api.tapis.profile import Profile
from jobsync.local.api.tapis.schema import SUBMIT

_ARGUMENT = ("name", "description", "include", "arg", "notes")
_ENTRIES = {
    "appArgs": _ARGUMENT,
    "containerArgs": _ARGUMENT,
    "schedulerOptions": _ARGUMENT,
    "envVariables": ("key", "value", "description", "include", "notes"),
}
_LISTS = {
    "fileInputs": ("name", "description", "envKey", "autoMountLocal", "sourceUrl", "targetPath",
                   "notes"),
    "fileInputArrays": ("name", "description", "envKey", "sourceUrls", "targetDir", "notes"),
    "subscriptions": ("description", "enabled", "eventCategoryFilter", "deliveryTargets",
                      "ttlMinutes"),
}  # fmt: skip


def with_nulls(body: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """*body* with every member that it leaves out."""
    names = [name for name in SUBMIT if name != "archiveMode" or profile.modern]
    found = _filled(body, names)
    for name, keys in _LISTS.items():
        if found[name] is not None:
            found[name] = [_filled(one, keys) for one in found[name]]
    if found["parameterSet"] is not None:
        found["parameterSet"] = parameters = _filled(
            found["parameterSet"], [*_ENTRIES, "archiveFilter", "logConfig"]
        )
        for name, keys in _ENTRIES.items():
            if parameters[name] is not None:
                parameters[name] = [_filled(one, keys) for one in parameters[name]]
        if parameters["archiveFilter"] is not None:
            parameters["archiveFilter"] = _filled(
                parameters["archiveFilter"], ("includes", "excludes", "includeLaunchFiles")
            )
    return found


def _filled(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {**{name: given.get(name) for name in names}, **given}
