"""Declared jobs against the definitions of their apps: what the service would refuse or drop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jobsync.errors import Problem
from jobsync.identity import canonical_inputs, canonical_parameters, scalar_text
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.validators import mismatches
from jobsync.model import App, AppField, DeclaredJob, DesiredState, JsonValue, Value
from jobsync.secret import HIDDEN
from jobsync.sensitive import at, holds

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FLAGS = frozenset(("true", "1", "on", "false", "0", "off"))
_NONE: Mapping[str, str] = {}
_KINDS = {"inputs": "input", "parameters": "parameter"}


def check_apps(
    desired: DesiredState,
    apps: Mapping[str, App | None],
    missing: Mapping[str, str] = _NONE,
) -> list[Problem]:
    """What the apps of *desired* would not take, by the definitions in *apps*, sorted by address.

    *missing* has what the service says of apps that do not exist. A job whose app is None or
    absent in *apps* (the service does not tell) is not looked at, nor is one that is pinned to a
    run: it is not submitted.
    """
    problems: list[Problem] = []
    for job in desired.jobs.values():
        if job.pinned is not None:
            continue
        app_id = str(job.request.get("appId"))
        app = apps.get(app_id)
        if app_id in missing:
            problems.append(_missing(job, app_id, missing[app_id]))
        if app is not None:
            problems.extend(_check(job, app))
    return problems


def _missing(job: DeclaredJob, app_id: str, said: str) -> Problem:
    text = f"the service has no app {quoted(app_id)} that you can use"
    if not said or said.endswith(app_id):
        return _problem(job, "appId", text, "check its name and version")
    return _problem(job, "appId", f"{text}: {said}", "")


def _check(job: DeclaredJob, app: App) -> Iterator[Problem]:
    inputs = job.request.get("inputs")
    parameters = job.request.get("parameters")
    inputs = inputs if isinstance(inputs, dict) else {}
    parameters = parameters if isinstance(parameters, dict) else {}
    yield from _ids(job, app, "inputs", inputs, app.inputs)
    yield from _ids(job, app, "parameters", parameters, app.parameters)
    given_inputs = canonical_inputs(inputs)
    given_parameters = canonical_parameters(parameters)
    for field in app.inputs.values():
        yield from _count(job, app, "inputs", field, given_inputs.get(field.id, []))
    for field in app.parameters.values():
        given = given_parameters.get(field.id)
        values: list[JsonValue] = []
        if given is not None:
            values = list(given) if isinstance(given, list) else [given]
        yield from _count(job, app, "parameters", field, values)
        if field.id in app.parameters and field.visible:
            yield from _values(job, field, values)
    for miss in mismatches(job, app):
        if not miss.why:
            path = f"{miss.section}.{miss.id}"
            shown = _shown(job, path, miss.text)
            message = f"{app.id} takes only what matches {miss.expression}, not {shown}"
            yield _problem(job, path, message, "")


def _ids(
    job: DeclaredJob,
    app: App,
    section: str,
    declared: Mapping[str, Value],
    known: Mapping[str, AppField],
) -> Iterator[Problem]:
    kind = _KINDS[section]
    visible = sorted(field.id for field in known.values() if field.visible)
    for key in declared:
        path = f"{section}.{key}"
        if key not in known:
            other = "parameters" if section == "inputs" else "inputs"
            in_other = key in (app.parameters if section == "inputs" else app.inputs)
            hint = f"it is one of its {other}" if in_other else did_you_mean(key, visible)
            message = f"{app.id} has no {kind} {quoted(key)}: the service would drop it"
            yield _problem(job, path, message, hint or one_of(visible))
        elif not known[key].visible:
            message = f"{app.id} fixes the {kind} {quoted(key)} itself"
            yield _problem(job, path, message, "remove it")


def _count(
    job: DeclaredJob, app: App, section: str, field: AppField, values: list[JsonValue]
) -> Iterator[Problem]:
    if not field.visible:
        return
    kind = _KINDS[section]
    path = f"{section}.{field.id}"
    if not values:
        if field.required:
            yield _problem(job, path, f"{app.id} needs the {kind} {quoted(field.id)}", "")
        return
    if len(values) < field.minimum:
        message = f"{app.id} takes at least {field.minimum} values, not {len(values)}"
        yield _problem(job, path, message, "")
    most = 1 if section == "parameters" and field.type in ("bool", "flag") else field.maximum
    if most is not None and len(values) > most:
        yield _problem(job, path, f"{app.id} takes at most {most} values, not {len(values)}", "")


def _values(job: DeclaredJob, field: AppField, values: list[JsonValue]) -> Iterator[Problem]:
    path = f"parameters.{field.id}"
    for value in values:
        text = scalar_text(value)
        if "${jobs." in text:
            continue
        shown = _shown(job, path, text)
        if field.type == "number" and not _NUMBER.fullmatch(text):
            yield _problem(job, path, f"must be a number, not {shown}", "")
        elif field.type in ("bool", "flag") and text.lower() not in _FLAGS:
            yield _problem(job, path, f"must be true or false, not {shown}", "")
        elif field.type == "enumeration" and field.choices and text not in field.choices:
            hint = "" if shown == HIDDEN else did_you_mean(text, field.choices)
            choices = ", ".join(field.choices)
            yield _problem(job, path, f"must be one of {choices}, not {shown}", hint)


def _shown(job: DeclaredJob, path: str, text: str) -> str:
    return HIDDEN if holds(at(job.request, path)) else quoted(text)


def _problem(job: DeclaredJob, path: str, message: str, hint: str) -> Problem:
    where = job.places.get(path) or job.places.get(path.split(".")[0]) or job.where
    return Problem(where, f"jobs.{job.address}.{path}: {message}", hint)
