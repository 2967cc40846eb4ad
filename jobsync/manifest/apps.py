"""Declared jobs against the definitions of their apps: what the service would refuse or drop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from jobsync.errors import Problem
from jobsync.manifest.messages import quoted
from jobsync.model import App, DeclaredJob, DesiredState
from jobsync.platform import Wrong

_NONE: Mapping[str, str] = {}


def check_apps(
    desired: DesiredState,
    apps: Mapping[str, App | None],
    missing: Mapping[str, str] = _NONE,
) -> list[Problem]:
    """What the apps of *desired* would refuse, by their definitions in *apps*, sorted by address.

    *missing* has the service's words for apps that do not exist. A job is not checked when its app
    is None or absent in *apps* (the service publishes no definition), nor when it is pinned to a
    run, because it is not submitted.
    """
    problems: list[Problem] = []
    platform = desired.platform
    for job in _submitted(desired):
        app_id = platform.app_id(job.request)
        app = apps.get(app_id)
        if app_id in missing:
            problems.append(_missing(job, platform.app_field, app_id, missing[app_id]))
        if app is not None:
            problems.extend(_problems(job, platform.check_app(job, app)))
    return problems


def _missing(job: DeclaredJob, field: str, app_id: str, said: str) -> Problem:
    text = f"the service has no app {quoted(app_id)} that you can use"
    if not said or said.endswith(app_id):
        return _problem(job, field, text, "check its name and version")
    return _problem(job, field, f"{text}: {said}", "")


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


def _problems(job: DeclaredJob, found: Iterable[Wrong]) -> Iterator[Problem]:
    for wrong in found:
        yield _problem(job, ".".join(map(str, wrong.path)), wrong.message, wrong.hint)


def _problem(job: DeclaredJob, path: str, message: str, hint: str) -> Problem:
    where = job.places.get(path) or job.places.get(path.split(".")[0]) or job.where
    return Problem(where, f"jobs.{job.address}.{path}: {message}", hint)
