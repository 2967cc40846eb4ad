"""The four directories of a job, and the macros, some of which are directories (tapis-v3 §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.call import TapisSite
from jobsync.local.api.tapis.ends import outcome_of
from jobsync.local.api.tapis.macros import dates, directory, filled
from jobsync.local.api.tapis.places import JOBS, WORKING_DIR
from jobsync.local.api.tapis.profile import TENANT
from jobsync.local.store.rows import JobRow
from jobsync.structs import replace


def known(row: JobRow, partition: str) -> dict[str, str]:
    """The macros whose values are known before the directories are."""
    request = row.request
    is_batch = request["jobType"] == "BATCH"
    found = {
        "JobUUID": row.id,
        "Tenant": TENANT,
        "JobOwner": row.owner,
        "EffectiveUserId": row.owner,
        "AppId": row.app_id,
        "AppVersion": request["appVersion"],
        "ExecSystemId": row.system,
        "DynamicExecSystem": "false",
        "JobWorkingDir": WORKING_DIR,
        "ArchiveOnAppError": str(request["archiveOnAppError"]).lower(),
        "ArchiveMode": request["archiveMode"],
        "Nodes": str(row.node_count),
        "CoresPerNode": str(row.processors_per_node),
        "MemoryMB": str(request["memoryMB"]),
        "MaxMinutes": str(request["maxMinutes"]),
        "SysRootDir": "/",
        "SysHost": "localhost",
        **dates(row.created),
    }
    if is_batch:
        found |= {
            "SysBatchScheduler": "SLURM",
            "ExecSystemLogicalQueue": row.queue,
            "ExecSystemHPCQueue": partition,
        }
    found["JobName"] = filled(row.name, found)
    return found


def given(
    site: TapisSite,
    row: JobRow,
    body: Mapping[str, Any],
    attributes: Mapping[str, Any],
    macros: dict[str, str],
) -> JobRow:
    """*row* with its directories, which are its own afterwards, its name and its log names;
    *macros* are completed. Raises :class:`Problem`."""
    archive_system = body.get("archiveSystemId") or attributes["archiveSystemId"] or row.system
    if not site.places.knows(archive_system):
        raise Problem(404, f"TAPIS_SYSTEMCLIENT_NOT_FOUND System not found: {archive_system}")
    macros["ArchiveSystemId"] = archive_system

    def asked(name: str) -> str | None:
        text = body.get(name) or attributes[name]
        return directory(text, macros, name) if text else None

    # Each directory may use the macros of those before it, so the order matters.
    execute = asked("execSystemExecDir") or f"{WORKING_DIR}/{JOBS}/{row.id}"
    execute = site.places.claim(row.system, execute, row.owner, row.id)
    macros["ExecSystemExecDir"] = execute
    found = {"exec": execute}
    for key, name, default in (
        ("input", "ExecSystemInputDir", execute),
        ("output", "ExecSystemOutputDir", f"{execute}/output"),
    ):
        path = asked(f"execSystem{key.capitalize()}Dir") or default
        if path not in found.values():  # else it is claimed already
            path = site.places.claim(row.system, path, row.owner, row.id)
        found[key] = macros[name] = path
    own = f"/{JOBS}/{row.id}/archive"
    # On the same system the output directory serves as the archive, and nothing is copied.
    default = found["output"] if archive_system == row.system else own
    archive = asked("archiveSystemDir") or default
    archive = site.places.claim(archive_system, archive, row.owner, row.id)
    macros["ArchiveSystemDir"] = archive
    log = row.request["parameterSet"]["logConfig"]
    for key, name in (("stdoutFilename", "StdoutFilename"), ("stderrFilename", "StderrFilename")):
        log[key] = macros[name] = filled(log[key], macros)
        if "/" in log[key] or log[key] in (".", ".."):
            raise Problem(400, f"JOBS_INVALID_LOG_NAME {key}: a file name, not {log[key]}")
    return replace(
        row,
        name=macros["JobName"],
        directories=found,
        archive_system=archive_system,
        archive_path=archive.lstrip("/"),
    )


def same_place(row: JobRow) -> bool:
    """Whether the archive is the output directory, so that nothing is copied."""
    output = row.directories["output"].lstrip("/")
    return row.archive_system == row.system and row.archive_path == output


def outputs_of(row: JobRow, *, running: bool = False) -> tuple[str, str]:
    """System and directory of a job's outputs (tapis-v3 §8.1); *running* those of a live one."""
    in_archive = not running and (
        row.status == "FINISHED"
        or (row.status == "FAILED" and outcome_of(row) != "FAILED_SKIP_ARCHIVE")
    )
    if in_archive and row.archive:
        return row.archive_system or row.system, f"/{row.archive_path}"
    return row.system, row.directories["output"]
