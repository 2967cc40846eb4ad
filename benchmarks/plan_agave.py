"""What ``plan.py`` needs of Agave v2: a set, the answers of a service, a script with agavepy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, TOKEN, PROJECT = "alice", "benchmark-token", "bench"
PAGE = 250
TIME = "2026-01-01T00:00:00.000-06:00"
HEAD = '{"status":"success","message":null,"version":"2.2.22-r7deb380","result":'
SDK = "agavepy"
CREDENTIAL = {"Authorization": f"Bearer {TOKEN}"}


def manifest(declared: int, url: str, ceiling: int) -> str:
    """A set of *declared* jobs that bob and carol may read, on a target at *url*."""
    out = [
        f"apiVersion: jobsync/v1\nproject: {PROJECT}\ntarget: bench\n",
        f"targets:\n  bench: {{baseUrl: '{url}', concurrency: {ceiling}}}\njobs:\n",
    ]
    for number in range(declared):
        out.append(
            f"  job-{number}:\n"
            "    appId: famsa-2.2\n"
            f"    inputs: {{sequences: agave://data/in-{number}.fa}}\n"
            f"    parameters: {{threads: {number % 16 + 1}, gap: 0.5}}\n"
            "    batchQueue: normal\n"
            '    maxRunTime: "00:10:00"\n'
            "    permissions: {bob: READ, carol: READ_WRITE}\n"
        )
    return "".join(out)


def environ(url: str) -> dict[str, str]:
    """The credentials of the benchmark's user."""
    return {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": TOKEN}


def is_of_a_list(target: str) -> bool:
    """Whether a call is not of one job, but of the lists of jobs."""
    return "/pems" not in target


def paths(pages: int, calls: int) -> list[str]:
    """As many calls, *pages* of them of the list: the first page first."""
    found = [f"/jobs/v2/?filter=id&limit={PAGE}&offset={PAGE * n}" for n in range(pages)]
    return found + ["/jobs/v2/0001-007/pems?limit=250&offset=0"] * (calls - pages)


# --- the answers -----------------------------------------------------------------------


class World:
    """All answers, ready to be sent."""

    def __init__(self, folder: Path) -> None:
        names = json.loads((folder / "names.json").read_text())
        mixed = sorted((hashlib.sha256(name.encode()).hexdigest()[:12], name) for name in names)
        self.url = ""
        self.rows, self.summaries = [], []
        for key, name in mixed:
            row = {
                "id": f"{int(key, 16):019d}-0001-007",
                "name": name,
                "owner": USER,
                "appId": "famsa-2.2",
                "status": "FINISHED",
                "created": TIME,
                "startTime": TIME,
                "endTime": TIME,
                "executionSystem": "local",
            }
            self.rows.append(_bytes(row))
            links = {"self": {"href": f"https://localhost/jobs/v2/{row['id']}"}}
            self.summaries.append(_bytes({**row, "_links": links}))
        self.lists: dict[str, list[bytes]] = {}

    def answer(self, target: str) -> bytes:
        parts = urlsplit(target)
        terms = {key: values[0] for key, values in parse_qs(parts.query).items()}
        start, length = int(terms.get("offset", "0")), min(PAGE, int(terms.get("limit", "100")))
        if parts.path.endswith("/pems"):
            rows = self._permissions(parts.path.split("/")[-2])
            return _whole([rows[0], *rows[1:][start : start + length]])
        if parts.path.startswith("/profiles"):
            return framed(HEAD.encode() + _bytes({"username": USER}) + b"}")
        if parts.path.rstrip("/") != "/jobs/v2":
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        found = self.rows if "filter" in terms else self.summaries
        return _whole(found[start : start + length])

    def _permissions(self, job: str) -> list[bytes]:
        users = ((USER, True), ("bob", False), ("carol", True))
        base = f"https://localhost/jobs/v2/{job}"
        return [
            _bytes(
                {
                    "username": user,
                    "internalUsername": None,
                    "permission": {"read": True, "write": write},
                    "_links": {
                        "self": {"href": f"{base}/pems/{user}"},
                        "parent": {"href": base},
                        "profile": {"href": f"https://localhost/profiles/v2/{user}"},
                    },
                }
            )
            for user, write in users
        ]


def _bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _whole(rows: list[bytes]) -> bytes:
    return framed(HEAD.encode() + b"[" + b",".join(rows) + b"]}")


def framed(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
        b"Date: Thu, 01 Jan 2026 06:00:00 GMT\r\nServer: benchmark\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body


# --- the script ------------------------------------------------------------------------

SCRIPT = f"""
import os, sys, warnings
warnings.filterwarnings("ignore")
from urllib.parse import urlsplit
import agavepy.agave as module
url, wanted, CA = sys.argv[1], int(sys.argv[2]), os.environ["REQUESTS_CA_BUNDLE"]
resources = module.load_resource(url)
for api in resources["apis"]:  # the SDK drops a port that is in the URL, and sends no token then
    if "basePath" in api["api_declaration"]:
        api["api_declaration"]["basePath"] = url
ag = module.Agave(api_server=url, token="{TOKEN}", resources=resources, verify=CA)
ag.host = urlsplit(url).hostname
ag.refresh_aris()
jobs, offset = [], 0
while True:
    page = ag.jobs.list(limit={PAGE}, offset=offset)
    if not page:
        break
    jobs += page
    offset += len(page)
ours = [job for job in jobs if job["name"].startswith("{PROJECT}.")]
assert len(ours) == wanted, len(ours)
for job in ours:
    users, offset = [], 0
    while len(page := ag.jobs.listPermissions(jobId=job["id"], limit={PAGE}, offset=offset)) > 1:
        users += page[1:]
        offset += len(page) - 1
    assert len(users) == 2
"""
