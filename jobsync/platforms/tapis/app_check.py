"""A declared job against the definition of its app: what the service would refuse or drop.

The rules are those by which the service merges a request with an app (tapis-v3 §11.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.model import App, DeclaredJob, JsonValue, Value
from jobsync.platform import Step, Wrong
from jobsync.platforms.tapis.app_definitions import mapping
from jobsync.platforms.tapis.canonical import entries
from jobsync.platforms.tapis.fields import parameters_of

NOT_SET = "!tapis_not_set"
"""The value of a variable that a request must give (tapis-v3 §4.2)."""

Entry = Mapping[str, Value]

_ARGUMENTS = ("appArgs", "containerArgs", "schedulerOptions")


def check_app(job: DeclaredJob, app: App) -> Iterator[Wrong]:
    """The values of *job* that *app* would refuse. ``path`` of each is its place below the job."""
    definition = mapping(app.definition)
    if not definition:
        return
    if definition.get("enabled") is False or definition.get("versionEnabled") is False:
        yield Wrong(f"{app.id} is disabled", "use another version", path=("appVersion",))
    attributes = mapping(definition.get("jobAttributes"))
    parameters = mapping(attributes.get("parameterSet"))
    given = parameters_of(job.request)
    for name in _ARGUMENTS:
        path: Step = ("parameterSet", name)
        yield from _named(app, path, "name", "arg", _list(parameters, name), given.get(name))
    path = ("parameterSet", "envVariables")
    theirs = _list(parameters, "envVariables")
    yield from _named(app, path, "key", "value", theirs, given.get("envVariables"))
    if definition.get("runtime") == "ZIP":
        yield from _zip_only(app, given.get("containerArgs"))
    strict = definition.get("strictFileInputs") is True
    for name, source in (("fileInputs", "sourceUrl"), ("fileInputArrays", "sourceUrls")):
        yield from _inputs(
            app, name, source, _list(attributes, name), job.request.get(name), strict=strict
        )


def _named(
    app: App, path: Step, key: str, value: str, theirs: Sequence[Entry], ours: Value
) -> Iterator[Wrong]:
    """Arguments or variables: FIXED may not be given, REQUIRED must have a value."""
    own = {str(one.get(key)): one for one in entries(ours)}
    for entry in theirs:
        name, mode = str(entry.get(key)), entry.get("inputMode")
        where = (*path, name)
        if mode == "FIXED" and name in own:
            text = f"{app.id} fixes {path[-1]} {quoted(name)} itself"
            yield Wrong(text, "remove it", path=where)
        missing = entry.get(value) in (None, NOT_SET)
        if mode == "REQUIRED" and missing and name not in own:
            text = f"{app.id} needs {path[-1]} {quoted(name)}"
            yield Wrong(text, f"add {{{key}: {name}, {value}: ...}}", path=where)
        elif mode != "FIXED" and entry.get(value) == NOT_SET and name not in own:
            yield Wrong(f"{app.id} needs a value of {path[-1]} {quoted(name)}", path=where)


def _zip_only(app: App, ours: Value) -> Iterator[Wrong]:
    """The one argument that a ZIP app takes for its container (tapis-v3 §11.4)."""
    for number, one in enumerate(entries(ours)):
        if one.get("arg") != "--tapis-zip-save":
            text = f"{app.id} runs in no container: it takes no containerArgs"
            yield Wrong(text, "write appArgs", path=("parameterSet", "containerArgs", number))


def _inputs(
    app: App, field: str, source: str, theirs: Sequence[Entry], ours: Value, *, strict: bool
) -> Iterator[Wrong]:
    known = {str(entry.get("name")): entry for entry in theirs}
    given = {str(one.get("name")): one for one in entries(ours) if one.get("name")}
    for name, entry in known.items():
        one = given.get(name)
        if entry.get("inputMode") == "FIXED" and one is not None:
            text = f"{app.id} fixes {field} {quoted(name)} itself"
            yield Wrong(text, "remove it", path=(field, name))
        elif entry.get("inputMode") == "REQUIRED" and not (
            entry.get(source) or (one and one.get(source))
        ):
            hint = f"add {{name: {name}, {source}: ...}}"
            yield Wrong(f"{app.id} needs {field} {quoted(name)}", hint, path=(field, name))
    for number, one in enumerate(entries(ours)):
        name = str(one.get("name") or "")
        if name in known:
            continue
        hint = did_you_mean(name, known) or one_of(known)
        if strict:
            what = quoted(name) if name else "without a name"
            text = f"{app.id} has no {field} {what}, and takes only its own"
            yield Wrong(text, hint, path=(field, number))
        elif not one.get(source):
            text = f"{field} {quoted(name)} needs a {source}: {app.id} has none for it"
            yield Wrong(text, hint, path=(field, number))


def _list(parent: Mapping[str, JsonValue], name: str) -> list[Entry]:
    value: Value = parent.get(name)  # type: ignore[assignment]
    return entries(value)
