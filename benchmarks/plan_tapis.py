"""What ``plan.py`` needs of Tapis v3: a set, the answers of a tenant, a script with tapipy."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from plan_agave import framed

USER, PROJECT = "alice", "bench"
PAGE = 1000
TIME = "2026-01-01T00:00:00.000000Z"
SDK = "tapipy"
RESOURCES = ("JOB_HISTORY", "JOB_RESUBMIT_REQUEST", "JOB_OUTPUT", "JOB_INPUT")


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def token(url: str) -> str:
    """A token as the tenant at *url* would issue it; nobody checks its signature here."""
    claims = {
        "iss": f"{url}/v3/tokens",
        "sub": f"{USER}@bench",
        "exp": int(time.time()) + 14400,
        "jti": "1",
        "tapis/tenant_id": "bench",
        "tapis/username": USER,
        "tapis/token_type": "access",
        "tapis/account_type": "user",
    }
    return f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}.c2lnbmVk"


CREDENTIAL = {"X-Tapis-Token": token("https://localhost")}


def manifest(declared: int, url: str, ceiling: int) -> str:
    """A set of *declared* jobs that bob and carol may read, on a target at *url*."""
    out = [
        f"apiVersion: jobsync/v1\napi: tapis/v3\nproject: {PROJECT}\ntarget: bench\n",
        f"targets:\n  bench: {{api: tapis/v3, baseUrl: '{url}', concurrency: {ceiling}}}\njobs:\n",
    ]
    for number in range(declared):
        out.append(
            f"  job-{number}:\n"
            "    appId: famsa\n"
            '    appVersion: "2.2"\n'
            "    execSystemLogicalQueue: normal\n"
            "    maxMinutes: 10\n"
            "    fileInputs:\n"
            f"      - {{name: sequences, sourceUrl: 'tapis://data/in-{number}.fa'}}\n"
            "    parameterSet:\n"
            f"      appArgs: [{{name: threads, arg: '-t {number % 16 + 1}'}}]\n"
            "      envVariables: [{key: GAP, value: '0.5'}]\n"
            "    permissions: {bob: READ, carol: READ}\n"
        )
    return "".join(out)


def environ(url: str) -> dict[str, str]:
    """The credentials of the benchmark's user."""
    return {"TAPIS_BASE_URL": url, "TAPIS_ACCESS_TOKEN": token(url)}


def is_of_a_list(target: str) -> bool:
    """Whether a call is not of one job, but of the lists of jobs."""
    return not urlsplit(target).path.endswith("/share")


def paths(pages: int, calls: int) -> list[str]:
    """As many calls, *pages* of them of the list: the first page first."""
    where = f"name.like={PROJECT}.*&select=uuid%2Cname&orderBy=id(asc)&limit={PAGE}"
    found = [f"/v3/jobs/search?{where}&skip={PAGE * n}" for n in range(pages)]
    return found + ["/v3/jobs/0001-007/share"] * (calls - pages)


class World:
    """All answers, ready to be sent."""

    def __init__(self, folder: Path) -> None:
        names = json.loads((folder / "names.json").read_text())
        mixed = sorted((hashlib.sha256(name.encode()).hexdigest(), name) for name in names)
        self.url = ""
        self.rows = [_row(number, key, name) for number, (key, name) in enumerate(mixed, 1)]
        self.searches: dict[str, list[dict[str, Any]]] = {}

    def answer(self, target: str) -> bytes:
        """The answer to a GET of *target*."""
        parts = urlsplit(target)
        terms = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path.endswith("/share"):
            return _whole(_shares(parts.path.split("/")[-2]), {})
        if parts.path == "/v3/jobs/search":
            return self._found(terms)
        if parts.path == "/v3/oauth2/userinfo":
            return _whole({"username": USER}, {})
        if parts.path == "/v3/tenants":
            return _whole([{"tenant_id": "bench", "base_url": self.url, "site_id": "s"}], {})
        if parts.path == "/v3/sites":
            site = {"site_id": "s", "primary": True, "base_url": self.url, "services": ["jobs"]}
            return _whole([site], {})
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    def _found(self, terms: dict[str, str]) -> bytes:
        pattern = terms.get("name.like", "*")
        if pattern not in self.searches:
            kept = [row for row in self.rows if fnmatch.fnmatchcase(row["name"], pattern)]
            self.searches[pattern] = kept
        rows, skip = self.searches[pattern], int(terms.get("skip", "0"))
        page = rows[skip : skip + int(terms.get("limit", "100"))]
        if fields := terms.get("select"):
            page = [{name: row.get(name) for name in fields.split(",")} for row in page]
        return _whole(page, {"recordCount": len(page), "recordLimit": PAGE, "recordsSkipped": skip,
                             "totalCount": len(rows)})  # fmt: skip


def _row(number: int, key: str, name: str) -> dict[str, Any]:
    uuid = f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:32]}-007"
    return {
        "uuid": uuid,
        "id": number,
        "name": name,
        "owner": USER,
        "createdby": USER,
        "tenant": "bench",
        "status": "FINISHED",
        "condition": "NORMAL_COMPLETION",
        "remoteOutcome": "FINISHED",
        "lastMessage": "",
        "appId": "famsa",
        "appVersion": "2.2",
        "created": TIME,
        "ended": TIME,
        "lastUpdated": TIME,
        "tags": [f"jobsync-op:{key[:16]}"],
        "visible": True,
        "archiveMode": "ALWAYS",
        "archiveSystemId": "data",
        "archiveSystemDir": f"/jobs/{uuid}/archive",
        "execSystemId": "exec",
        "execSystemOutputDir": f"/jobs/{uuid}/output",
    }


def _shares(uuid: str) -> list[dict[str, Any]]:
    return [
        {"tenant": "bench", "createdby": USER, "jobUuid": uuid, "grantee": user,
         "jobResource": resource, "jobPermission": "READ", "created": TIME}
        for user in ("bob", "carol")
        for resource in RESOURCES
    ]  # fmt: skip


def _whole(result: Any, metadata: dict[str, Any]) -> bytes:
    document = {"status": "success", "message": "JOBS_FOUND ok", "version": "25Q4.0",
                "commit": "0", "build": TIME, "result": result, "metadata": metadata}  # fmt: skip
    body = json.dumps(document, separators=(",", ":")).encode()
    return framed(body).replace(b"; charset=UTF-8", b"", 1)  # with one, tapipy hands out bytes


SCRIPT = f"""
import os, sys
from tapipy.tapis import Tapis
url, wanted, CA = sys.argv[1], int(sys.argv[2]), os.environ["REQUESTS_CA_BUNDLE"]
t = Tapis(base_url=url, jwt=os.environ["TAPIS_ACCESS_TOKEN"], verify=CA)
jobs = []
while True:
    page = t.jobs.getJobSearchList(
        limit={PAGE}, skip=len(jobs), orderBy="id(asc)", select="uuid,name,status",
        _tapis_query_parameters={{"name.like": "{PROJECT}.*"}},
    )
    if not page:
        break
    jobs += page
assert len(jobs) == wanted, len(jobs)
for job in jobs:
    assert {{row.grantee for row in t.jobs.getJobShare(jobUuid=job.uuid)}} == {{"bob", "carol"}}
"""
