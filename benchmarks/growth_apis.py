"""What the sets of ``growth.py`` look like in the words of each api, and its finished jobs.

A finished job is a row of the local service's database, made with plain SQL: so the set can be that
of another version of jobsync as well.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

Columns = dict[str, Any]
"""A row of the table ``jobs``, by column."""


class Api(Protocol):
    """The words of one api."""

    head: tuple[str, ...]
    """Lines that a manifest needs beside those of every set."""

    readers: str
    """The line that shares a job with bob and carol."""

    demo: tuple[str, ...]
    """The lines of a job of an app that ships with the local service."""

    work: tuple[str, ...]
    """The lines of a job of the app that :meth:`make_app` makes."""

    parameter: str
    """The line that gives the parameter ``KEY`` the value ``VALUE``."""

    input: str
    """The line that takes the file ``URL`` as the input ``text``."""

    def make_app(self, folder: Path, script: str, parameter: str) -> None:
        """The app ``work``, which runs *script* in its output folder, below *folder*."""

    def finished(self, number: int, name: str) -> Columns:
        """A job of the app that ships with the service, which has ended."""

    def permit(self, db: sqlite3.Connection, ids: Sequence[str], users: Sequence[str]) -> None:
        """Let *users* read the jobs *ids*, and carol write as well where there is such a thing."""

    def credentials(self, user: str, secret: str) -> dict[str, str]:
        """The environment variables with which *user* reaches a service."""


class AgaveSets:
    """Agave v2."""

    head = ()
    readers = "permissions: {bob: READ, carol: READ_WRITE}"
    demo = ("appId: wc-demo-1.00",)
    work = ("appId: work-1.0",)
    parameter = "parameters: {KEY: VALUE}"
    input = "inputs: {text: 'URL'}"

    def make_app(self, folder: Path, script: str, parameter: str) -> None:
        app = folder / "apps" / "work-1.0"
        app.mkdir(parents=True)
        parameters = [{"id": parameter, "value": {"type": "number"}}] if parameter else []
        document = {"name": "work", "version": "1.0", "executionSystem": "local"}
        document |= {"templatePath": "run.sh"}
        (app / "app.json").write_text(json.dumps({**document, "parameters": parameters}))
        (app / "run.sh").write_text(f"set -eu\n{script}\n")

    def finished(self, number: int, name: str) -> Columns:
        request = {"inputs": {}, "parameters": {"lines": number + 1}}
        job = f"{number:019d}-growth-0001-007"
        return _row(number, job, name, "wc-demo-1.00", request)

    def permit(self, db: sqlite3.Connection, ids: Sequence[str], users: Sequence[str]) -> None:
        table = [
            (job, user, "READ_WRITE" if user == "carol" else "READ")
            for job in ids
            for user in users
        ]
        db.executemany("INSERT INTO pems (job_id, username, permission) VALUES (?, ?, ?)", table)

    def credentials(self, user: str, secret: str) -> dict[str, str]:
        return {"TAPIS_TOKEN": secret}


class TapisSets:
    """Tapis v3."""

    head = ("api: tapis/v3",)
    readers = "permissions: {bob: READ, carol: READ}"
    demo = ("appId: wc-demo", 'appVersion: "1.00"')
    work = ("appId: work", 'appVersion: "1.0"')
    parameter = "parameterSet: {envVariables: [{key: KEY, value: 'VALUE'}]}"
    input = "fileInputs: [{name: text, sourceUrl: 'URL'}]"

    def make_app(self, folder: Path, script: str, parameter: str) -> None:
        app = folder / "apps" / "work"
        app.mkdir(parents=True)
        given = [{"key": parameter, "value": "0"}] if parameter else []
        attributes = {"execSystemId": "local", "archiveSystemId": "archive"}
        filters = {"envVariables": given, "archiveFilter": {"includeLaunchFiles": False}}
        document = {"id": "work", "version": "1.0", "runtime": "ZIP", "jobType": "FORK"}
        document |= {"jobAttributes": {**attributes, "parameterSet": filters}}  # type: ignore[dict-item]
        (app / "app.json").write_text(json.dumps(document))
        ended = "trap 'echo $? > tapisjob.exitcode' EXIT"
        lines = ("set -eu", 'cd "$_tapisExecSystemOutputDir"', ended, script, "")
        (app / "tapisjob_app.sh").write_text("\n".join(lines))

    def finished(self, number: int, name: str) -> Columns:
        job = f"{number:08d}-0000-4000-8000-000000000000-007"
        given = [{"key": "lines", "value": str(number + 1), "notes": {}}]
        request = {
            "appVersion": "1.00", "description": "", "jobType": "FORK", "memoryMB": 100,
            "maxMinutes": 10, "isMpi": False, "mpiCmd": None, "cmdPrefix": None, "notes": {},
            "archiveOnAppError": True, "archiveMode": "ALWAYS", "dynamicExecSystem": False,
            "execSystemConstraints": None, "execSystemLogicalQueue": None,
            "dtnSystemInputDir": None, "dtnSystemOutputDir": None, "subscriptions": [],
            "fileInputs": [], "containerImage": "", "macros": {},
            "parameterSet": {"appArgs": [], "containerArgs": [], "schedulerOptions": [],
                             "envVariables": given, "archiveFilter": {}, "logConfig": {}},
        }  # fmt: skip
        more = {
            "api": "tapis/v3", "archive": 1, "archived": 1, "archive_system": "archive",
            "archive_path": f"jobs/{job}/archive", "tags": json.dumps(["jobsync:growth/any"]),
            "directories": json.dumps(dict.fromkeys(("exec", "input", "output"), f"/.work/{job}")),
        }  # fmt: skip
        return {**_row(number, job, name, "wc-demo", request), **more}

    def permit(self, db: sqlite3.Connection, ids: Sequence[str], users: Sequence[str]) -> None:
        (owner,) = db.execute("SELECT owner FROM jobs LIMIT 1").fetchone()
        resources = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")
        table = [
            (job, user, resource, owner, 1.6e9)
            for job in ids
            for user in users
            for resource in resources
        ]
        columns = "job_id, grantee, resource, grantor, created"
        db.executemany(f"INSERT INTO shares ({columns}) VALUES (?, ?, ?, ?, ?)", table)

    def credentials(self, user: str, secret: str) -> dict[str, str]:
        return {"TAPIS_API": "tapis/v3", "TAPIS_USERNAME": user, "TAPIS_PASSWORD": secret}


def _row(number: int, job: str, name: str, app: str, request: dict[str, Any]) -> Columns:
    at = 1.6e9 + number
    return {
        "id": job, "name": name, "app_id": app, "system": "local", "request": json.dumps(request),
        "queue": "debug", "node_count": 1, "processors_per_node": 1, "memory_gb": 1.0,
        "max_run_time": "00:10:00", "archive": 0, "status": "FINISHED", "message": "",
        "retries": 0, "created": at, "last_updated": at, "submitted": at, "started": at,
        "ended": at, "cancel_requested": 0, "visible": 1, "archived": 0, "notifications": "[]",
    }  # fmt: skip


APIS: dict[str, Api] = {"agave/v2": AgaveSets(), "tapis/v3": TapisSets()}
"""The apis by name."""
