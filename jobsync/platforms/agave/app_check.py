"""A declared job against the definition of its app: what the service would refuse or drop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jobsync.identity import scalar_text
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.model import App, AppField, DeclaredJob, JsonValue, Value
from jobsync.platform import Wrong
from jobsync.platforms.agave.canonical import canonical_inputs, canonical_parameters
from jobsync.platforms.agave.validators import mismatches
from jobsync.secret import HIDDEN
from jobsync.sensitive import at, holds

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FLAGS = frozenset(("true", "1", "on", "false", "0", "off"))
_KINDS = {"inputs": "input", "parameters": "parameter"}


def check_app(job: DeclaredJob, app: App) -> Iterator[Wrong]:
    """The values of *job* that *app* would refuse. ``path`` of each is its place below the job."""
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
            message = f"{app.id} takes only values that match {miss.expression}, not {shown}"
            yield _wrong(path, message, "")


def _ids(
    job: DeclaredJob,
    app: App,
    section: str,
    declared: Mapping[str, Value],
    known: Mapping[str, AppField],
) -> Iterator[Wrong]:
    kind = _KINDS[section]
    visible = sorted(field.id for field in known.values() if field.visible)
    for key in declared:
        path = f"{section}.{key}"
        if key not in known:
            other = "parameters" if section == "inputs" else "inputs"
            in_other = key in (app.parameters if section == "inputs" else app.inputs)
            hint = f"it is one of its {other}" if in_other else did_you_mean(key, visible)
            message = f"{app.id} has no {kind} {quoted(key)}: the service would drop it"
            yield _wrong(path, message, hint or one_of(visible))
        elif not known[key].visible:
            message = f"{app.id} fixes the {kind} {quoted(key)} itself"
            yield _wrong(path, message, "remove it")


def _count(
    job: DeclaredJob, app: App, section: str, field: AppField, values: list[JsonValue]
) -> Iterator[Wrong]:
    if not field.visible:
        return
    kind = _KINDS[section]
    path = f"{section}.{field.id}"
    if not values:
        if field.required:
            yield _wrong(path, f"{app.id} needs the {kind} {quoted(field.id)}", "")
        return
    if len(values) < field.minimum:
        message = f"{app.id} takes at least {field.minimum} values, not {len(values)}"
        yield _wrong(path, message, "")
    most = 1 if section == "parameters" and field.type in ("bool", "flag") else field.maximum
    if most is not None and len(values) > most:
        yield _wrong(path, f"{app.id} takes at most {most} values, not {len(values)}", "")


def _values(job: DeclaredJob, field: AppField, values: list[JsonValue]) -> Iterator[Wrong]:
    path = f"parameters.{field.id}"
    for value in values:
        text = scalar_text(value)
        if "${jobs." in text:
            continue
        shown = _shown(job, path, text)
        if field.type == "number" and not _NUMBER.fullmatch(text):
            yield _wrong(path, f"must be a number, not {shown}", "")
        elif field.type in ("bool", "flag") and text.lower() not in _FLAGS:
            yield _wrong(path, f"must be true or false, not {shown}", "")
        elif field.type == "enumeration" and field.choices and text not in field.choices:
            hint = "" if shown == HIDDEN else did_you_mean(text, field.choices)
            choices = ", ".join(field.choices)
            yield _wrong(path, f"must be one of {choices}, not {shown}", hint)


def _shown(job: DeclaredJob, path: str, text: str) -> str:
    return HIDDEN if holds(at(job.request, path)) else quoted(text)


def _wrong(path: str, message: str, hint: str) -> Wrong:
    return Wrong(message, hint, path=tuple(path.split(".", 1)))
