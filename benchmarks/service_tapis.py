"""The clients and jobs of ``benchmarks/service.py`` for Tapis v3."""

from __future__ import annotations

import http.client
import json
import random
import urllib.parse
from typing import Any

from jobsync.local.store.database import Store
from jobsync.local.store.rows import TAPIS, JobRow

APP, VERSION = "wc-demo", "1.00"
RESOURCES = ("JOB_HISTORY", "JOB_OUTPUT")


def login(url: str, user: str, password: str) -> str:
    """The token of a user."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    body = {"username": user, "password": password, "grant_type": "password"}
    head = {"Content-Type": "application/json"}
    connection.request("POST", "/v3/oauth2/tokens", json.dumps(body), head)
    token: str = json.loads(connection.getresponse().read())["result"]["access_token"][
        "access_token"
    ]
    connection.close()
    return token


class TapisTurns:
    """What a client does: the same three things, in the words of the other api."""

    base = "/v3/jobs"

    def head(self, token: str) -> dict[str, str]:
        return {"X-Tapis-Token": token, "Content-Type": "application/json"}

    def list_path(self, offset: int) -> str:
        return f"/list?limit=100&skip={offset}&orderBy=id(asc)"

    def ids(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [row["id"] for row in rows]

    def submit(self, name: str, **more: Any) -> tuple[str, dict[str, Any], int]:
        return "/submit", {"name": name, "appId": APP, "appVersion": VERSION, **more}, 200

    def blocker(self) -> dict[str, Any]:
        waits = [{"key": "wait_seconds", "value": "3600"}]
        return {"parameterSet": {"envVariables": waits}}

    def job_id(self, job: dict[str, Any]) -> str:
        return str(job["uuid"])

    def grant(self, dice: random.Random, job: str, user: str) -> tuple[str, Any, int, str]:
        """Method, path and body of a grant, the status of the answer, and what it leaves: of the
        resources of a user some are opened, never closed but all together."""
        if dice.random() < 0.25:
            return f"DELETE /{job}/share/{user}", None, 200, "NONE"
        body = {"grantee": user, "jobResource": list(RESOURCES), "jobPermission": "READ"}
        return f"POST /{job}/share", body, 200, "READ"

    def answers(self, row: Any, user: str, level: str) -> bool:
        return True  # the answer names the job only

    def stop(self, job: str) -> tuple[str, Any]:
        return f"/{job}/cancel", {}

    def level(self, store: Store, job: str, user: str) -> str:
        return "READ" if store.shares(job, user) else "NONE"

    def old(self, number: int, user: str) -> JobRow:
        """A job that has ended, as a submit stores it."""
        uuid = f"{number:08d}-0000-4000-8000-000000000000-007"
        macros = {f"Macro{n}": "x" * 40 for n in range(30)}
        request = {
            "appVersion": VERSION, "description": "d", "jobType": "FORK", "memoryMB": 100,
            "maxMinutes": 10, "isMpi": False, "notes": {}, "archiveMode": "ALWAYS",
            "parameterSet": {}, "macros": macros,
        }  # fmt: skip
        return JobRow(
            id=uuid, owner=user, name=f"old-{number}", app_id=APP, api=TAPIS, request=request,
            status="FINISHED", archive_system="archive", archive_path=f"jobs/{uuid}/archive",
            created=1.5e9 + number, last_updated=1.5e9 + number,
            directories=dict.fromkeys(("exec", "input", "output"), f"/.work/jobs/{uuid}"),
        )  # fmt: skip
