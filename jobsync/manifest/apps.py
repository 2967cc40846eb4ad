"""Declared jobs against the definitions of their apps: what the service would refuse or drop."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from jobsync.errors import Location, Problem
from jobsync.manifest.messages import dotted, quoted
from jobsync.model import App, DeclaredJob, DesiredState
from jobsync.platform import Platform, Wrong
from jobsync.suggestions import nearest

_NONE: Mapping[str, str] = {}


def check_apps(
    desired: DesiredState,
    apps: Mapping[str, App | None],
    missing: Mapping[str, str] = _NONE,
    known: Collection[str] = (),
    where_one_goes: str = "",
) -> list[Problem]:
    """What the apps of *desired* would refuse, by their definitions in *apps*, sorted by address.

    *missing* has the service's words for apps that do not exist, and *known* are those that do, to
    suggest one with a similar name; *where_one_goes* says where the service would find another.
    A job is not checked when its app
    is None or absent in *apps* (the service publishes no definition), nor when it is pinned to a
    run, because it is not submitted.
    """
    problems: dict[tuple[Location | None, str, str], Problem] = {}
    for job in _submitted(desired):
        for wrong in _wrong_with(job, desired.platform, apps, missing, known, where_one_goes):
            path = dotted(wrong.path)
            where = job.places.get(path) or job.places.get(path.split(".")[0]) or job.where
            found = Problem(where, f"jobs.{job.address}.{path}: {wrong.message}", wrong.hint)
            # The runs of a matrix would all say the same of one place.
            problems.setdefault((where, path, wrong.message), found)
    return list(problems.values())


def _wrong_with(
    job: DeclaredJob,
    platform: Platform,
    apps: Mapping[str, App | None],
    missing: Mapping[str, str],
    known: Collection[str],
    where_one_goes: str,
) -> Iterator[Wrong]:
    app_id = platform.app_id(job.request)
    app = apps.get(app_id)
    if app_id in missing:
        said = missing[app_id]
        message = f"the service has no app {quoted(app_id)} that you can use"
        hint = _similar(app_id, known)
        # "App not found: NAME VERSION" says no more than the message does.
        if said and not said.replace(" ", ":").endswith(app_id):
            message = f"{message}: {said}"
        elif not hint:
            hint = where_one_goes or "check its name and version, or list the apps: jobsync apps"
        yield Wrong(message, hint, path=(platform.app_field,))
    if app is not None:
        yield from platform.check_app(job, app)


def _similar(app_id: str, known: Collection[str]) -> str:
    """A known app with a similar name. The same version alone makes two no more similar."""
    near = nearest(_name(app_id), map(_name, known))
    found = [one for one in known if _name(one) == near]
    return f"did you mean {nearest(app_id, found) or max(found)}?" if near else ""


def _name(app_id: str) -> str:
    return re.sub(r"[-:][0-9][^-:]*$", "", app_id)


def unchecked(desired: DesiredState, apps: Mapping[str, App | None]) -> list[str]:
    """The rules of the apps that cannot be checked here against what is declared, and why."""
    notes: set[str] = set()
    for job in _submitted(desired):
        app = apps.get(desired.platform.app_id(job.request))
        if app is not None:
            notes.update(desired.platform.unchecked(job, app))
    return sorted(notes)


def _submitted(desired: DesiredState) -> Iterator[DeclaredJob]:
    return (job for job in desired.jobs.values() if job.pinned is None)
