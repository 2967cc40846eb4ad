"""The apps that the local service would have for a folder, without starting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jobsync.given_files import json_of, read_given
from jobsync.local.apps.app_file import LARGEST
from jobsync.local.apps.registry import definitions, load
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.store.rows import AGAVE, TAPIS
from jobsync.structs import Struct, replace


class OnDisk(Struct, frozen=True):
    """Definitions by the id that was asked for; why there is none; and every id that there is."""

    definitions: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, str]
    ids: tuple[str, ...]


def apps_on_disk(workspace: Path, api: str, app_ids: Iterable[str]) -> OnDisk:
    """The apps *app_ids* in ``apps/`` of *workspace*, and those that come with the service."""
    find = _of_tapis if api == TAPIS else _of_agave
    found = find(workspace / "apps", app_ids)
    others = {app_id: _of_other_api(workspace, api, app_id) for app_id in found.missing}
    return replace(
        found, missing={app_id: others[app_id] or why for app_id, why in found.missing.items()}
    )


def _of_other_api(workspace: Path, api: str, app_id: str) -> str:
    """That a file which would define *app_id* is written for the other api; empty for none."""
    for path in definitions([workspace / "apps"]):
        try:
            document = json_of(read_given(path, LARGEST))
        except (OSError, ValueError):
            continue
        if not isinstance(document, dict) or ("runtime" in document) == (api == TAPIS):
            continue
        name, version = document.get("name") or document.get("id"), document.get("version")
        if app_id in (f"{name}-{version}", f"{name}:{version}"):
            return f"{path.relative_to(workspace)} is an app of {_OTHER[api]}"
    return ""


_OTHER = {
    TAPIS: "Agave v2: one of Tapis v3 has id, version and runtime (docs/local-service.md)",
    AGAVE: "Tapis v3: one of Agave v2 has name, version and templatePath (docs/local-service.md)",
}


def _of_agave(folder: Path, app_ids: Iterable[str]) -> OnDisk:
    apps = load([folder])
    found, missing = dict[str, Mapping[str, Any]](), dict[str, str]()
    for app_id in app_ids:
        app = apps.get(app_id)
        if app is None:
            missing[app_id] = apps.trouble(app_id)
        else:
            found[app_id] = app.document
    return OnDisk(found, missing, tuple(app.id for app in apps.list()))


def _of_tapis(folder: Path, app_ids: Iterable[str]) -> OnDisk:
    apps = TapisApps([folder])
    found, missing = dict[str, Mapping[str, Any]](), dict[str, str]()
    for app_id in app_ids:
        name, _, version = app_id.partition(":")
        app = apps.get(name, version or None)
        if app is None:
            missing[app_id] = apps.trouble()
        else:
            found[app_id] = app.document
    return OnDisk(found, missing, tuple(f"{app.id}:{app.version}" for app in apps.latest()))
