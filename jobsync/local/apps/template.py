"""The wrapper of an app, filled in for one job.

Replacement is literal, as on Agave: a value lands in the script as it is, so parameters are shell
code to whoever wrote the wrapper. One pass, so that a value is never looked at again.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from jobsync.local.api.agave.request_fields import scalar_text
from jobsync.local.apps.app_file import App, AppField
from jobsync.local.storage.archive_path import slug
from jobsync.local.storage.systems import run_seconds
from jobsync.local.store.rows import JobRow

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_OURS = ("AGAVE_", "IPLANT_")
_CALLBACK = "AGAVE_JOB_CALLBACK_"


def fill(template: str, row: JobRow, app: App, staged: Mapping[str, Sequence[str]]) -> str:
    """The script to run. *staged* maps an input's id to the names of its files in the work folder.

    ``${id}`` of an input or parameter of the app becomes its values, absent ones nothing.
    Of ``${AGAVE_...}`` unknown ones become nothing too. Everything else is left to the shell.
    """
    values = _values(row, app, staged)
    macros = _macros(row)

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        if name.startswith(_CALLBACK):
            return _callback(name, row)
        if name.startswith(_OURS):
            return macros.get(name, "")
        return match[0]

    return _VARIABLE.sub(replacement, template)


def _values(row: JobRow, app: App, staged: Mapping[str, Sequence[str]]) -> dict[str, str]:
    values = {name: _joined(spec, list(staged.get(name, ()))) for name, spec in app.inputs.items()}
    parameters: Mapping[str, Any] = row.request.get("parameters") or {}
    for name, spec in app.parameters.items():
        raw = parameters.get(name)
        if raw is None:  # an optional parameter left out: the app's own default
            raw = list(spec.default)
        items = raw if isinstance(raw, list) else [raw]
        values[name] = _parameter(spec, [scalar_text(item) for item in items])
    return values


def _parameter(spec: AppField, texts: list[str]) -> str:
    is_true = bool(texts) and texts[0].lower() in ("true", "1", "on")
    if spec.type == "flag":
        return spec.argument if is_true else ""
    if spec.type == "bool":
        return _joined(spec, ["1" if is_true else "0"])
    return _joined(spec, texts)


def _joined(spec: AppField, texts: list[str]) -> str:
    """Values behind one another, each or only the first with the app's argument before it."""
    shown = [shlex.quote(text) if spec.enquote else text for text in texts]
    if spec.show_argument:
        shown = [
            spec.argument + text if spec.repeat_argument or index == 0 else text
            for index, text in enumerate(shown)
        ]
    return " ".join(shown)


def _callback(name: str, row: JobRow) -> str:
    """Only a failure means something; a file, since a node may have no network."""
    if name != _CALLBACK + "FAILURE":
        return ":"
    return f"echo FAILED > {shlex.quote(f'{row.work_dir}/.jobsync/callback')}"


def _macros(row: JobRow) -> dict[str, str]:
    seconds = run_seconds(row.max_run_time)
    system, path = row.archive_system or "", row.archive_path or ""
    return {
        "AGAVE_JOB_ID": row.id,
        "AGAVE_JOB_NAME": slug(row.name),
        "AGAVE_JOB_NAME_RAW": row.name,
        "AGAVE_JOB_OWNER": row.owner,
        "AGAVE_JOB_TENANT": "local",
        "AGAVE_JOB_APP_ID": row.app_id,
        "AGAVE_JOB_EXECUTION_SYSTEM": row.system,
        "AGAVE_JOB_BATCH_QUEUE": row.queue,
        "AGAVE_JOB_BATCH_QUEUE_EFFECTIVE_NAME": row.queue,
        "AGAVE_JOB_SUBMIT_TIME": str(int(row.created)),
        "AGAVE_JOB_ARCHIVE": "1" if row.archive else "0",
        "AGAVE_JOB_ARCHIVE_SYSTEM": system,
        "AGAVE_JOB_ARCHIVE_PATH": path,
        "AGAVE_JOB_ARCHIVE_URL": f"agave://{system}/{path}" if row.archive else "",
        "AGAVE_JOB_WORK_PATH": row.work_dir or "",
        "AGAVE_JOB_NODE_COUNT": str(row.node_count),
        "AGAVE_JOB_PROCESSORS_PER_NODE": str(row.processors_per_node),
        "IPLANT_CORES_REQUESTED": str(row.node_count * row.processors_per_node),
        "IPLANT_JOB_NAME": slug(row.name),
        "AGAVE_JOB_MEMORY_PER_NODE": str(row.memory_gb),
        "AGAVE_JOB_MAX_RUNTIME": row.max_run_time,
        "AGAVE_JOB_MAX_RUNTIME_SECONDS": str(seconds),
        "AGAVE_JOB_MAX_RUNTIME_MILLISECONDS": str(seconds * 1000),
    }
