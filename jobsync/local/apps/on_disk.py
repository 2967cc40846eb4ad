"""The apps that the local service would have for a folder, without starting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jobsync.local.apps.registry import load
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.local.store.rows import TAPIS
from jobsync.structs import Struct


class OnDisk(Struct, frozen=True):
    """Definitions by the id that was asked for; why there is none; and every id that there is."""

    definitions: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, str]
    ids: tuple[str, ...]


def apps_on_disk(workspace: Path, api: str, app_ids: Iterable[str]) -> OnDisk:
    """The apps *app_ids* in ``apps/`` of *workspace*, and those that come with the service."""
    find = _of_tapis if api == TAPIS else _of_agave
    return find(workspace / "apps", app_ids)


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
