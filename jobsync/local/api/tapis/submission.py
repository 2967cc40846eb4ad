"""From the body of a submit to a job, in the service's order (tapis-v3 §4.2, §4.3)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from jobsync import java_globs
from jobsync.local.api.tapis import directories, merge, schema
from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.call import TapisSite
from jobsync.local.api.tapis.macros import filled
from jobsync.local.api.tapis.profile import TENANT
from jobsync.local.api.tapis.resources import job_type, queue_of, resources
from jobsync.local.apps.tapis_apps import TapisApp
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import TAPIS, JobRow

ZIP_SAVE = "--tapis-zip-save"
_DANGEROUS = re.compile(r"[&><|;`]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RELATIVE = re.compile(r"(?!/)[^:]+")


def resolve(site: TapisSite, user: str, body: dict[str, Any]) -> JobRow:
    """The job that *body* asks for, ready to be stored as PENDING. Raises :class:`Problem`; then
    nothing was stored."""
    schema.submit(body, modern=site.profile.modern)
    if body.get("owner", user) != user or body.get("tenant", TENANT) != TENANT:
        raise Problem(400, "JOBS_INVALID_OWNER A job for another owner or tenant needs rights.")
    _check_words(body)
    app = _app(site, body)
    attributes = app.attributes
    system = _system(site, body, attributes)
    kind = job_type(body.get("jobType") or app.document["jobType"], system)
    asked = resources(body, attributes)
    queue = queue_of(body, attributes, system, kind, asked)
    parameters = _parameters(site, body, app)
    image = _image(app, parameters)
    job_uuid = f"{uuid.uuid4()}-007"
    now = site.clock()
    request: dict[str, Any] = {
        "appVersion": app.version,
        "jobType": kind,
        "dynamicExecSystem": False,
        "execSystemConstraints": body.get("execSystemConstraints"),
        "execSystemLogicalQueue": queue.name if kind == "BATCH" else None,
        "archiveOnAppError": _first(body, attributes, "archiveOnAppError", default=True),
        "memoryMB": asked.memory,
        "maxMinutes": asked.minutes,
        **_mpi(body, attributes),
        **{name: _cleared(_first(body, attributes, name)) for name in
           ("dtnSystemInputDir", "dtnSystemOutputDir")},
        "parameterSet": parameters,
        "subscriptions": [*_app_subscriptions(attributes), *body.get("subscriptions", [])],
        "notes": body.get("notes", app.document["notes"]),
        "containerImage": image,
    }  # fmt: skip
    request["archiveMode"] = body.get("archiveMode") or attributes["archiveMode"] or (
        "ALWAYS" if request["archiveOnAppError"] else "SKIP_ON_FAIL"
    )  # fmt: skip
    row = JobRow(
        id=job_uuid,
        owner=user,
        name=body["name"],
        app_id=app.id,
        api=TAPIS,
        request=request,
        system=system.name,
        queue=queue.name,
        node_count=asked.nodes,
        processors_per_node=asked.cores,
        memory_gb=asked.memory / 1024 if kind == "BATCH" else 0.0,
        max_run_time=f"{asked.minutes // 60:02d}:{asked.minutes % 60:02d}:00",
        archive=request["archiveMode"] != "NEVER",
        tags=sorted({*attributes["tags"], *body.get("tags", [])}),
        created=now,
        last_updated=now,
    )
    macros = directories.known(row, queue.partition or queue.name)
    request["fileInputs"] = merge.inputs(
        app.document, body.get("fileInputs", []), body.get("fileInputArrays", [])
    )
    row = directories.given(site, row, body, attributes, macros)
    _fill(row, app, body, macros)
    return row


def _app(site: TapisSite, body: Mapping[str, Any]) -> TapisApp:
    app_id, version = body["appId"], body["appVersion"]
    app = site.apps.get(app_id, version)
    if app is None:
        trouble = site.apps.trouble()
        raise Problem(
            404,
            f"TAPIS_APPCLIENT_NOT_FOUND App not found: {app_id} {version}"
            + (f" (this service cannot read {trouble})" if trouble else ""),
        )
    if not (app.document["enabled"] and app.document["versionEnabled"]):
        raise Problem(400, f"JOBS_APP_NOT_AVAILABLE App {app_id} {version} is not enabled.")
    if app.document["runtime"] != "ZIP":
        raise Problem(
            400,
            f"JOBS_UNSUPPORTED_RUNTIME App {app_id} {version} has runtime "
            f"{app.document['runtime']}: this service runs ZIP apps only; a ZIP app with a "
            "tapisjob_app.sh that calls the container would run here",
        )
    return app


def _system(site: TapisSite, body: Mapping[str, Any], attributes: Mapping[str, Any]) -> System:
    name = body.get("execSystemId") or attributes["execSystemId"]
    if not name:
        raise Problem(400, "JOBS_NO_EXEC_SYSTEM Neither the request nor the app has execSystemId.")
    found = site.systems.by_name.get(name)
    if found is None:
        raise Problem(404, f"TAPIS_SYSTEMCLIENT_NOT_FOUND System not found: {name}")
    return found


def _mpi(body: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    is_mpi = _first(body, attributes, "isMpi", default=False)
    command = body.get("mpiCmd") or attributes["mpiCmd"]
    prefix = body.get("cmdPrefix") or attributes["cmdPrefix"]
    if is_mpi and prefix:
        raise Problem(400, "JOBS_MPI_CMDPREFIX_CONFLICT isMpi and cmdPrefix exclude each other.")
    if is_mpi and not command:
        raise Problem(400, "JOBS_MPI_NO_COMMAND isMpi needs mpiCmd: this system has none.")
    return {"isMpi": is_mpi, "mpiCmd": command, "cmdPrefix": prefix}


def _check_words(body: Mapping[str, Any]) -> None:
    log = body.get("parameterSet", {}).get("logConfig") or {}
    words = {
        **{name: body.get(name) for name in
           ("appId", "appVersion", "execSystemId", "archiveSystemId", "execSystemLogicalQueue")},
        "mpiCmd": body.get("mpiCmd"), **log,
    }  # fmt: skip
    for name, text in words.items():
        if text and _DANGEROUS.search(text):
            raise Problem(400, f"JOBS_INVALID_CHARACTERS {name}: none of & > < | ; ` is allowed.")
    for name, text in (
        *words.items(),
        ("name", body["name"]),
        ("cmdPrefix", body.get("cmdPrefix")),
    ):
        if text and _CONTROL.search(text):
            raise Problem(400, f"JOBS_INVALID_CHARACTERS {name}: no control characters.")


def _parameters(site: TapisSite, body: Mapping[str, Any], app: TapisApp) -> dict[str, Any]:
    given, own = body.get("parameterSet") or {}, app.attributes["parameterSet"]
    found: dict[str, Any] = {
        kind: merge.arguments(kind, own[kind], given.get(kind, []))
        for kind in ("appArgs", "containerArgs", "schedulerOptions")
    }
    found["envVariables"] = merge.variables([], own["envVariables"], given.get("envVariables", []))
    theirs, mine = given.get("archiveFilter") or {}, own["archiveFilter"]
    launch = theirs.get("includeLaunchFiles")
    found["archiveFilter"] = {
        "includes": [*theirs.get("includes", []), *mine["includes"]],
        "excludes": [*theirs.get("excludes", []), *mine["excludes"]],
        "includeLaunchFiles": mine["includeLaunchFiles"] if launch is None else launch,
    }
    log = given.get("logConfig") or own["logConfig"]
    found["logConfig"] = {
        key: log.get(key) or "tapisjob.out" for key in ("stdoutFilename", "stderrFilename")
    }
    return found


def _image(app: TapisApp, parameters: Mapping[str, Any]) -> str:
    """What is unpacked, "" for the app's own folder. Raises :class:`Problem` for what cannot be."""
    for one in parameters["containerArgs"]:
        if one["arg"].strip() != ZIP_SAVE:
            raise Problem(
                400, f"JOBS_INVALID_CONTAINER_ARG {one['arg']}: a ZIP app takes only {ZIP_SAVE}"
            )
    image = str(app.document["containerImage"] or "")
    fits = (
        not image
        or image.startswith(("/", "tapis://local/", "tapis://archive/"))
        or (_RELATIVE.fullmatch(image) and ".." not in image.split("/"))
    )
    if not fits:
        raise Problem(
            400,
            f"JOBS_UNSUPPORTED_IMAGE containerImage {image}: this service takes tapis://local/..., "
            "tapis://archive/..., an absolute path below the workspace, or an archive in the "
            "app's folder",
        )
    return image


def _fill(row: JobRow, app: TapisApp, body: Mapping[str, Any], macros: dict[str, str]) -> None:
    """Put the macros into what takes them, and keep them for the environment of the job."""
    request = row.request
    parameters = request["parameterSet"]
    for kind in ("appArgs", "containerArgs", "schedulerOptions"):
        for one in parameters[kind]:
            one["arg"] = filled(one["arg"], macros)
    request["macros"] = {name: value for name, value in sorted(macros.items()) if value}
    archive = parameters["archiveFilter"]
    for key in ("includes", "excludes"):
        archive[key] = [filled(pattern, macros) for pattern in archive[key]]
        for pattern in archive[key]:
            try:
                java_globs.check(pattern)
            except ValueError as error:
                raise Problem(400, f"JOBS_INVALID_ARCHIVE_FILTER {key}: {error}") from error
    text = body.get("description") or app.attributes["description"]
    text = text or f"{app.id}-{app.version} submitted by {row.owner}@{TENANT}"
    request["description"] = filled(text, macros)


def _app_subscriptions(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The app's, whose category has another name there (tapis-v3 §11.1)."""
    return [
        {"eventCategoryFilter" if key == "jobEventCategoryFilter" else key: value
         for key, value in one.items() if value is not None}
        for one in attributes["subscriptions"]
    ]  # fmt: skip


def _first(
    body: Mapping[str, Any], attributes: Mapping[str, Any], name: str, default: Any = None
) -> Any:
    for source in (body, attributes):
        if source.get(name) is not None:
            return source[name]
    return default


def _cleared(value: Any) -> Any:
    return None if value == merge.NOT_SET else value
