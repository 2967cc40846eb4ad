"""Which handler answers which path and method (agave-v2 §1.1).

Paths are matched as they were sent, percent signs and all: the service's router does not decode
its variables, so a user name in a path stays encoded (agave-v2 §5.4).
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Union

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Response

from jobsync.local.api.agave import catalog, files, jobs, outputs, permissions, systems
from jobsync.local.api.agave.answer import Answer
from jobsync.local.api.agave.dialect import Dialect
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.context import Call
from jobsync.structs import Struct

Handler = Callable[[Call], Union[Answer, Response]]


class Operation(Struct, frozen=True):
    """A name (what ``on=`` of a fault matches) and what carries it out."""

    name: str
    handler: Handler


def _search_by_path(call: Call) -> Answer:
    """``/search/{attribute}/{value}`` ignores its filters (agave-v2 §2.6, defect 9), and wants a
    value for each attribute (agave-v2 §11a)."""
    parts = call.names["terms"].split("/")
    if len(parts) % 2:
        raise Refusal(400, f"Unknown job attribute {parts[-1]}")
    return jobs.list_jobs(call)


Methods = Mapping[str, Operation]

JOBS: Mapping[str, Methods] = {
    "jobs": {
        "GET": Operation("list", jobs.list_jobs),
        "POST": Operation("submit", jobs.submit),
    },
    "search": {"GET": Operation("list", _search_by_path)},
    "job": {
        "GET": Operation("get", jobs.show),
        "POST": Operation("manage", jobs.manage),
        "DELETE": Operation("delete", jobs.delete),
    },
    "status": {"GET": Operation("status", jobs.show_status)},
    "history": {"GET": Operation("history", jobs.show_history)},
    "pems": {
        "GET": Operation("pems-list", permissions.list_all),
        "POST": Operation("pems-grant", permissions.grant),
        "DELETE": Operation("pems-drop", permissions.drop_all),
    },
    "pems-user": {
        "GET": Operation("pems-show", permissions.show_one),
        "POST": Operation("pems-grant", permissions.grant),
        "DELETE": Operation("pems-revoke", permissions.drop_one),
    },
    "listings": {"GET": Operation("listings", outputs.listing)},
    "media": {
        "GET": Operation("media", outputs.download),
        "HEAD": Operation("media", outputs.download),
    },
}

BESIDE: Mapping[str, Methods] = {
    "apps": {"GET": Operation("apps", catalog.list_apps)},
    "app": {"GET": Operation("apps", catalog.show_app)},
    "me": {"GET": Operation("profiles", catalog.show_me)},
    "profiles": {"GET": Operation("profiles", catalog.list_profiles)},
    "profile": {"GET": Operation("profiles", catalog.show_profile)},
    "files-list": {"GET": Operation("files", files.listing)},
    "files-media": {
        "GET": Operation("files", files.download),
        "HEAD": Operation("files", files.download),
        "POST": Operation("files-upload", files.upload),
    },
    "files-history": {"GET": Operation("files", files.history)},
    "systems": {"GET": Operation("systems", systems.list_systems)},
    "system": {"GET": Operation("systems", systems.show_system)},
    "queues": {"GET": Operation("systems", systems.list_queues)},
    "clients": {
        "GET": Operation("clients", catalog.list_clients),
        "POST": Operation("clients", catalog.create_client),
    },
    "client": {
        "GET": Operation("clients", catalog.show_client),
        "DELETE": Operation("clients", catalog.delete_client),
    },
}

WITH_PASSWORD = frozenset({"clients", "client"})
"""Routes that take a user's password (HTTP Basic) in place of a token."""

_FILES = (("listings", "files-list"), ("media", "files-media"), ("history", "files-history"))
ALOE_ACTIONS = "any(cancel, kill, stop, hide, unhide, resubmit)"


class Match(Struct, frozen=True):
    """A recognised path: its methods, the decoded job id, and the raw rest of its variables."""

    endpoint: str
    methods: Methods
    names: Mapping[str, str]


class Router:
    """The paths of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        rules = [*_jobs_rules(), *_beside_rules()]
        self._table: dict[str, Methods] = {**JOBS, **BESIDE}
        if dialect.is_aloe:
            rules.append(Rule(f"/jobs/v2/<job>/<{ALOE_ACTIONS}:action>", endpoint="action"))
            self._table["action"] = {"POST": Operation("manage", jobs.act_by_path)}
        self._map = Map(rules, strict_slashes=False, merge_slashes=False).bind("localhost")

    def match(self, path: str) -> Match | None:
        """What *path* (from :func:`normal`) leads to, None for no service of ours."""
        try:
            endpoint, names = self._map.match(path)
        except NotFound:
            return None
        found = {key: str(value) for key, value in names.items()}
        for key in ("job", "app", "system"):
            if key in found:
                found[key] = urllib.parse.unquote(found[key])
        return Match(endpoint, self._table[endpoint], found)


def normal(uri: str) -> str:
    """The raw path of a request target: no query, doubled slashes collapsed, none at the end."""
    path = uri.partition("?")[0]
    if not path.startswith("/"):
        path = "/" + re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*", "", path)
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def _jobs_rules() -> list[Rule]:
    job = "/jobs/v2/<job>"
    return [
        Rule("/jobs/v2", endpoint="jobs"),
        Rule("/jobs/v2/search/<path:terms>", endpoint="search"),
        Rule(job, endpoint="job"),
        # Prefix matching: what is not known below a job is the job (agave-v2 §1.1, danger).
        Rule(f"{job}/<path:rest>", endpoint="job"),
        *_with_rest(f"{job}/status", "status"),
        *_with_rest(f"{job}/history", "history"),
        Rule(f"{job}/pems", endpoint="pems"),
        *_with_rest(f"{job}/pems/<user>", "pems-user"),
        Rule(f"{job}/outputs/listings", endpoint="listings"),
        Rule(f"{job}/outputs/listings/<path:path>", endpoint="listings"),
        Rule(f"{job}/outputs/media", endpoint="media"),
        Rule(f"{job}/outputs/media/<path:path>", endpoint="media"),
    ]


def _beside_rules() -> list[Rule]:
    rules = [
        Rule("/apps/v2", endpoint="apps"),
        Rule("/apps/v2/<app>", endpoint="app"),
        Rule("/profiles/v2", endpoint="profiles"),
        Rule("/profiles/v2/me", endpoint="me"),
        Rule("/profiles/v2/<user>", endpoint="profile"),
        Rule("/systems/v2", endpoint="systems"),
        Rule("/systems/v2/<system>", endpoint="system"),
        Rule("/systems/v2/<system>/queues", endpoint="queues"),
        Rule("/clients/v2", endpoint="clients"),
        Rule("/clients/v2/<client>", endpoint="client"),
    ]
    for kind, endpoint in _FILES:
        rules += [
            Rule(f"/files/v2/{kind}", endpoint=endpoint),
            Rule(f"/files/v2/{kind}/<path:path>", endpoint=endpoint),
            Rule(f"/files/v2/{kind}/system/<system>", endpoint=endpoint),
            Rule(f"/files/v2/{kind}/system/<system>/<path:path>", endpoint=endpoint),
        ]
    return rules


def _with_rest(path: str, endpoint: str) -> list[Rule]:
    return [Rule(path, endpoint=endpoint), Rule(f"{path}/<path:rest>", endpoint=endpoint)]
