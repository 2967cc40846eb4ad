"""Requests that make no sense: each is refused in words, none is an internal error."""

from __future__ import annotations

import json
import random
import urllib.parse
from collections.abc import Callable

import pytest

from jobsync.local.api.tapis.routes import _ANNOTATIONS, _BESIDE, _JOBS, _OPEN
from jobsync.local.store.rows import JobRow
from tests.local.tapis.conftest import User

ROUTES = sorted({**_OPEN, **_JOBS, **_ANNOTATIONS, **_BESIDE})
WORDS = [
    "", "/", ".", "..", "%00", "%2F", "%2e%2e", "%ff", "a", "0", "-1", "é", "\u2028", "'", '"', "*",
    "local", "archive", "mars", ".work", "jobs", "null", "x" * 300, "~", "(", "a,b", "%25",
    "%F0%9F%98",
]  # fmt: skip
VALUES: list[object] = [
    None, True, False, 0, -1, 2**31, 2**63, 1e300, "", "x", "x" * 70000, "\ud800", "\0", [], [[]],
    [None], {}, {"": None}, {"a": {"b": []}}, "${JobUUID}", "${", "tapis://", "tapis://local/../x",
]  # fmt: skip
QUERY = ["limit", "skip", "orderBy", "select", "listType", "startAfter", "computeTotal", "offset",
         "recurse", "pattern", "search", "compress", "name.eq", "tags.in", "created.gt", "zip",
         "name.like", "nodeCount.between", "lastUpdated.lt"]  # fmt: skip


def junk(dice: random.Random, depth: int = 0) -> object:
    if depth < 3 and dice.random() < 0.3:
        return {dice.choice(KEYS): junk(dice, depth + 1) for _ in range(3)}
    if depth < 3 and dice.random() < 0.3:
        return [junk(dice, depth + 1) for _ in range(2)]
    return dice.choice(VALUES)


KEYS = ["name", "appId", "appVersion", "parameterSet", "appArgs", "arg", "envVariables", "key",
        "value", "tags", "notes", "fileInputs", "sourceUrl", "targetPath", "search", "grantee",
        "jobResource", "jobPermission", "path", "eventData", "username", "password", "grant_type",
        "refresh_token", "archiveSystemDir", "execSystemExecDir", "description", "logConfig",
        "stdoutFilename", "subscriptions", "deliveryTargets", "token", "client_id"]  # fmt: skip


@pytest.mark.parametrize("seed", range(100, 106))
def test_junk(alice: User, app: Callable[..., str], put: Callable[..., JobRow], seed: int) -> None:
    dice = random.Random(seed)
    row, name = put(), app()
    for _ in range(250):
        path = dice.choice(ROUTES)
        for word in ("uuid", "user", "app", "version", "system", "tenant", "client"):
            path = path.replace(
                f"{{{word}}}",
                row.id if word == "uuid" and dice.random() < 0.7
                else urllib.parse.quote(dice.choice(WORDS), safe="%/."),
            )  # fmt: skip
        path = path.replace("*", urllib.parse.quote("/".join(dice.choices(WORDS, k=2)), safe="%/."))
        asked = {dice.choice(QUERY): dice.choice(WORDS) for _ in range(dice.randrange(3))}
        body = junk(dice)
        if isinstance(body, dict) and path == "jobs/submit":
            body = {"name": "x", "appId": name, "appVersion": "1.0", **body}
        method = dice.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
        raw = json.dumps(body).encode() if dice.random() < 0.95 else dice.randbytes(30)
        reply = alice.ask(
            method, f"{path}?{urllib.parse.urlencode(asked, errors='replace')}", raw,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        shown = (method, path, asked, raw[:300], reply.body[:300])
        assert b"Internal error" not in reply.body, shown
        assert reply.status in (200, 201, 400, 401, 403, 404, 409, 500, 501), shown
